//! The thirteen types of metadata values.

use crate::cursor::Cursor;
use crate::error::Malformed;

/// How deep arrays may be nested. The format sets no limit, and no known model nests arrays at all.
const DEPTH: usize = 4;

/// The type of a value, with its number in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs, reason = "the names say all")]
pub enum ValueType {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

impl ValueType {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let at = cursor.at();
        Ok(match cursor.u32("a value type")? {
            0 => Self::U8,
            1 => Self::I8,
            2 => Self::U16,
            3 => Self::I16,
            4 => Self::U32,
            5 => Self::I32,
            6 => Self::F32,
            7 => Self::Bool,
            8 => Self::String,
            9 => Self::Array,
            10 => Self::U64,
            11 => Self::I64,
            12 => Self::F64,
            id => return Err(Malformed::ValueType { at, id }),
        })
    }

    /// The smallest encoded size of a value of this type, in bytes.
    fn smallest(self) -> u64 {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 | Self::String => 8,
            Self::Array => 12,
        }
    }
}

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names say all")]
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(String),
    Array(Array),
    U64(u64),
    I64(i64),
    F64(f64),
}

/// An array of values of one type.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names say all")]
pub enum Array {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    Bool(Vec<bool>),
    String(Vec<String>),
    Array(Vec<Array>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F64(Vec<f64>),
}

impl Value {
    /// Reads a value that is preceded by its type.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        const WHAT: &str = "a metadata value";
        Ok(match ValueType::read(cursor)? {
            ValueType::U8 => Self::U8(cursor.u8(WHAT)?),
            ValueType::I8 => Self::I8(cursor.i8(WHAT)?),
            ValueType::U16 => Self::U16(cursor.u16(WHAT)?),
            ValueType::I16 => Self::I16(cursor.i16(WHAT)?),
            ValueType::U32 => Self::U32(cursor.u32(WHAT)?),
            ValueType::I32 => Self::I32(cursor.i32(WHAT)?),
            ValueType::F32 => Self::F32(cursor.f32(WHAT)?),
            ValueType::Bool => Self::Bool(cursor.bool(WHAT)?),
            ValueType::String => Self::String(cursor.text("a text", u64::MAX)?.to_owned()),
            ValueType::Array => Self::Array(Array::read(cursor, DEPTH)?),
            ValueType::U64 => Self::U64(cursor.u64(WHAT)?),
            ValueType::I64 => Self::I64(cursor.i64(WHAT)?),
            ValueType::F64 => Self::F64(cursor.f64(WHAT)?),
        })
    }

    /// Its type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::U8(_) => ValueType::U8,
            Self::I8(_) => ValueType::I8,
            Self::U16(_) => ValueType::U16,
            Self::I16(_) => ValueType::I16,
            Self::U32(_) => ValueType::U32,
            Self::I32(_) => ValueType::I32,
            Self::F32(_) => ValueType::F32,
            Self::Bool(_) => ValueType::Bool,
            Self::String(_) => ValueType::String,
            Self::Array(_) => ValueType::Array,
            Self::U64(_) => ValueType::U64,
            Self::I64(_) => ValueType::I64,
            Self::F64(_) => ValueType::F64,
        }
    }

    /// The value of any integer type, unless it is negative.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::U8(n) => Some(n.into()),
            Self::U16(n) => Some(n.into()),
            Self::U32(n) => Some(n.into()),
            Self::U64(n) => Some(n),
            _ => self.as_i64()?.try_into().ok(),
        }
    }

    /// The value of any integer type, if it fits.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::I8(n) => Some(n.into()),
            Self::I16(n) => Some(n.into()),
            Self::I32(n) => Some(n.into()),
            Self::I64(n) => Some(n),
            Self::U8(n) => Some(n.into()),
            Self::U16(n) => Some(n.into()),
            Self::U32(n) => Some(n.into()),
            Self::U64(n) => n.try_into().ok(),
            _ => None,
        }
    }

    /// The value of either floating-point type.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "models state their parameters in 32 bits"
    )]
    pub fn as_f32(&self) -> Option<f32> {
        match *self {
            Self::F32(n) => Some(n),
            Self::F64(n) => Some(n as f32),
            _ => None,
        }
    }
}

