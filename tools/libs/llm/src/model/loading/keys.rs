//! Reading a model's settings, with bounds: an untrusted file may contain anything.
//!
//! A [`Ledger`] notes every key that is read, so that those left over can be refused: a setting that is not applied gives wrong
//! answers. A value of the wrong type is an error, never taken for absent.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use serde_json::Value as Json;
use sigmavault_gguf::Metadata;

use crate::model::error::LoadError;

/// An upper bound of all counts but vocabulary and context; products of two of them fit in 64 bits.
const LIMIT: usize = 1 << 24;

/// Numbers from here on stand for infinity in a `config.json`.
const INFINITE: f64 = 1e300;

/// The names of keys or tensors that were read.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<HashSet<String>>);

impl Ledger {
    /// Notes a name.
    pub fn note(&self, name: &str) {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !read.contains(name) {
            read.insert(name.to_owned());
        }
    }

    /// Whether a name was noted.
    pub fn has(&self, name: &str) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(name)
    }
}

/// The settings of a model: `prefix.key` in GGUF metadata, `key` in a `config.json`.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    source: Source<'a>,
    ledger: &'a Ledger,
}

#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    /// GGUF metadata and the architecture's prefix.
    Gguf(&'a Metadata, &'a str),
    /// An object of a `config.json`, and its key in the whole unless it is the whole.
    Json(&'a Json, Option<&'static str>),
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

