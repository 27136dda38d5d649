//! Splitting a buffer among the threads of the pool.

use std::sync::Mutex;

use sigmavault_ternary::Pool;

/// The rows that a thread takes at once. In attention, each page that is read serves this many tokens, times the query heads that share
/// the key head.
pub const ROWS: usize = 16;

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
    tasks(pool, slices, &|index, slice| work(index, slice));
}

/// Runs `work` on each of these tasks, with its number. A task holds what it alone may write.
pub fn tasks<T: Send>(pool: &Pool, tasks: Vec<T>, work: &(dyn Fn(usize, &mut T) + Sync)) {
    // Each is taken once, by one thread; the locks only prove it to the compiler.
    let tasks: Vec<Mutex<T>> = tasks.into_iter().map(Mutex::new).collect();
    pool.run(tasks.len(), &|index| {
        if let Ok(mut task) = tasks[index].lock() {
            work(index, &mut task);
        }
    });
}
