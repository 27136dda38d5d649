//! Packing: from the formats models come in to panels.

use half::f16;

use super::{CHUNK, Group, Layout, MAX_COLUMNS, PANEL_ROWS, PanelMatrix, decode};
use crate::bytes::Bytes;

/// A format that ternary weights come in. Rows follow each other; a code `c` stands for the weight `c - 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// BitNet's I2_S as x86 writes it: blocks of 128 columns in 32 bytes, and behind the last one 32 bytes whose first
    /// four are the scale (f32). The forms of other architectures have the same bytes in another order; what cannot
    /// be of this form is refused, the rest only a model's answers can tell.
    I2S,
    /// ggml TQ1_0 (type 34): 256 columns in 54 bytes, base-3 digits, fp16 scale behind.
    Tq1_0,
    /// ggml TQ2_0 (type 35): 256 columns in 66 bytes, fp16 scale behind.
    Tq2_0,
    /// ggml Q2_0 (type 42, `group` 64) and PQ2_0 (type 142 and old files of type 42, `group` 128): fp16 scale before
    /// the codes, four in a byte, lowest bits first. Code 3 stands for +2 and is kept.
    Q2_0 {
        /// Columns that share a scale: 64 or 128.
        group: u8,
    },
    /// BitNet's safetensors: uint8 of shape `rows / 4 x cols`; row `r` is in bits `2q..2q+2` of packed row
    /// `r mod rows/4`, where `q = r / (rows/4)`.
    BitnetPacked,
}

impl Encoding {
    /// Columns of a block; `cols` must be a multiple.
    pub fn block(self) -> usize {
        match self {
            Self::I2S => 128,
            Self::Tq1_0 | Self::Tq2_0 => 256,
            Self::Q2_0 { group } => usize::from(group),
            Self::BitnetPacked => 1,
        }
    }

    /// Bytes of a matrix in this format.
    pub fn bytes(self, rows: usize, cols: usize) -> Option<usize> {
        let blocks = rows.checked_mul(cols)? / self.block().max(1);
        match self {
            Self::I2S => blocks.checked_mul(32)?.checked_add(32),
            Self::Tq1_0 => blocks.checked_mul(54),
            Self::Tq2_0 => blocks.checked_mul(66),
            Self::Q2_0 { group } => blocks.checked_mul(2 + usize::from(group) / 4),
            Self::BitnetPacked => Some(blocks / 4),
        }
    }

    fn group(self) -> Group {
        match self {
            Self::I2S | Self::BitnetPacked => Group::Tensor,
            Self::Tq1_0 | Self::Tq2_0 => Group::G256,
            Self::Q2_0 { group: 64 } => Group::G64,
            Self::Q2_0 { .. } => Group::G128,
        }
    }
}

