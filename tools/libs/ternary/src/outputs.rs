//! Outputs written by several threads.
#![allow(unsafe_code)] // a buffer that several threads write

use crate::panel::PANEL_ROWS;

/// An output buffer of which threads write disjoint ranges.
pub(crate) struct SharedOutput(pub *mut f32);

// SAFETY: writes go through `write`, whose callers keep to ranges of their own.
unsafe impl Sync for SharedOutput {}

impl SharedOutput {
    /// # Safety
    /// The range must lie in the buffer and belong to the calling thread alone.
    pub(crate) unsafe fn write(&self, at: usize, values: &[f32]) {
        // SAFETY: the caller's.
        let to = unsafe { self.0.add(at) };
        match values.as_array::<PANEL_ROWS>() {
            // SAFETY: the caller's; a whole panel without a call.
            Some(rows) => unsafe { to.cast::<[f32; PANEL_ROWS]>().write_unaligned(*rows) },
            // SAFETY: the caller's.
            None => unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), to, values.len()) },
        }
    }
}
