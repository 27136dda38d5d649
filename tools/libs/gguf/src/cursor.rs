//! Reading little-endian numbers and strings from bytes that may end anywhere.

use crate::error::Malformed;

/// A position in bytes. Nothing is read past the end, and nothing is allocated before its length is known to be available.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The header must end before this offset, even in longer files.
    limit: u64,
}

macro_rules! number {
    ($name:ident, $type:ty) => {
        pub(crate) fn $name(&mut self, what: &'static str) -> Result<$type, Malformed> {
            const LENGTH: usize = size_of::<$type>();
            let mut bytes = [0; LENGTH];
            bytes.copy_from_slice(self.take(LENGTH as u64, what)?);
            Ok(<$type>::from_le_bytes(bytes))
        }
    };
}

impl<'a> Cursor<'a> {
    /// Starts at the beginning of `bytes`, of which the first `limit` may be read.
    pub(crate) fn new(bytes: &'a [u8], limit: u64) -> Self {
        Self { bytes, at: 0, limit }
    }

    /// Bytes read so far.
    pub(crate) fn at(&self) -> u64 {
        self.at as u64
    }

    /// Bytes that may still be read.
    pub(crate) fn left(&self) -> u64 {
        (self.bytes.len() as u64)
            .min(self.limit)
            .saturating_sub(self.at())
    }

    /// The next `length` bytes.
    pub(crate) fn take(&mut self, length: u64, what: &'static str) -> Result<&'a [u8], Malformed> {
        let there = (self.bytes.len() - self.at) as u64;
        if length > there {
            return Err(Malformed::Truncated {
                what,
                at: self.at(),
                needed: length,
                left: there,
            });
        }
        if length > self.left() {
            return Err(Malformed::HeaderTooLong { limit: self.limit });
        }
        let start = self.at;
        // The length was compared with that of a slice, so it fits.
        self.at += usize::try_from(length).unwrap_or(usize::MAX);
        Ok(&self.bytes[start..self.at])
    }

    /// A count of items of at least `smallest` bytes each, checked against the bytes left.
    pub(crate) fn count(&mut self, what: &'static str, smallest: u64, most: u64) -> Result<usize, Malformed> {
        let count = self.u64(what)?;
        let most = most.min(self.left() / smallest);
        match usize::try_from(count) {
            Ok(fits) if count <= most => Ok(fits),
            _ => Err(Malformed::TooMany { what, count, most }),
        }
    }

    /// A string: its length as a 64-bit number, then UTF-8.
    pub(crate) fn text(&mut self, what: &'static str, most: u64) -> Result<&'a str, Malformed> {
        let length = self.u64(what)?;
        let at = self.at();
        if length > most {
            return Err(Malformed::TooLong {
                what,
                at,
                length,
                most,
            });
        }
        std::str::from_utf8(self.take(length, what)?).map_err(|_| Malformed::NotUtf8 { what, at })
    }

    /// A name: a string that is not empty and has no control characters.
    pub(crate) fn name(&mut self, what: &'static str, most: u64) -> Result<&'a str, Malformed> {
        let name = self.text(what, most)?;
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(Malformed::BadName {
                what,
                name: name.to_owned(),
            });
        }
        Ok(name)
    }

    /// A boolean in one byte.
    pub(crate) fn bool(&mut self, what: &'static str) -> Result<bool, Malformed> {
        let at = self.at();
        match self.u8(what)? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(Malformed::Bool { at, found }),
        }
    }

    number!(u8, u8);
    number!(i8, i8);
    number!(u16, u16);
    number!(i16, i16);
    number!(u32, u32);
    number!(i32, i32);
    number!(u64, u64);
    number!(i64, i64);
    number!(f32, f32);
    number!(f64, f64);
}
