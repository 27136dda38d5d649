//! Weights in 16-row panels, in which a lane is a row.
//!
//! A block is 64 bytes: 16 rows x 16 columns of 2-bit codes. Its dword `r` belongs to row `r`; byte `b` of the dword
//! holds columns `b`, `4 + b`, `8 + b` and `12 + b` in bits 0-1, 2-3, 4-5 and 6-7, so that each of the four bit planes
//! feeds one multiply-accumulate with four activations, whose 16 lanes are 16 output rows: no sums across lanes are needed.
//! A code `c` stands for the weight `c - 1`; code 3, +2, occurs in `Q2_0`.
//!
//! A panel is the blocks of its columns in order. With scales per group of 64, 128 or 256 columns, two groups of
//! blocks are followed by 64 bytes of scales: 16 fp16 for the first group, 16 for the second, one per row. (In pairs,
//! so that every block stays on its own cache line.) If the number of groups is odd, the last group stands alone before its
//! 64 bytes. A matrix is its panels in order; columns are padded to a multiple of the group, or of 64, with code 1, rows to a
//! multiple of 16 with code 1 and scale 0.

mod decode;
mod directory;
mod encoding;
mod file;
mod layout;
mod mapping;
mod matrix;
mod pack;

pub use directory::VERSION;
pub use encoding::{Encoding, PackError};
pub use file::{PanelFile, PanelFileError, PanelWriter};
pub use layout::{CHUNK, Group, MAX_COLUMNS, PANEL_ROWS};
pub(crate) use layout::{CHUNK_BYTES, Layout, SCALE_BYTES};
pub use mapping::Mapping;
pub use matrix::PanelMatrix;
