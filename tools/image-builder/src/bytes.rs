//! Fields of tables on disk.

/// `N` bytes at `at`; zeros where the slice is too short, which callers have ruled out by its length.
pub(crate) fn bytes_at<const N: usize>(from: &[u8], at: usize) -> [u8; N] {
    from.get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .unwrap_or([0; N])
}
