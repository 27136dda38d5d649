//! Parts of slices with a length known at compile time.

/// The `M` elements from index `at` on.
#[inline(always)]
pub(crate) fn part<T, const M: usize>(slice: &[T], at: usize) -> &[T; M] {
    match slice[at..].first_chunk() {
        Some(part) => part,
        None => unreachable!("a tile lies within its group"),
    }
}
