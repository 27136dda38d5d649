//! A matrix of ternary weights in panels.

use half::f16;

use super::layout::{CHUNK, Group, Layout, PANEL_ROWS};
use crate::bytes::Bytes;

/// A matrix of ternary weights in 16-row panels, in its own memory or on a map.
#[derive(Debug)]
pub struct PanelMatrix {
    bytes: Bytes,
    layout: Layout,
}

impl PanelMatrix {
    /// `bytes` must have the length of the layout, which the packer and the file reader ensure.
    pub(super) fn new(bytes: Bytes, layout: Layout) -> Self {
        Self { bytes, layout }
    }

    /// Rows: outputs of the product.
    pub fn rows(&self) -> usize {
        self.layout.rows
    }

    /// Columns: inputs of the product.
    pub fn cols(&self) -> usize {
        self.layout.cols
    }

    /// Bytes read by a product, including padding and scales.
    pub fn bytes(&self) -> usize {
        self.layout.panels() * self.layout.panel_bytes()
    }

    /// Which columns share a scale.
    pub fn group(&self) -> Group {
        self.layout.group
    }

    /// The scale of the whole tensor; 1 if groups have their own.
    pub fn scale(&self) -> f32 {
        self.layout.scale
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The panels, one after the other.
    pub fn packed(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn panel(&self, index: usize) -> &[u8] {
        let size = self.layout.panel_bytes();
        &self.bytes[index * size..][..size]
    }

    /// The weights of a row as floats: an embedding's look-up.
    ///
    /// # Panics
    /// If there is no such row, or `out` is not as long as a row.
    pub fn row_f32(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.rows(), "row {row} of {}", self.rows());
        assert_eq!(out.len(), self.cols(), "a row has {} columns", self.cols());
        let panel = self.panel(row / PANEL_ROWS);
        let lane = row % PANEL_ROWS;
        for (chunk, out) in out.chunks_mut(CHUNK).enumerate() {
            let scale = self.layout.group.chunks().map_or(self.layout.scale, |chunks| {
                let at = self.layout.scales_at(chunk / chunks) + 2 * lane;
                f16::from_le_bytes([panel[at], panel[at + 1]]).to_f32()
            });
            let codes = &panel[self.layout.chunk_at(chunk)..];
            for (column, out) in out.iter_mut().enumerate() {
                let byte = codes[column / 16 * 64 + 4 * lane + column % 4];
                let code = byte >> (2 * (column % 16 / 4)) & 3;
                *out = (f32::from(code) - 1.0) * scale;
            }
        }
    }
}
