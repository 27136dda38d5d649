//! The memory size of a machine, as a person writes it.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// An amount of memory, whole MiB, written with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Memory {
    mib: u64,
}

impl Memory {
    /// The least that a live session starts with.
    pub const LEAST: Self = Self { mib: 1024 };
    /// The most that QEMU's q35 machine addresses without further settings.
    pub const MOST: Self = Self { mib: 512 * 1024 };

    /// This many GiB.
    pub const fn gib(gib: u64) -> Self {
        Self { mib: gib * 1024 }
    }

    /// In MiB.
    pub const fn mib(self) -> u64 {
        self.mib
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mib.is_multiple_of(1024) {
            write!(f, "{}G", self.mib / 1024)
        } else {
            write!(f, "{}M", self.mib)
        }
    }
}

impl Serialize for Memory {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An amount of memory that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// Not a number with a unit.
    #[error("write a whole number and its unit, such as 4G or 1536M")]
    Malformed,
    /// Too little or too much for a virtual machine.
    #[error("must lie between {} and {}", Memory::LEAST, Memory::MOST)]
    Range,
}

impl FromStr for Memory {
    type Err = MemoryError;

    fn from_str(text: &str) -> Result<Self, MemoryError> {
        let (digits, per_unit) = match text.as_bytes().last() {
            Some(b'G' | b'g') => (&text[..text.len() - 1], 1024),
            Some(b'M' | b'm') => (&text[..text.len() - 1], 1),
            _ => return Err(MemoryError::Malformed),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(MemoryError::Malformed);
        }
        let mib = digits
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(per_unit));
        mib.map(|mib| Self { mib })
            .filter(|memory| (Self::LEAST..=Self::MOST).contains(memory))
            .ok_or(MemoryError::Range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn memory_table() {
        for (text, expected) in [
            ("16G", Ok(Memory::gib(16))),
            ("1024m", Ok(Memory::gib(1))),
            ("1023M", Err(MemoryError::Range)),
            ("513G", Err(MemoryError::Range)),
            ("99999999999999999999G", Err(MemoryError::Range)),
            ("G", Err(MemoryError::Malformed)),
            ("", Err(MemoryError::Malformed)),
            ("+4G", Err(MemoryError::Malformed)),
            ("4GiB", Err(MemoryError::Malformed)),
            ("16µ", Err(MemoryError::Malformed)),
        ] {
            assert_eq!(text.parse::<Memory>(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn memory_prints_what_it_reads(mib in Memory::LEAST.mib()..=Memory::MOST.mib()) {
            let memory = Memory { mib };
            prop_assert_eq!(memory.to_string().parse::<Memory>(), Ok(memory));
        }
    }
}
