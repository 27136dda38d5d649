//! Memory for reads and writes past the page cache (`O_DIRECT`, open(2)).

/// Bytes read and written at once.
pub const CHUNK: usize = 4 << 20;
/// What `O_DIRECT` asks of addresses and lengths on every disk we know.
pub const ALIGNMENT: usize = 4096;

/// Memory whose address is a multiple of [`ALIGNMENT`].
#[derive(Debug)]
pub struct AlignedBuffer {
    memory: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBuffer {
    /// Zeroed.
    pub fn new(len: usize) -> Self {
        let memory = vec![0; len + ALIGNMENT];
        // The heap does not move, so neither does this.
        let start = memory.as_ptr().align_offset(ALIGNMENT);
        Self { memory, start, len }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }

    /// Its bytes, to be written to.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned() {
        for len in [0, 1, 4096, CHUNK] {
            let buffer = AlignedBuffer::new(len);
            assert_eq!(buffer.bytes().as_ptr().align_offset(ALIGNMENT), 0);
            assert_eq!(buffer.bytes().len(), len);
        }
    }
}
