use std::collections::HashMap;

use crate::cursor::Cursor;
use crate::error::Malformed;
use crate::value::{Array, Value};

/// The longest key in bytes, by the format.
const KEY_LIMIT: u64 = 65535;

/// The largest number of entries; models have a few dozen.
const MOST: u64 = 65536;

/// The metadata of a model, in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    entries: Vec<(String, Value)>,
    places: HashMap<String, usize>,
}

impl Metadata {
    pub(crate) fn count(cursor: &mut Cursor<'_>) -> Result<usize, Malformed> {
        // A key of one byte, a type, and a value of one byte.
        cursor.count("metadata entries", 8 + 1 + 4 + 1, MOST)
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>, count: usize) -> Result<Self, Malformed> {
        let mut metadata = Self::default();
        for _ in 0..count {
            let key = cursor.name("the metadata key", KEY_LIMIT)?;
            let value = Value::read(cursor)?;
            if metadata
                .places
                .insert(key.to_owned(), metadata.entries.len())
                .is_some()
            {
                return Err(Malformed::Duplicate {
                    what: "the metadata key",
                    name: key.to_owned(),
                });
            }
            metadata.entries.push((key.to_owned(), value));
        }
        Ok(metadata)
    }

    /// Sets a value, replacing one with the same key.
    pub(crate) fn set(&mut self, key: &str, value: Value) {
        match self.places.get(key) {
            Some(&place) => self.entries[place].1 = value,
            None => {
                self.places.insert(key.to_owned(), self.entries.len());
                self.entries.push((key.to_owned(), value));
            }
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        Some(&self.entries[*self.places.get(key)?].1)
    }

    /// All keys with their values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A string.
    pub fn string(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// An integer of any type that fits an unsigned 32-bit number.
    pub fn u32(&self, key: &str) -> Option<u32> {
        self.u64(key)?.try_into().ok()
    }

    /// An integer of any type that is not negative.
    pub fn u64(&self, key: &str) -> Option<u64> {
        self.get(key)?.as_u64()
    }

    /// An integer of any type that fits a signed 64-bit number.
    pub fn i64(&self, key: &str) -> Option<i64> {
        self.get(key)?.as_i64()
    }

    /// A floating-point number, rounded to 32 bits.
    pub fn f32(&self, key: &str) -> Option<f32> {
        self.get(key)?.as_f32()
    }

    /// A boolean.
    pub fn bool(&self, key: &str) -> Option<bool> {
        match *self.get(key)? {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// An array.
    pub fn array(&self, key: &str) -> Option<&Array> {
        match self.get(key)? {
            Value::Array(array) => Some(array),
            _ => None,
        }
    }

    /// An array of strings.
    pub fn strings(&self, key: &str) -> Option<&[String]> {
        match self.array(key)? {
            Array::String(texts) => Some(texts),
            _ => None,
        }
    }

    /// An array of 32-bit floating-point numbers.
    pub fn f32s(&self, key: &str) -> Option<&[f32]> {
        match self.array(key)? {
            Array::F32(numbers) => Some(numbers),
            _ => None,
        }
    }

    /// An array of signed 32-bit integers.
    pub fn i32s(&self, key: &str) -> Option<&[i32]> {
        match self.array(key)? {
            Array::I32(numbers) => Some(numbers),
            _ => None,
        }
    }

    /// An array of integers of any type, none of them negative.
    pub fn u64s(&self, key: &str) -> Option<Vec<u64>> {
        self.array(key)?.to_u64s()
    }

    /// The architecture, `general.architecture`.
    pub fn architecture(&self) -> Option<&str> {
        self.string("general.architecture")
    }

    /// A value whose key begins with the architecture, such as `context_length` for `qwen3.context_length`.
    pub fn of_architecture(&self, key: &str) -> Option<&Value> {
        self.get(&format!("{}.{key}", self.architecture()?))
    }
}
