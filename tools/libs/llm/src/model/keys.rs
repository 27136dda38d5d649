//! Reading a model's metadata, with bounds: an untrusted file may contain anything.

use std::fmt::Display;

use serde_json::Value as Json;
use sigmavault_gguf::Metadata;

use super::error::LoadError;

/// An upper bound of all counts but vocabulary and context; products of two of them fit in 64 bits.
const LIMIT: usize = 1 << 24;

/// Where an architecture's values are: `prefix.key` in GGUF metadata, `key` in a `config.json`.
#[derive(Debug, Clone, Copy)]
pub enum Keys<'a> {
    /// GGUF metadata and the architecture's prefix.
    Gguf(&'a Metadata, &'a str),
    /// A `config.json`.
    Json(&'a Json),
}

/// An error about a value.
pub fn bad<T: Display + ?Sized>(key: &str, value: &T, reason: &'static str) -> LoadError {
    LoadError::BadValue {
        key: key.to_owned(),
        value: value.to_string(),
        reason,
    }
}

/// Checks the range of a count.
fn bounded(name: &str, found: u64) -> Result<usize, LoadError> {
    match usize::try_from(found) {
        Ok(count) if count <= LIMIT => Ok(count),
        _ => Err(bad(name, &found, "it is larger than any model has")),
    }
}

impl Keys<'_> {
    /// The key as in the file.
    pub fn name(&self, key: &str) -> String {
        match self {
            Self::Gguf(_, prefix) => format!("{prefix}.{key}"),
            Self::Json(_) => key.to_owned(),
        }
    }

    /// An optional count. Zero and absurd sizes are rejected.
    pub fn maybe_count(&self, key: &str) -> Result<Option<usize>, LoadError> {
        match self.count_or_none(key)? {
            Some(0) => Err(bad(&self.name(key), &0, "it cannot be zero")),
            found => Ok(found),
        }
    }

    /// An optional count that may be zero.
    pub fn count_or_none(&self, key: &str) -> Result<Option<usize>, LoadError> {
        let name = self.name(key);
        let found = match self {
            Self::Gguf(metadata, _) => match metadata.get(&name) {
                None => return Ok(None),
                Some(value) => value
                    .as_u64()
                    .ok_or_else(|| bad(&name, "no number", "a count was expected"))?,
            },
            Self::Json(json) => match json.get(key) {
                None | Some(Json::Null) => return Ok(None),
                Some(value) => value
                    .as_u64()
                    .ok_or_else(|| bad(&name, value, "a count was expected"))?,
            },
        };
        bounded(&name, found).map(Some)
    }

    /// A count for each of `layers` layers, possibly zero: an array, or one number for all. GGUF only.
    pub fn counts(&self, key: &str, layers: usize) -> Result<Vec<usize>, LoadError> {
        let name = self.name(key);
        let Self::Gguf(metadata, _) = self else {
            return Err(LoadError::MissingKey(name));
        };
        let Some(numbers) = metadata.u64s(&name) else {
            let one = self.count_or_none(key)?;
            return one.map(|n| vec![n; layers]).ok_or(LoadError::MissingKey(name));
        };
        if numbers.len() != layers {
            return Err(bad(
                &name,
                &format!("{} numbers", numbers.len()),
                "it must be one for each layer",
            ));
        }
        numbers.into_iter().map(|number| bounded(&name, number)).collect()
    }

    /// A count.
    pub fn count(&self, key: &str) -> Result<usize, LoadError> {
        self.maybe_count(key)?
            .ok_or_else(|| LoadError::MissingKey(self.name(key)))
    }

    /// An optional finite number.
    pub fn maybe_number(&self, key: &str) -> Result<Option<f32>, LoadError> {
        let name = self.name(key);
        let found = match self {
            Self::Gguf(metadata, _) => match metadata.get(&name) {
                None => return Ok(None),
                Some(value) => value.as_f32(),
            },
            Self::Json(json) => match json.get(key) {
                None | Some(Json::Null) => return Ok(None),
                #[allow(clippy::cast_possible_truncation, reason = "rounding is meant")]
                Some(value) => value.as_f64().map(|v| v as f32),
            },
        };
        match found {
            Some(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(bad(&name, "something else", "a finite number was expected")),
        }
    }

    /// A number above zero.
    pub fn positive(&self, key: &str) -> Result<f32, LoadError> {
        let number = self
            .maybe_number(key)?
            .ok_or_else(|| LoadError::MissingKey(self.name(key)))?;
        if number > 0.0 {
            Ok(number)
        } else {
            Err(bad(&self.name(key), &number, "it must be above zero"))
        }
    }

    /// An optional string.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self {
            Self::Gguf(metadata, _) => metadata.string(&self.name(key)),
            Self::Json(json) => json.get(key)?.as_str(),
        }
    }

    /// A boolean, false if absent.
    pub fn switch(&self, key: &str) -> bool {
        self.maybe_switch(key).unwrap_or(false)
    }

    /// An optional boolean.
    pub fn maybe_switch(&self, key: &str) -> Option<bool> {
        match self {
            Self::Gguf(metadata, _) => metadata.bool(&self.name(key)),
            Self::Json(json) => json.get(key)?.as_bool(),
        }
    }
}