/// A value of either format.
#[derive(Clone, Copy)]
enum Value<'a> {
    Gguf(&'a sigmavault_gguf::Value),
    Json(&'a Json),
}

impl<'a> Keys<'a> {
    /// The keys of an architecture in a GGUF file.
    pub fn gguf(metadata: &'a Metadata, architecture: &'a str, ledger: &'a Ledger) -> Self {
        Self {
            source: Source::Gguf(metadata, architecture),
            ledger,
        }
    }

    /// The keys of a `config.json`.
    pub fn json(config: &'a Json, ledger: &'a Ledger) -> Self {
        Self {
            source: Source::Json(config, None),
            ledger,
        }
    }

    /// Whether they are those of a GGUF file.
    pub fn is_gguf(self) -> bool {
        matches!(self.source, Source::Gguf(..))
    }

    /// The name in a `config.json`, or that in a GGUF file, whichever this is.
    pub fn either<T>(self, json: T, gguf: T) -> T {
        if self.is_gguf() { gguf } else { json }
    }

    /// The key as in the file.
    pub fn name(self, key: &str) -> String {
        match self.source {
            Source::Gguf(_, prefix) => format!("{prefix}.{key}"),
            Source::Json(_, None) => key.to_owned(),
            Source::Json(_, Some(at)) => format!("{at}.{key}"),
        }
    }

    /// The value of a key, which is noted as read. The null of JSON is an absent value.
    fn value(self, key: &str) -> Option<Value<'a>> {
        let name = self.name(key);
        self.ledger.note(&name);
        match self.source {
            Source::Gguf(metadata, _) => metadata.get(&name).map(Value::Gguf),
            Source::Json(json, _) => json.get(key).filter(|v| !v.is_null()).map(Value::Json),
        }
    }

    /// Whether there is a value, which is not noted.
    pub fn has(self, key: &str) -> bool {
        match self.source {
            Source::Gguf(metadata, _) => metadata.get(&self.name(key)).is_some(),
            Source::Json(json, _) => json.get(key).is_some_and(|v| !v.is_null()),
        }
    }

    /// The error for a value of another type.
    fn other(self, key: &str, reason: &'static str) -> LoadError {
        match self.source {
            Source::Gguf(..) => bad(&self.name(key), "something else", reason),
            Source::Json(json, _) => bad(&self.name(key), json.get(key).unwrap_or(&Json::Null), reason),
        }
    }

    /// An optional count. Zero and absurd sizes are rejected.
    pub fn maybe_count(self, key: &str) -> Result<Option<usize>, LoadError> {
        match self.count_or_none(key)? {
            Some(0) => Err(bad(&self.name(key), &0, "it cannot be zero")),
            found => Ok(found),
        }
    }

    /// An optional count that may be zero.
    pub fn count_or_none(self, key: &str) -> Result<Option<usize>, LoadError> {
        let found = match self.value(key) {
            None => return Ok(None),
            Some(Value::Gguf(value)) => value.as_u64(),
            Some(Value::Json(value)) => value.as_u64(),
        };
        let found = found.ok_or_else(|| self.other(key, "a count was expected"))?;
        bounded(&self.name(key), found).map(Some)
    }

    /// A count for each of `layers` layers, possibly zero: an array, or one number for all. GGUF only.
    pub fn counts(self, key: &str, layers: usize) -> Result<Vec<usize>, LoadError> {
        let name = self.name(key);
        let Source::Gguf(metadata, _) = self.source else {
            return Err(LoadError::MissingKey(name));
        };
        let Some(numbers) = metadata.u64s(&name) else {
            let one = self.count_or_none(key)?;
            return one.map(|n| vec![n; layers]).ok_or(LoadError::MissingKey(name));
        };
        self.ledger.note(&name);
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
    pub fn count(self, key: &str) -> Result<usize, LoadError> {
        self.maybe_count(key)?
            .ok_or_else(|| LoadError::MissingKey(self.name(key)))
    }

    /// An optional finite number.
    pub fn maybe_number(self, key: &str) -> Result<Option<f32>, LoadError> {
        let found = match self.value(key) {
            None => return Ok(None),
            Some(Value::Gguf(value)) => value.as_f32().or_else(|| value.as_i64().map(|n| n as f32)),
            #[allow(clippy::cast_possible_truncation, reason = "rounding is meant")]
            Some(Value::Json(value)) => value.as_f64().map(|v| v as f32),
        };
        match found {
            Some(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(self.other(key, "a finite number was expected")),
        }
    }

    /// An optional number above zero.
    pub fn maybe_positive(self, key: &str) -> Result<Option<f32>, LoadError> {
        match self.maybe_number(key)? {
            Some(number) if number <= 0.0 => Err(bad(&self.name(key), &number, "it must be above zero")),
            found => Ok(found),
        }
    }

    /// A number above zero.
    pub fn positive(self, key: &str) -> Result<f32, LoadError> {
        self.maybe_positive(key)?
            .ok_or_else(|| LoadError::MissingKey(self.name(key)))
    }

    /// An optional string.
    pub fn text(self, key: &str) -> Result<Option<&'a str>, LoadError> {
        let found = match self.value(key) {
            None => return Ok(None),
            Some(Value::Gguf(sigmavault_gguf::Value::String(text))) => Some(text.as_str()),
            Some(Value::Gguf(_)) => None,
            Some(Value::Json(value)) => value.as_str(),
        };
        let found = found.ok_or_else(|| self.other(key, "a text was expected"))?;
        Ok(Some(found))
    }

    /// An optional list of strings. JSON only.
    pub fn texts(self, key: &str) -> Result<Option<Vec<&'a str>>, LoadError> {
        let Some(Value::Json(list)) = self.value(key) else {
            return Ok(None);
        };
        let list = list
            .as_array()
            .ok_or_else(|| self.other(key, "a list was expected"))?;
        let texts: Option<Vec<&str>> = list.iter().map(Json::as_str).collect();
        texts
            .map(Some)
            .ok_or_else(|| self.other(key, "a list of texts was expected"))
    }

    /// A boolean, false if absent.
    pub fn switch(self, key: &str) -> Result<bool, LoadError> {
        Ok(self.maybe_switch(key)?.unwrap_or(false))
    }

    /// An optional boolean.
    pub fn maybe_switch(self, key: &str) -> Result<Option<bool>, LoadError> {
        let found = match self.value(key) {
            None => return Ok(None),
            Some(Value::Gguf(sigmavault_gguf::Value::Bool(value))) => Some(*value),
            Some(Value::Gguf(_)) => None,
            Some(Value::Json(value)) => value.as_bool(),
        };
        let found = found.ok_or_else(|| self.other(key, "true or false was expected"))?;
        Ok(Some(found))
    }

    /// An object within a `config.json`.
    pub fn object(self, key: &'static str) -> Result<Option<Keys<'a>>, LoadError> {
        match self.value(key) {
            Some(Value::Json(value)) if value.is_object() => Ok(Some(Keys {
                source: Source::Json(value, Some(key)),
                ledger: self.ledger,
            })),
            None => Ok(None),
            Some(_) => Err(self.other(key, "an object was expected")),
        }
    }

    /// Rejects another boolean than this one.
    pub fn only_switch(self, key: &str, value: bool, reason: &'static str) -> Result<(), LoadError> {
        match self.maybe_switch(key)? {
            Some(found) if found != value => Err(bad(&self.name(key), &found, reason)),
            _ => Ok(()),
        }
    }

    /// Rejects another number than this one.
    pub fn only_number(self, key: &str, value: f32, reason: &'static str) -> Result<(), LoadError> {
        match self.maybe_number(key)? {
            Some(found) if (found - value).abs() > f32::EPSILON * value.abs() => {
                Err(bad(&self.name(key), &found, reason))
            }
            _ => Ok(()),
        }
    }

    /// Rejects a text that is none of these.
    pub fn only_text(self, key: &str, values: &[&str], reason: &'static str) -> Result<(), LoadError> {
        match self.text(key)? {
            Some(found) if !values.contains(&found) => Err(bad(&self.name(key), found, reason)),
            _ => Ok(()),
        }
    }

    /// Rejects limits other than zero and infinity, the range that changes nothing. JSON only.
    pub fn only_unlimited(self, key: &str, reason: &'static str) -> Result<(), LoadError> {
        let Some(Value::Json(range)) = self.value(key) else {
            return Ok(());
        };
        // Some versions of transformers write infinity as an object.
        let end = |v: &Json| v.as_f64().is_some_and(|n| n >= INFINITE) || v["__float__"] == "Infinity";
        match range.as_array().map(Vec::as_slice) {
            Some([from, to]) if from.as_f64() == Some(0.0) && end(to) => Ok(()),
            _ => Err(bad(&self.name(key), range, reason)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_another_type_are_refused_and_not_taken_for_absent() {
        let config = json!({
            "a": "yes", "b": 1, "c": -1, "d": null, "e": {"f": [1]}, "limit": [0.0, 1e308], "other": [0.0, 0.1],
        });
        let ledger = Ledger::default();
        let keys = Keys::json(&config, &ledger);
        let says = |error: LoadError| error.to_string();
        assert_eq!(
            says(keys.switch("a").unwrap_err()),
            "the model's metadata has a = \"yes\": true or false was expected"
        );
        assert_eq!(
            says(keys.text("b").unwrap_err()),
            "the model's metadata has b = 1: a text was expected"
        );
        assert_eq!(
            says(keys.maybe_count("c").unwrap_err()),
            "the model's metadata has c = -1: a count was expected"
        );
        assert_eq!(keys.maybe_number("d").unwrap(), None);
        let inner = keys.object("e").unwrap().unwrap();
        assert_eq!(
            says(inner.maybe_number("f").unwrap_err()),
            "the model's metadata has e.f = [1]: a finite number was expected"
        );
        keys.only_unlimited("limit", "no").unwrap();
        assert_eq!(
            says(keys.only_unlimited("other", "no").unwrap_err()),
            "the model's metadata has other = [0.0,0.1]: no"
        );
        assert!(ledger.has("e.f") && !ledger.has("f"));
    }
}
