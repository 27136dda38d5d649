//! Reading a JSON object field by field. Every error names its field. Unknown fields are left, or refused.

use std::ops::RangeInclusive;

use log::debug;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::ApiError;

/// The fields of an object that have not been read yet. `null` counts as absent.
#[derive(Debug)]
pub struct Fields {
    rest: Map<String, Value>,
    at: String,
}

impl Fields {
    /// The fields of `value`, found at the path `at` of the request; an empty path is the request itself.
    pub fn of(value: Value, at: &str) -> Result<Self, ApiError> {
        match value {
            Value::Object(rest) => Ok(Self {
                rest,
                at: at.to_owned(),
            }),
            other => Err(ApiError::Invalid {
                message: format!(
                    "{} must be an object, not {}",
                    if at.is_empty() { "the body" } else { at },
                    kind(&other)
                ),
                param: (!at.is_empty()).then(|| at.to_owned()),
                code: None,
            }),
        }
    }

    /// The path of a field of this object.
    pub fn path(&self, name: &str) -> String {
        if self.at.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.at)
        }
    }

    /// The raw value of a field.
    pub fn raw(&mut self, name: &str) -> Option<Value> {
        self.rest.remove(name).filter(|value| !value.is_null())
    }

    /// An optional field of type `T`, described as `what`.
    pub fn get<T: DeserializeOwned>(&mut self, name: &str, what: &str) -> Result<Option<T>, ApiError> {
        let Some(value) = self.raw(name) else {
            return Ok(None);
        };
        let found = kind(&value);
        serde_json::from_value(value).map(Some).map_err(|_| {
            let path = self.path(name);
            ApiError::invalid(path.as_str(), format!("{path} must be {what}, not {found}"))
        })
    }

    /// An optional string.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        self.get(name, "a string")
    }

    /// An optional boolean; false when absent.
    pub fn flag(&mut self, name: &str) -> Result<bool, ApiError> {
        Ok(self.get(name, "true or false")?.unwrap_or_default())
    }

    /// A required field.
    pub fn required<T: DeserializeOwned>(&mut self, name: &str, what: &str) -> Result<T, ApiError> {
        self.get(name, what)?.ok_or_else(|| {
            let path = self.path(name);
            ApiError::Invalid {
                message: format!("{path} is missing; it must be {what}"),
                param: Some(path),
                code: Some("missing_required_parameter"),
            }
        })
    }

    /// A number within bounds.
    pub fn number(&mut self, name: &str, range: RangeInclusive<f32>) -> Result<Option<f32>, ApiError> {
        let what = format!("a number from {} to {}", range.start(), range.end());
        match self.get::<f32>(name, &what)? {
            Some(value) if !range.contains(&value) => Err(self.refused(name, &value.to_string(), &what)),
            value => Ok(value),
        }
    }

    /// A whole number within bounds.
    pub fn count(&mut self, name: &str, range: RangeInclusive<usize>) -> Result<Option<usize>, ApiError> {
        let what = if *range.end() == usize::MAX {
            format!("a whole number from {}", range.start())
        } else {
            format!("a whole number from {} to {}", range.start(), range.end())
        };
        match self.get::<usize>(name, &what)? {
            Some(value) if !range.contains(&value) => Err(self.refused(name, &value.to_string(), &what)),
            value => Ok(value),
        }
    }

    /// An optional object.
    pub fn object(&mut self, name: &str) -> Result<Option<Self>, ApiError> {
        let path = self.path(name);
        self.raw(name).map(|value| Self::of(value, &path)).transpose()
    }

    /// Whether a field is an object of this `type`.
    pub fn is_of_type(&self, name: &str, which: &str) -> bool {
        self.rest.get(name).is_some_and(|value| value["type"] == which)
    }

    /// An optional array.
    pub fn array(&mut self, name: &str) -> Result<Option<Vec<Value>>, ApiError> {
        self.get(name, "an array")
    }

    /// Accepts fields that have no effect on the answer.
    pub fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.rest.remove(*name);
        }
    }

    /// A known but unsupported field: it may only have one of the values that have no effect.
    pub fn only(&mut self, name: &str, harmless: &[Value], why: &str) -> Result<(), ApiError> {
        match self.raw(name) {
            Some(value) if !harmless.contains(&value) => {
                let path = self.path(name);
                Err(ApiError::Invalid {
                    message: format!("{path} is not supported: {why}"),
                    param: Some(path),
                    code: Some("unsupported_parameter"),
                })
            }
            _ => Ok(()),
        }
    }

    /// Leaves what was not read: clients send fields that other services know, and a newer client more than an older one.
    /// What would change the answer is refused by name where it is known, with [`Self::only`].
    pub fn leave(self) {
        for (name, _) in self.rest.iter().filter(|(_, value)| !value.is_null()) {
            debug!(
                "the parameter {:?} is not known and has no effect",
                self.path(name)
            );
        }
    }

    /// Refuses every field that was not read.
    pub fn finish(self) -> Result<(), ApiError> {
        match self.rest.iter().find(|(_, value)| !value.is_null()) {
            None => Ok(()),
            Some((name, _)) => Err(ApiError::Invalid {
                message: format!("unknown parameter {}; leave it out", self.path(name)),
                param: Some(self.path(name)),
                code: Some("unknown_parameter"),
            }),
        }
    }

    fn refused(&self, name: &str, value: &str, what: &str) -> ApiError {
        let path = self.path(name);
        ApiError::invalid(path.as_str(), format!("{path} is {value} and must be {what}"))
    }
}

/// The type of a JSON value, for error messages.
pub const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        Fields::of(value, "").unwrap()
    }

    #[test]
    fn mistakes_name_their_field() {
        let mut inner = Fields::of(json!({"a": "x", "n": 3}), "tools[1]").unwrap();
        assert_eq!(
            inner.number("a", 0.0..=2.0).unwrap_err(),
            ApiError::invalid(
                "tools[1].a",
                "tools[1].a must be a number from 0 to 2, not a string"
            )
        );
        assert_eq!(
            inner.count("n", 1..=1).unwrap_err(),
            ApiError::invalid(
                "tools[1].n",
                "tools[1].n is 3 and must be a whole number from 1 to 1"
            )
        );
        assert_eq!(
            inner.required::<String>("b", "a string").unwrap_err().body()["error"]["code"],
            "missing_required_parameter"
        );
        assert_eq!(
            Fields::of(json!([]), "").unwrap_err().to_string(),
            "the body must be an object, not an array"
        );
    }

    #[test]
    fn what_is_not_read_is_refused_and_null_is_absent() {
        let mut some = fields(json!({"user": "me", "b": null}));
        some.ignore(&["user"]);
        assert_eq!(some.finish(), Ok(()));
        let error = fields(json!({"temprature": 1})).finish().unwrap_err();
        assert_eq!(error.to_string(), "unknown parameter temprature; leave it out");
    }

    #[test]
    fn unsupported_fields_may_have_their_default() {
        let why = "nothing is kept";
        assert_eq!(
            fields(json!({"store": false})).only("store", &[json!(false)], why),
            Ok(())
        );
        assert_eq!(
            fields(json!({"store": true}))
                .only("store", &[json!(false)], why)
                .unwrap_err()
                .to_string(),
            "store is not supported: nothing is kept"
        );
    }
}
