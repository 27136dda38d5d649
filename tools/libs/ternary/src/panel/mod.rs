//! Weights in 16-row panels, in which a lane is a row.
//!
//! A block is 64 bytes: 16 rows x 16 columns of 2-bit codes. Its dword `r` belongs to row `r`; byte `b` of the dword
//! holds columns `b`, `4 + b`, `8 + b` and `12 + b` in bits 0-1, 2-3, 4-5 and 6-7, so that each of the four bit planes
//! feeds one multiply-accumulate with four activations, whose 16 lanes are 16 output rows: there are no sums across
//! lanes. A code `c` stands for the weight `c - 1`; code 3, +2, occurs in `Q2_0`.
//!
//! A panel is the blocks of its columns in order. With scales per group of 64, 128 or 256 columns, two groups of
//! blocks are followed by 64 bytes of scales: 16 fp16 for the first group, 16 for the second, one per row. (In pairs,
//! so that every block stays on its own cache line.) When the count of groups is odd, the last group stands alone
//! before its 64 bytes. A matrix is its panels in order; columns are padded to a multiple of the group, or of 64,
//! with code 1, rows to a multiple of 16 with code 1 and scale 0.

mod decode;
mod directory;
mod encoding;
mod file;
mod mapping;
mod matrix;
mod pack;

pub use directory::VERSION;
pub use encoding::{Encoding, PackError};
pub use file::{PanelFile, PanelFileError, PanelWriter};
pub use mapping::Mapping;
pub use matrix::PanelMatrix;

/// Rows in a panel.
pub const PANEL_ROWS: usize = 16;
/// Columns the kernels take in one step: the scales of activations are per this many.
pub const CHUNK: usize = 64;
/// Bytes of a chunk's codes in a panel.
pub(crate) const CHUNK_BYTES: usize = CHUNK * PANEL_ROWS / 4;
/// Bytes of the scales of a pair of groups.
pub(crate) const SCALE_BYTES: usize = 64;
/// More columns than this are refused: int32 sums of the top plane, unshifted, reach 192 x 128 x columns / 4.
pub const MAX_COLUMNS: usize = 1 << 18;

/// Columns that share a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// 64 columns of a row.
    G64,
    /// 128 columns of a row.
    G128,
    /// 256 columns of a row.
    G256,
    /// The whole tensor: one f32 beside the codes.
    Tensor,
}

impl Group {
    /// Columns of a group; of a chunk for the whole tensor, where nothing else must divide.
    pub fn columns(self) -> usize {
        match self {
            Self::G64 | Self::Tensor => 64,
            Self::G128 => 128,
            Self::G256 => 256,
        }
    }

    /// Chunks of a group, or none when the tensor is one group.
    pub(crate) fn chunks(self) -> Option<usize> {
        (self != Self::Tensor).then(|| self.columns() / CHUNK)
    }
}

/// How a matrix is laid out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Layout {
    /// Rows, unpadded.
    pub rows: usize,
    /// Columns, unpadded.
    pub cols: usize,
    /// Which columns share a scale.
    pub group: Group,
    /// The scale of the whole tensor; 1 when groups have theirs.
    pub scale: f32,
}

impl Layout {
    pub(crate) fn panels(&self) -> usize {
        self.rows.div_ceil(PANEL_ROWS)
    }

    /// Columns with their padding.
    pub(crate) fn padded(&self) -> usize {
        self.cols.next_multiple_of(self.group.columns())
    }

    /// Chunks of 64 columns in a row, padding included.
    pub(crate) fn chunks(&self) -> usize {
        self.padded() / CHUNK
    }

    /// Groups in a row; 0 when the tensor is one group.
    pub(crate) fn groups(&self) -> usize {
        self.group.chunks().map_or(0, |chunks| self.chunks() / chunks)
    }

    /// Bytes of a panel.
    pub(crate) fn panel_bytes(&self) -> usize {
        self.chunks() * CHUNK_BYTES + self.groups().div_ceil(2) * SCALE_BYTES
    }

    /// Where a chunk's codes begin in a panel.
    pub(crate) fn chunk_at(&self, chunk: usize) -> usize {
        let pairs = self.group.chunks().map_or(0, |chunks| chunk / (2 * chunks));
        chunk * CHUNK_BYTES + pairs * SCALE_BYTES
    }

    /// Where the 16 scales of a group begin in a panel.
    pub(crate) fn scales_at(&self, group: usize) -> usize {
        let pair = group / 2;
        let after = (2 * pair + 2).min(self.groups()) * self.group.columns() / CHUNK * CHUNK_BYTES;
        after + pair * SCALE_BYTES + (group % 2) * (SCALE_BYTES / 2)
    }
}