impl Array {
    fn read(cursor: &mut Cursor<'_>, depth: usize) -> Result<Self, Malformed> {
        const WHAT: &str = "an element of an array";
        let at = cursor.at();
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Malformed::TooDeep { at, most: DEPTH });
        };
        let element = ValueType::read(cursor)?;
        let count = cursor.count("elements of an array", element.smallest(), u64::MAX)?;
        macro_rules! all {
            ($variant:ident, $read:expr) => {{
                let read = $read;
                let mut elements = Vec::with_capacity(count);
                for _ in 0..count {
                    elements.push(read(cursor)?);
                }
                Self::$variant(elements)
            }};
        }
        Ok(match element {
            ValueType::U8 => Self::U8(cursor.take(count as u64, WHAT)?.to_vec()),
            ValueType::I8 => all!(I8, |c: &mut Cursor<'_>| c.i8(WHAT)),
            ValueType::U16 => all!(U16, |c: &mut Cursor<'_>| c.u16(WHAT)),
            ValueType::I16 => all!(I16, |c: &mut Cursor<'_>| c.i16(WHAT)),
            ValueType::U32 => all!(U32, |c: &mut Cursor<'_>| c.u32(WHAT)),
            ValueType::I32 => all!(I32, |c: &mut Cursor<'_>| c.i32(WHAT)),
            ValueType::F32 => all!(F32, |c: &mut Cursor<'_>| c.f32(WHAT)),
            ValueType::Bool => all!(Bool, |c: &mut Cursor<'_>| c.bool(WHAT)),
            ValueType::String => all!(String, |c: &mut Cursor<'_>| c
                .text("a text of an array", u64::MAX)
                .map(str::to_owned)),
            ValueType::Array => all!(Array, |c: &mut Cursor<'_>| Self::read(c, depth)),
            ValueType::U64 => all!(U64, |c: &mut Cursor<'_>| c.u64(WHAT)),
            ValueType::I64 => all!(I64, |c: &mut Cursor<'_>| c.i64(WHAT)),
            ValueType::F64 => all!(F64, |c: &mut Cursor<'_>| c.f64(WHAT)),
        })
    }

    /// The type of its elements.
    pub fn element_type(&self) -> ValueType {
        match self {
            Self::U8(_) => ValueType::U8,
            Self::I8(_) => ValueType::I8,
            Self::U16(_) => ValueType::U16,
            Self::I16(_) => ValueType::I16,
            Self::U32(_) => ValueType::U32,
            Self::I32(_) => ValueType::I32,
            Self::F32(_) => ValueType::F32,
            Self::Bool(_) => ValueType::Bool,
            Self::String(_) => ValueType::String,
            Self::Array(_) => ValueType::Array,
            Self::U64(_) => ValueType::U64,
            Self::I64(_) => ValueType::I64,
            Self::F64(_) => ValueType::F64,
        }
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(all) => all.len(),
            Self::I8(all) => all.len(),
            Self::U16(all) => all.len(),
            Self::I16(all) => all.len(),
            Self::U32(all) => all.len(),
            Self::I32(all) => all.len(),
            Self::F32(all) => all.len(),
            Self::Bool(all) => all.len(),
            Self::String(all) => all.len(),
            Self::Array(all) => all.len(),
            Self::U64(all) => all.len(),
            Self::I64(all) => all.len(),
            Self::F64(all) => all.len(),
        }
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at `index` as a value of its own.
    pub fn get(&self, index: usize) -> Option<Value> {
        Some(match self {
            Self::U8(all) => Value::U8(*all.get(index)?),
            Self::I8(all) => Value::I8(*all.get(index)?),
            Self::U16(all) => Value::U16(*all.get(index)?),
            Self::I16(all) => Value::I16(*all.get(index)?),
            Self::U32(all) => Value::U32(*all.get(index)?),
            Self::I32(all) => Value::I32(*all.get(index)?),
            Self::F32(all) => Value::F32(*all.get(index)?),
            Self::Bool(all) => Value::Bool(*all.get(index)?),
            Self::String(all) => Value::String(all.get(index)?.clone()),
            Self::Array(all) => Value::Array(all.get(index)?.clone()),
            Self::U64(all) => Value::U64(*all.get(index)?),
            Self::I64(all) => Value::I64(*all.get(index)?),
            Self::F64(all) => Value::F64(*all.get(index)?),
        })
    }

    /// The elements of any integer type, unless one is negative.
    pub fn to_u64s(&self) -> Option<Vec<u64>> {
        (0..self.len()).map(|index| self.get(index)?.as_u64()).collect()
    }
}

macro_rules! from {
    ($($variant:ident $type:ty),*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        }
        impl From<Vec<$type>> for Value {
            fn from(values: Vec<$type>) -> Self {
                Self::Array(Array::$variant(values))
            }
        }
    )*};
}

from!(U8 u8, I8 i8, U16 u16, I16 i16, U32 u32, I32 i32, F32 f32, Bool bool, String String, Array Array, U64 u64, I64 i64, F64 f64);

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}
