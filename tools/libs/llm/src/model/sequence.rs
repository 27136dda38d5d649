//! The state of a sequence: keys and values for attention, and a state of fixed size for recurrent layers.

use super::error::BadSave;
use super::pages::{Pages, Shape};
use crate::inference::{CannotRewind, Part, State};

/// The first bytes of a saved sequence; the digit is the version of the format.
const MAGIC: [u8; 8] = *b"RYZSEQ1\n";

/// The kind of state that a model keeps for a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// The keys and values of its attention layers, if it has any.
    pub attention: Option<Shape>,
    /// The size of the recurrent state.
    pub recurrent: usize,
}

impl Memory {
    /// The numbers that identify a model's kind of state.
    fn signature(self) -> [u64; 5] {
        let shape = self
            .attention
            .map_or([0; 4], |s| [s.layers, s.heads, s.size, 1 + s.kind as usize]);
        [shape[0], shape[1], shape[2], shape[3], self.recurrent].map(|n| n as u64)
    }
}

/// The state of a sequence of tokens in one model.
#[derive(Debug, Clone)]
pub struct Sequence {
    pub(super) memory: Memory,
    pub(super) length: usize,
    pub(super) pages: Option<Pages>,
    pub(super) state: Vec<f32>,
}

impl Sequence {
    pub(super) fn new(memory: Memory) -> Self {
        Self {
            memory,
            length: 0,
            pages: memory.attention.map(Pages::new),
            state: vec![0.0; memory.recurrent],
        }
    }

    /// Deserialises the result of [`Sequence::to_bytes`].
    pub(super) fn from_bytes(memory: Memory, context: usize, bytes: &[u8]) -> Result<Self, BadSave> {
        let rest = bytes
            .strip_prefix(&MAGIC)
            .ok_or(BadSave("it is no saved sequence of this version"))?;
        let (head, rest) = rest.split_at_checked(48).ok_or(BadSave("it is cut short"))?;
        let numbers: Vec<u64> = head
            .as_chunks()
            .0
            .iter()
            .map(|b| u64::from_le_bytes(*b))
            .collect();
        if numbers[..5] != memory.signature() {
            return Err(BadSave("it was saved by another model"));
        }
        let length = usize::try_from(numbers[5]).ok().filter(|n| *n <= context);
        let length = length.ok_or(BadSave("it is longer than the model's context"))?;
        let (state, rest) = rest
            .split_at_checked(memory.recurrent * 4)
            .ok_or(BadSave("it is cut short"))?;
        let pages = match memory.attention {
            Some(shape) => Some(Pages::from_bytes(shape, length, rest)?),
            None if rest.is_empty() => None,
            None => return Err(BadSave("bytes are left over")),
        };
        let state = state
            .as_chunks()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect();
        Ok(Self {
            memory,
            length,
            pages,
            state,
        })
    }
}

/// Pages are shared with forks until one of the two writes; recurrent state is copied. Bytes are little-endian, for the same model only.
impl State for Sequence {
    fn len(&self) -> usize {
        self.length
    }

    fn bytes(&self) -> usize {
        self.pages.as_ref().map_or(0, Pages::bytes) + self.state.len() * 4
    }

    fn parts(&self) -> Vec<Part> {
        let pages = self.pages.iter().flat_map(Pages::parts);
        pages.map(|(id, bytes)| Part { id, bytes }).collect()
    }

    fn fork(&self) -> Self {
        self.clone()
    }

    fn truncate(&mut self, length: usize) -> Result<(), CannotRewind> {
        if length == self.length {
            return Ok(());
        }
        if length == 0 {
            *self = Self::new(self.memory);
            return Ok(());
        }
        if length > self.length || self.memory.recurrent > 0 {
            return Err(CannotRewind {
                length: self.length,
                wanted: length,
            });
        }
        if let Some(pages) = &mut self.pages {
            pages.truncate(length);
        }
        self.length = length;
        Ok(())
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(56 + self.bytes());
        out.extend(MAGIC);
        for number in self.memory.signature() {
            out.extend(number.to_le_bytes());
        }
        out.extend((self.length as u64).to_le_bytes());
        out.extend(self.state.iter().flat_map(|v| v.to_le_bytes()));
        if let Some(pages) = &self.pages {
            pages.to_bytes(self.length, &mut out);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pages::KvKind;

    const MEMORY: Memory = Memory {
        attention: Some(Shape {
            layers: 1,
            heads: 1,
            size: 4,
            kind: KvKind::F32,
        }),
        recurrent: 0,
    };
    const RECURRENT: Memory = Memory {
        attention: None,
        recurrent: 3,
    };

    #[test]
    fn attention_goes_back_and_recurrence_does_not() {
        let mut sequence = Sequence::new(MEMORY);
        sequence.length = 40;
        assert_eq!(sequence.truncate(7), Ok(()));
        assert_eq!(sequence.len(), 7);
        assert_eq!(sequence.truncate(8), Err(CannotRewind { length: 7, wanted: 8 }));

        let mut sequence = Sequence::new(RECURRENT);
        sequence.length = 40;
        sequence.state[1] = 5.0;
        assert_eq!(
            sequence.truncate(7),
            Err(CannotRewind {
                length: 40,
                wanted: 7
            })
        );
        assert_eq!(sequence.truncate(0), Ok(()));
        assert_eq!(sequence.state, [0.0; 3]);
    }

    #[test]
    fn saved_bytes_are_checked() {
        let mut sequence = Sequence::new(RECURRENT);
        sequence.length = 9;
        sequence.state = vec![1.0, 2.0, 3.0];
        let bytes = sequence.to_bytes();
        let back = Sequence::from_bytes(RECURRENT, 10, &bytes).unwrap();
        assert_eq!((back.len(), back.state), (9, vec![1.0, 2.0, 3.0]));
        let error =
            |memory, context, bytes: &[u8]| Sequence::from_bytes(memory, context, bytes).unwrap_err().0;
        assert_eq!(
            error(RECURRENT, 8, &bytes),
            "it is longer than the model's context"
        );
        assert_eq!(error(MEMORY, 10, &bytes), "it was saved by another model");
        assert_eq!(error(RECURRENT, 10, &bytes[..50]), "it is cut short");
        assert_eq!(
            error(RECURRENT, 10, &bytes[1..]),
            "it is no saved sequence of this version"
        );
    }
}
