//! The products of matrices with activations, split over threads and tiles.
#![allow(unsafe_code)] // the choice of a tier, and outputs that threads write side by side

use std::ops::Range;

use crate::activations::Activations;
use crate::isa::Isa;
use crate::kernel::{self, Job, Outputs, TILE};
use crate::panel::{PANEL_ROWS, PanelMatrix};
use crate::pool::Pool;

/// Bytes of panels that stay in a core's cache while all tokens pass over them.
const BLOCK_BYTES: usize = 128 << 10;

/// `out[t][r] = sum over k of w[r][k] * x[t][k]`, for `x.m()` tokens and `w.rows()` rows, row-major by token.
///
/// The same floats come out for every tier, number of threads, and number of tokens computed together.
///
/// # Panics
/// When `x` does not have as many columns as `w`, or `out` is not `x.m() * w.rows()` long.
pub fn multiply(w: &PanelMatrix, x: &Activations, out: &mut [f32], pool: &Pool) {
    multiply_all(&mut [(w, out)], x, pool);
}

/// [`multiply`] with several matrices, whose products threads compute without waiting for each other in between.
///
/// # Panics
/// As [`multiply`].
pub fn multiply_all(products: &mut [(&PanelMatrix, &mut [f32])], x: &Activations, pool: &Pool) {
    multiply_all_with(Isa::active(), products, x, pool);
}

/// [`multiply`] by a tier of choice, for tests and measurements.
///
/// # Panics
/// As [`multiply`], and when the processor does not have the tier.
pub fn multiply_with(isa: Isa, w: &PanelMatrix, x: &Activations, out: &mut [f32], pool: &Pool) {
    multiply_all_with(isa, &mut [(w, out)], x, pool);
}

/// Panels of one matrix that a thread takes at once.
struct Block<'a> {
    matrix: &'a PanelMatrix,
    out: &'a Shared,
    panels: Range<usize>,
}

fn multiply_all_with(isa: Isa, products: &mut [(&PanelMatrix, &mut [f32])], x: &Activations, pool: &Pool) {
    assert!(isa.is_supported(), "{} is not on this processor", isa.name());
    for (w, out) in products.iter() {
        assert_eq!(
            w.cols(),
            x.k(),
            "weights of {} columns, activations of {}",
            w.cols(),
            x.k()
        );
        assert_eq!(
            out.len(),
            x.m() * w.rows(),
            "outputs of {} tokens x {} rows",
            x.m(),
            w.rows()
        );
    }
    let outputs: Vec<(&PanelMatrix, Shared)> = products
        .iter_mut()
        .map(|(w, out)| (*w, Shared(out.as_mut_ptr())))
        .collect();
    let blocks = blocks(&outputs, pool.active());
    let repeated = kernel::repeated(isa, x);
    let sizes = kernel::tiles(isa, x.precision().planes());
    pool.run(blocks.len(), &|part| {
        let Block {
            matrix: w,
            out,
            panels,
        } = &blocks[part];
        let mut first = 0;
        while first < x.m() {
            let left = (TILE - first % TILE).min(x.m() - first);
            let tokens = sizes.iter().copied().find(|size| *size <= left).unwrap_or(1);
            let job = Job {
                layout: w.layout(),
                x,
                first,
                tokens,
                repeated: &repeated,
            };
            for index in panels.clone() {
                let mut outputs: Outputs = [[0.0; PANEL_ROWS]; TILE];
                // SAFETY: the tier was checked above.
                unsafe { kernel::panel(isa, w.panel(index), job, &mut outputs) };
                let rows = (w.rows() - index * PANEL_ROWS).min(PANEL_ROWS);
                for (token, outputs) in outputs[..tokens].iter().enumerate() {
                    // SAFETY: within `out`, whose length was checked; no other part has these rows.
                    unsafe { out.write((first + token) * w.rows() + index * PANEL_ROWS, &outputs[..rows]) };
                }
            }
            first += tokens;
        }
    });
}

/// Divides panels into blocks, each for all tokens, so that weights are read from memory once. Each block is a share of what is
/// left: large ones first, small ones at the end, so that threads end together although cores differ in speed and may be taken
/// away (guided self-scheduling, Polychronopoulos and Kuck 1987).
fn blocks<'a>(outputs: &'a [(&PanelMatrix, Shared)], threads: usize) -> Vec<Block<'a>> {
    let mut left: usize = outputs.iter().map(|(w, _)| w.layout().panels()).sum();
    let mut blocks = Vec::new();
    for (matrix, out) in outputs {
        let (panels, bytes) = (matrix.layout().panels(), matrix.layout().panel_bytes());
        let fitting = (BLOCK_BYTES / bytes).max(1);
        let mut from = 0;
        while from < panels {
            let share = (left / (2 * threads)).clamp(1, fitting).min(panels - from);
            blocks.push(Block {
                matrix,
                out,
                panels: from..from + share,
            });
            from += share;
            left -= share;
        }
    }
    blocks
}

/// An output buffer that threads write disjoint ranges of.
pub(crate) struct Shared(pub *mut f32);

// SAFETY: writes go through `write`, whose callers keep to ranges of their own.
unsafe impl Sync for Shared {}

impl Shared {
    /// # Safety
    /// The range must lie in the buffer and belong to the calling thread alone.
    pub(crate) unsafe fn write(&self, at: usize, values: &[f32]) {
        // SAFETY: the caller's.
        unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), self.0.add(at), values.len()) }
    }
}
