//! Splitting a buffer among the threads of the pool.

use std::sync::Mutex;

use sigmavault_ternary::Pool;

/// Runs `work` on each piece of `size` elements of `data`, with the piece's number.
pub fn pieces<T: Send>(pool: &Pool, data: &mut [T], size: usize, work: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if data.len() <= size {
        if !data.is_empty() {
            work(0, data);
        }
        return;
    }
    slices(pool, data.chunks_mut(size).collect(), work);
}

/// Runs `work` on each of these slices, with its number.
pub fn slices<T: Send>(pool: &Pool, slices: Vec<&mut [T]>, work: &(dyn Fn(usize, &mut [T]) + Sync)) {
    // Each is taken once, by one thread: the locks only prove it.
    let slices: Vec<Mutex<&mut [T]>> = slices.into_iter().map(Mutex::new).collect();
    pool.run(slices.len(), &|index| {
        if let Ok(mut slice) = slices[index].lock() {
            work(index, &mut slice);
        }
    });
}
