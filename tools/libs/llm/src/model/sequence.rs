//! The state of a sequence: keys and values for attention, and a state of fixed size for recurrent layers.

use std::io::{self, ErrorKind, Read, Write};

use super::error::BadSave;
use super::pages::{Pages, Shape, read_each, write_each};
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

    /// Reads what [`State::save`] wrote.
    pub(super) fn read(memory: Memory, context: usize, bytes: &mut dyn Read) -> Result<Self, BadSave> {
        let mut magic = [0; MAGIC.len()];
        bytes.read_exact(&mut magic).map_err(unread)?;
        if magic != MAGIC {
            return Err(BadSave("it is no saved sequence of this version"));
        }
        let mut numbers = [0; 6];
        read_each(&mut numbers, u64::from_le_bytes, bytes).map_err(unread)?;
        let [signature @ .., length] = numbers;
        if signature != memory.signature() {
            return Err(BadSave("it was saved by another model"));
        }
        let length = usize::try_from(length).ok().filter(|n| *n <= context);
        let length = length.ok_or(BadSave("it is longer than the model's context"))?;
        let mut state = vec![0.0; memory.recurrent];
        read_each(&mut state, f32::from_le_bytes, bytes).map_err(unread)?;
        let pages = memory
            .attention
            .map(|shape| Pages::read(shape, length, bytes).map_err(unread))
            .transpose()?;
        if bytes.read(&mut [0]).map_err(unread)? > 0 {
            return Err(BadSave("bytes are left over"));
        }
        Ok(Self {
            memory,
            length,
            pages,
            state,
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unread(error: io::Error) -> BadSave {
    BadSave(match error.kind() {
        ErrorKind::UnexpectedEof => "it is cut short",
        _ => "it cannot be read",
    })
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

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&MAGIC)?;
        write_each(&self.memory.signature(), u64::to_le_bytes, out)?;
        write_each(&[self.length as u64], u64::to_le_bytes, out)?;
        write_each(&self.state, f32::to_le_bytes, out)?;
        match &self.pages {
            Some(pages) => pages.save(self.length, out),
            None => Ok(()),
        }
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
        let mut bytes = Vec::new();
        sequence.save(&mut bytes).unwrap();
        let back = Sequence::read(RECURRENT, 10, &mut bytes.as_slice()).unwrap();
        assert_eq!((back.len(), back.state), (9, vec![1.0, 2.0, 3.0]));
        let error =
            |memory, context, mut bytes: &[u8]| Sequence::read(memory, context, &mut bytes).unwrap_err().0;
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
        bytes.push(0);
        assert_eq!(error(RECURRENT, 10, &bytes), "bytes are left over");
    }
}
