//! The state of an ext4 file system, read from outside (kernel documentation, `filesystems/ext4/super.rst`).

use sigmavault_vm::Image;

use crate::disk::Extent;
use crate::error::Error;

/// Where the superblock stands in the partition.
const SUPERBLOCK: u64 = 1024;
/// Its magic number, at 0x38.
const MAGIC: u16 = 0xEF53;
/// In `s_state`, at 0x3A: unmounted cleanly.
const CLEAN: u16 = 1;
/// In `s_state`: errors were found.
const ERRORS: u16 = 2;
/// In `s_feature_incompat`, at 0x60: the journal has to be replayed.
const RECOVER: u32 = 4;

/// What the superblock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Unmounted cleanly; nothing to replay.
    Clean,
    /// Mounted, or cut off: the journal has to be replayed.
    NeedsRecovery,
    /// The kernel found errors in it.
    HasErrors,
    /// No ext4 file system.
    NotExt4,
}

/// Reads the superblock of a partition.
pub fn state(image: &Image, partition: Extent) -> Result<State, Error> {
    let mut bytes = [0; 1024];
    image.read_at(partition.offset + SUPERBLOCK, &mut bytes)?;
    Ok(parse(&bytes))
}

fn parse(bytes: &[u8; 1024]) -> State {
    let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let incompat = u32::from_le_bytes([bytes[0x60], bytes[0x61], bytes[0x62], bytes[0x63]]);
    let state = short(0x3A);
    if short(0x38) != MAGIC {
        State::NotExt4
    } else if state & ERRORS != 0 {
        State::HasErrors
    } else if incompat & RECOVER != 0 || state & CLEAN == 0 {
        State::NeedsRecovery
    } else {
        State::Clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock(magic: u16, state: u16, incompat: u32) -> [u8; 1024] {
        let mut bytes = [0; 1024];
        bytes[0x38..0x3A].copy_from_slice(&magic.to_le_bytes());
        bytes[0x3A..0x3C].copy_from_slice(&state.to_le_bytes());
        bytes[0x60..0x64].copy_from_slice(&incompat.to_le_bytes());
        bytes
    }

    #[test]
    fn states() {
        for (magic, state, incompat, expected) in [
            (MAGIC, 1, 0x2c2, State::Clean),
            (MAGIC, 1, 0x2c6, State::NeedsRecovery),
            (MAGIC, 0, 0x2c2, State::NeedsRecovery),
            (MAGIC, 3, 0x2c2, State::HasErrors),
            (0, 1, 0, State::NotExt4),
        ] {
            assert_eq!(parse(&superblock(magic, state, incompat)), expected);
        }
    }
}
