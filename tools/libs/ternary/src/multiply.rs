//! The products of matrices with activations, split over threads and tiles.
#![allow(unsafe_code)] // the choice of a tier, and outputs that threads write side by side

use std::ops::Range;

use crate::activations::Activations;
use crate::isa::Isa;
use crate::kernel::{self, Job, Outputs, TILE};
use crate::outputs::SharedOutput;
use crate::panel::{PANEL_ROWS, PanelMatrix};
use crate::pool::Pool;
use crate::runs;

/// Bytes of panels that a thread takes at once: small enough to stay in its cache while all tokens are multiplied with them, and for
/// threads to finish at about the same time.
const BLOCK_BYTES: usize = 32 << 10;

/// `out[t][r] = sum over k of w[r][k] * x[t][k]`, for `x.m()` tokens and `w.rows()` rows, row-major by token.
///
/// The result is the same for every tier, number of threads, and number of tokens computed together.
///
/// # Panics
/// If `x` does not have as many columns as `w`, or `out` is not `x.m() * w.rows()` long.
pub fn multiply(w: &PanelMatrix, x: &Activations, out: &mut [f32], pool: &Pool) {
    multiply_all(&mut [(w, out)], x, pool);
}

/// [`multiply`] with several matrices, whose products are computed without synchronising the threads in between.
///
/// # Panics
/// Like [`multiply`].
pub fn multiply_all(products: &mut [(&PanelMatrix, &mut [f32])], x: &Activations, pool: &Pool) {
    multiply_all_with(Isa::active(), products, x, pool);
}

/// [`multiply`] with a given tier, for tests and measurements.
///
/// # Panics
/// Like [`multiply`], and if the processor does not support the tier.
pub fn multiply_with(isa: Isa, w: &PanelMatrix, x: &Activations, out: &mut [f32], pool: &Pool) {
    multiply_all_with(isa, &mut [(w, out)], x, pool);
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
    let blocks = Blocks(products.iter_mut().map(|(w, out)| Panels::new(w, out)).collect());
    let repeated = kernel::repeated(isa, x);
    let sizes = kernel::tiles(isa, x.precision().planes());
    let compute = |number: usize| {
        let Some((panels, range)) = blocks.get(number) else {
            return;
        };
        let Panels {
            matrix: w,
            out,
            bytes,
            ..
        } = panels;
        let packed = &w.packed()[range.start * bytes..];
        // Kernels overwrite all outputs of their tokens.
        let mut outputs: Outputs = [[0.0; PANEL_ROWS]; TILE];
        let mut first = 0;
        while first < x.m() {
            let left = (TILE - first % TILE).min(x.m() - first);
            let tokens = sizes.iter().copied().find(|size| *size <= left).unwrap_or(1);
            let job = Job {
                layout: w.layout(),
                x,
                together: &x.together(first),
                first,
                tokens,
                repeated: &repeated,
            };
            for (index, panel) in range.clone().zip(packed.chunks_exact(*bytes)) {
                // SAFETY: the tier was checked above.
                unsafe { kernel::panel(isa, panel, job, &mut outputs) };
                let rows = (w.rows() - index * PANEL_ROWS).min(PANEL_ROWS);
                for (token, outputs) in outputs[..tokens].iter().enumerate() {
                    // SAFETY: within `out`, whose length was checked; no other part has these rows.
                    unsafe { out.write((first + token) * w.rows() + index * PANEL_ROWS, &outputs[..rows]) };
                }
            }
            first += tokens;
        }
    };
    runs::share(pool, blocks.count(), &|number| blocks.weights(number), &compute);
}

/// The panels of a matrix in blocks. A thread computes a block for all tokens, so that weights are read from memory once.
struct Panels<'a> {
    matrix: &'a PanelMatrix,
    out: SharedOutput,
    /// Bytes of a panel.
    bytes: usize,
    /// Panels of a block.
    step: usize,
    blocks: usize,
}

impl<'a> Panels<'a> {
    fn new(matrix: &'a PanelMatrix, out: &mut [f32]) -> Self {
        let layout = matrix.layout();
        let bytes = layout.panel_bytes();
        let step = (BLOCK_BYTES / bytes).max(1);
        Self {
            matrix,
            out: SharedOutput(out.as_mut_ptr()),
            bytes,
            step,
            blocks: layout.panels().div_ceil(step),
        }
    }
}

/// The blocks of all matrices, numbered.
struct Blocks<'a>(Vec<Panels<'a>>);

impl<'a> Blocks<'a> {
    fn count(&self) -> usize {
        self.0.iter().map(|panels| panels.blocks).sum()
    }

    fn get(&self, mut number: usize) -> Option<(&Panels<'a>, Range<usize>)> {
        let panels = self.0.iter().find(|panels| {
            let here = number < panels.blocks;
            if !here {
                number -= panels.blocks;
            }
            here
        })?;
        let from = number * panels.step;
        Some((
            panels,
            from..(from + panels.step).min(panels.matrix.layout().panels()),
        ))
    }

    /// The weights of a block and those after it in its matrix.
    fn weights(&self, number: usize) -> &'a [u8] {
        self.get(number).map_or(&[], |(panels, range)| {
            &panels.matrix.packed()[range.start * panels.bytes..]
        })
    }
}
