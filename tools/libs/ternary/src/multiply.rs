//! The products of matrices with activations, split over threads and tiles.
#![allow(unsafe_code)] // the choice of a tier, and outputs that threads write side by side

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::activations::Activations;
use crate::isa::Isa;
use crate::kernel::{self, Job, Outputs, TILE};
use crate::panel::{PANEL_ROWS, PanelMatrix};
use crate::pool::Pool;

/// Bytes of panels that a thread takes at once: they stay in its cache while all tokens pass over them, and are so few that threads
/// end together.
const BLOCK_BYTES: usize = 32 << 10;

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
    let blocks = blocks(&outputs);
    let repeated = kernel::repeated(isa, x);
    let sizes = kernel::tiles(isa, x.precision().planes());
    let compute = |block: &Block<'_>| {
        let Block {
            matrix: w,
            out,
            panels,
        } = block;
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
    };
    let runs = Runs::new(blocks.len(), pool.active());
    pool.run(pool.active(), &|thread| {
        while let Some(block) = runs.next(thread) {
            compute(&blocks[block]);
        }
    });
}

/// The panels of all matrices, in blocks, each for all tokens, so that weights are read from memory once.
fn blocks<'a>(outputs: &'a [(&PanelMatrix, Shared)]) -> Vec<Block<'a>> {
    let mut blocks = Vec::new();
    for (matrix, out) in outputs {
        let layout = matrix.layout();
        let step = (BLOCK_BYTES / layout.panel_bytes()).max(1);
        blocks.extend((0..layout.panels()).step_by(step).map(|from| Block {
            matrix,
            out,
            panels: from..(from + step).min(layout.panels()),
        }));
    }
    blocks
}

/// Numbers divided into a run for each thread. A thread takes those of its run one after the other, so that what it prefetches behind
/// a block is its own next one; then it helps others, as cores differ in speed and may be taken away.
struct Runs(Vec<(AtomicUsize, usize)>);

impl Runs {
    fn new(count: usize, threads: usize) -> Self {
        let bound = |thread| count * thread / threads;
        let run = |thread| (AtomicUsize::new(bound(thread)), bound(thread + 1));
        Self((0..threads).map(run).collect())
    }

    /// The next number for a thread, each to one only.
    fn next(&self, thread: usize) -> Option<usize> {
        let (before, from) = self.0.split_at(thread);
        from.iter().chain(before).find_map(|(next, end)| {
            // Looked at first, so that those who find nothing do not count on.
            (next.load(Ordering::Relaxed) < *end)
                .then(|| next.fetch_add(1, Ordering::Relaxed))
                .filter(|number| number < end)
        })
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::Runs;

    #[test]
    fn every_number_is_taken_once_whoever_comes() {
        for (count, threads, present) in [(0, 2, 2), (1, 4, 4), (103, 3, 3), (103, 4, 1), (1000, 2, 2)] {
            let (runs, taken) = (Runs::new(count, threads), Mutex::new(Vec::new()));
            std::thread::scope(|scope| {
                for thread in 0..present {
                    let (runs, taken) = (&runs, &taken);
                    scope.spawn(move || {
                        while let Some(number) = runs.next(thread) {
                            taken.lock().unwrap().push(number);
                        }
                    });
                }
            });
            let mut taken = taken.into_inner().unwrap();
            taken.sort_unstable();
            assert_eq!(taken, (0..count).collect::<Vec<_>>(), "{count} among {threads}");
        }
        // A run is taken in order, and first.
        let runs = Runs::new(10, 2);
        assert_eq!(
            (0..6).map_while(|_| runs.next(1)).collect::<Vec<_>>(),
            [5, 6, 7, 8, 9, 0]
        );
    }
}
