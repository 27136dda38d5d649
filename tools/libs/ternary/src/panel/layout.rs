//! The layout of panels.

/// Rows in a panel.
pub const PANEL_ROWS: usize = 16;
/// Columns that the kernels take in one step; activations have a scale for each chunk.
pub const CHUNK: usize = 64;
/// Bytes of a chunk's codes in a panel.
pub(crate) const CHUNK_BYTES: usize = CHUNK * PANEL_ROWS / 4;
/// Bytes of the scales of a pair of groups.
pub(crate) const SCALE_BYTES: usize = 64;
/// The most columns allowed: int32 sums of the top plane, unshifted, reach 192 x 128 x columns / 4.
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
    /// Columns of a group; those of a chunk if the tensor is one group.
    pub fn columns(self) -> usize {
        match self {
            Self::G64 | Self::Tensor => 64,
            Self::G128 => 128,
            Self::G256 => 256,
        }
    }

    /// Chunks of a group, or `None` if the tensor is one group.
    pub(crate) fn chunks(self) -> Option<usize> {
        (self != Self::Tensor).then(|| self.columns() / CHUNK)
    }
}

/// The layout of a matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Layout {
    /// Rows, unpadded.
    pub rows: usize,
    /// Columns, unpadded.
    pub cols: usize,
    /// Which columns share a scale.
    pub group: Group,
    /// The scale of the whole tensor; 1 if groups have their own.
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

    /// Groups in a row; 0 if the tensor is one group.
    pub(crate) fn groups(&self) -> usize {
        self.group.chunks().map_or(0, |chunks| self.chunks() / chunks)
    }

    /// Bytes of a panel.
    pub(crate) fn panel_bytes(&self) -> usize {
        self.chunks() * CHUNK_BYTES + self.groups().div_ceil(2) * SCALE_BYTES
    }

    /// The offset of a chunk's codes in a panel.
    pub(crate) fn chunk_at(&self, chunk: usize) -> usize {
        let pairs = self.group.chunks().map_or(0, |chunks| chunk / (2 * chunks));
        chunk * CHUNK_BYTES + pairs * SCALE_BYTES
    }

    /// The offset of the 16 scales of a group in a panel.
    pub(crate) fn scales_at(&self, group: usize) -> usize {
        let pair = group / 2;
        let after = (2 * pair + 2).min(self.groups()) * self.group.columns() / CHUNK * CHUNK_BYTES;
        after + pair * SCALE_BYTES + (group % 2) * (SCALE_BYTES / 2)
    }
}
