//! Plain Rust. What this gives is what every other tier must give.

use half::f16;

use super::job::{Job, Outputs};
use crate::panel::{CHUNK, CHUNK_BYTES, PANEL_ROWS};

pub(crate) fn panel(panel: &[u8], job: Job<'_>, out: &mut Outputs) {
    for (index, out) in out[..job.tokens].iter_mut().enumerate() {
        token(panel, job, job.first + index, out);
    }
}

fn token(panel: &[u8], job: Job<'_>, token: usize, out: &mut [f32; PANEL_ROWS]) {
    let Job { layout, x, .. } = job;
    let planes = x.precision().planes();
    let x = x.together(token);
    let mut whole = [0; PANEL_ROWS];
    let mut total = [0.0; PANEL_ROWS];
    let mut weight = [layout.scale; PANEL_ROWS];
    for chunk in 0..layout.chunks() {
        let codes = &panel[layout.chunk_at(chunk)..][..CHUNK_BYTES];
        let mut sums = sum(codes, &x.values[0][chunk * x.width]);
        if planes == 2 {
            let low = sum(codes, &x.values[1][chunk * x.width]);
            for (sum, low) in sums.iter_mut().zip(low) {
                *sum = 256 * *sum + low;
            }
        }
        if job.whole() {
            for (whole, sum) in whole.iter_mut().zip(sums) {
                *whole += sum;
            }
            continue;
        }
        if let Some(chunks) = layout.group.chunks()
            && chunk % chunks == 0
        {
            let scales = &panel[layout.scales_at(chunk / chunks)..];
            for (weight, scale) in weight.iter_mut().zip(scales.as_chunks::<2>().0) {
                *weight = f16::from_le_bytes(*scale).to_f32();
            }
        }
        let scale = x.scales[chunk * x.width];
        for ((total, sum), weight) in total.iter_mut().zip(sums).zip(weight) {
            *total += sum as f32 * scale * weight;
        }
    }
    if job.whole() {
        let scale = x.scales[0];
        total = whole.map(|sum| sum as f32 * scale * layout.scale);
    }
    *out = total;
}

/// The sums of a chunk: one per row.
fn sum(codes: &[u8], values: &[i8; CHUNK]) -> [i32; PANEL_ROWS] {
    let mut sums = [0; PANEL_ROWS];
    for (block, values) in codes.as_chunks::<64>().0.iter().zip(values.as_chunks::<16>().0) {
        for (sum, bytes) in sums.iter_mut().zip(block.as_chunks::<4>().0) {
            for (column, byte) in bytes.iter().enumerate() {
                for plane in 0..4 {
                    let weight = i32::from(byte >> (2 * plane) & 3) - 1;
                    *sum += weight * i32::from(values[4 * plane + column]);
                }
            }
        }
    }
    sums
}