/// Why weights could not be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A shape no matrix of the format has.
    #[error("a {rows} x {cols} matrix cannot be {encoding:?}: {reason}")]
    Shape {
        /// The format.
        encoding: Encoding,
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        cols: usize,
        /// What does not fit.
        reason: &'static str,
    },
    /// Bytes that are not as many as the shape needs.
    #[error("a {rows} x {cols} matrix in {encoding:?} has {expected} bytes, found {found}")]
    Length {
        /// The format.
        encoding: Encoding,
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
        /// Bytes the shape needs.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// No scale was given for a format that carries none.
    #[error("{0:?} carries no scale: the tensor's scale must be given")]
    NoScale(Encoding),
    /// A scale that is no finite number.
    #[error("the scale of row {row}, group {group} is {scale}: the tensor is damaged or of another format")]
    Scale {
        /// Row.
        row: usize,
        /// Group within the row.
        group: usize,
        /// The scale.
        scale: f32,
    },
    /// A code the format does not have.
    #[error(
        "row {row} holds a code that {encoding:?} does not have: the tensor is damaged or of another layout"
    )]
    Code {
        /// Row.
        row: usize,
        /// The format.
        encoding: Encoding,
    },
    /// No memory for the packed weights.
    #[error("no memory for {bytes} bytes of packed weights: {source}")]
    Memory {
        /// Bytes asked for.
        bytes: usize,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A row ready to be laid into a panel: codes padded with 1, fp16 scales.
struct Row {
    codes: Vec<u8>,
    scales: Vec<u16>,
}

impl PanelMatrix {
    /// Packs a matrix of `rows x cols` weights.
    ///
    /// `tensor_scale` is the factor of the whole tensor; `BitnetPacked` needs it, in `I2S` it stands in for the one
    /// behind the codes, the other formats carry their own and multiply by it. TQ1_0 and TQ2_0 tensors whose blocks
    /// all share one scale (BitNet's do) become one group.
    pub fn pack(
        encoding: Encoding,
        bytes: &[u8],
        rows: usize,
        cols: usize,
        tensor_scale: Option<f32>,
    ) -> Result<Self, PackError> {
        check_shape(encoding, bytes, rows, cols)?;
        let scale = match (encoding, tensor_scale) {
            (_, Some(scale)) => scale,
            (Encoding::I2S, None) => {
                let tail = bytes.as_chunks::<4>().0[rows * cols / 16];
                f32::from_le_bytes(tail)
            }
            (Encoding::BitnetPacked, None) => return Err(PackError::NoScale(encoding)),
            (_, None) => 1.0,
        };
        if !scale.is_finite() {
            return Err(PackError::Scale {
                row: 0,
                group: 0,
                scale,
            });
        }
        let mut layout = Layout {
            rows,
            cols,
            group: encoding.group(),
            scale,
        };
        if matches!(encoding, Encoding::Tq1_0 | Encoding::Tq2_0)
            && let Some(shared) = shared_scale(encoding, bytes, rows, cols)
        {
            layout.group = Group::Tensor;
            layout.scale = scale * shared.to_f32();
        } else if layout.group != Group::Tensor
            && tensor_scale.is_some_and(|scale| scale.to_bits() != 1.0_f32.to_bits())
        {
            return Err(PackError::Shape {
                encoding,
                rows,
                cols,
                reason: "its groups have scales, so a scale of the tensor cannot be applied",
            });
        }
        Self::build(layout, |row, out| {
            decode::row(
                encoding,
                bytes,
                rows,
                row,
                &mut out.codes[..cols],
                &mut out.scales,
            );
            if encoding.group() == Group::Tensor && out.codes.contains(&3) {
                return Err(PackError::Code { row, encoding });
            }
            Ok(())
        })
    }

    /// Lays out rows that `fill` gives one by one.
    fn build(
        layout: Layout,
        mut fill: impl FnMut(usize, &mut Row) -> Result<(), PackError>,
    ) -> Result<Self, PackError> {
        let bytes = layout.panels() * layout.panel_bytes();
        let memory = |source| PackError::Memory { bytes, source };
        let mut map = Bytes::zeroed(bytes).map_err(memory)?;
        // The source's groups also when the tensor is one: a decoder writes them either way.
        let groups = layout.groups().max(layout.padded() / CHUNK);
        let mut row = Row {
            codes: vec![1; layout.padded()],
            scales: vec![0; groups],
        };
        for (index, panel) in map.chunks_exact_mut(layout.panel_bytes()).enumerate() {
            for lane in 0..PANEL_ROWS {
                let at = index * PANEL_ROWS + lane;
                if at < layout.rows {
                    fill(at, &mut row)?;
                } else {
                    row.codes.fill(1);
                    row.scales.fill(0);
                }
                lay(&layout, at, &row, lane, panel)?;
            }
        }
        Ok(Self::new(Bytes::owned(map, bytes).map_err(memory)?, layout))
    }
}

fn check_shape(encoding: Encoding, bytes: &[u8], rows: usize, cols: usize) -> Result<(), PackError> {
    let wrong = |reason| {
        Err(PackError::Shape {
            encoding,
            rows,
            cols,
            reason,
        })
    };
    if rows == 0 || cols == 0 {
        return wrong("it is empty");
    }
    if cols > MAX_COLUMNS {
        return wrong("it has more than 262144 columns");
    }
    if matches!(encoding, Encoding::Q2_0 { group } if group != 64 && group != 128) {
        return wrong("its groups are 64 or 128 columns");
    }
    if cols % encoding.block() != 0 {
        return wrong("the columns are no multiple of its blocks");
    }
    if encoding == Encoding::BitnetPacked && rows % 4 != 0 {
        return wrong("the rows are no multiple of 4");
    }
    let Some(expected) = encoding.bytes(rows, cols) else {
        return wrong("it is larger than memory");
    };
    // Writers that keep the scale elsewhere, or whose readers cut the tail off, do not occur: the length is exact.
    if bytes.len() != expected {
        return Err(PackError::Length {
            encoding,
            rows,
            cols,
            expected,
            found: bytes.len(),
        });
    }
    Ok(())
}

/// Lays a row into its lane of a panel.
fn lay(layout: &Layout, at: usize, row: &Row, lane: usize, panel: &mut [u8]) -> Result<(), PackError> {
    for (chunk, codes) in row.codes.as_chunks::<CHUNK>().0.iter().enumerate() {
        let blocks = &mut panel[layout.chunk_at(chunk)..];
        for (block, codes) in blocks
            .as_chunks_mut::<64>()
            .0
            .iter_mut()
            .zip(codes.as_chunks::<16>().0)
        {
            let mut word = 0;
            for (plane, four) in codes.as_chunks::<4>().0.iter().enumerate() {
                word |= u32::from_le_bytes(*four) << (2 * plane);
            }
            block[4 * lane..][..4].copy_from_slice(&word.to_le_bytes());
        }
    }
    for (group, scale) in row.scales[..layout.groups()].iter().enumerate() {
        let value = f16::from_bits(*scale).to_f32();
        if !value.is_finite() {
            return Err(PackError::Scale {
                row: at,
                group,
                scale: value,
            });
        }
        panel[layout.scales_at(group) + 2 * lane..][..2].copy_from_slice(&scale.to_le_bytes());
    }
    Ok(())
}

/// The scale all blocks share, if they do. Blocks without a weight other than zero have scale 0 and do not count.
fn shared_scale(encoding: Encoding, bytes: &[u8], rows: usize, cols: usize) -> Option<f16> {
    let mut codes = vec![1; cols];
    let mut scales = vec![0; cols / 256];
    let mut shared = None;
    for row in 0..rows {
        decode::row(encoding, bytes, rows, row, &mut codes, &mut scales);
        for (scale, codes) in scales.iter().zip(codes.chunks_exact(256)) {
            let scale = f16::from_bits(*scale);
            if scale.to_f32() == 0.0 || codes.iter().all(|code| *code == 1) {
                if codes.iter().any(|code| *code != 1) {
                    return None;
                }
                continue;
            }
            if !scale.is_finite() || shared.is_some_and(|shared| shared != scale) {
                return None;
            }
            shared = Some(scale);
        }
    }
    shared
}
