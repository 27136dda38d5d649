//! Distributing weights among threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::ahead::Stretch;
use crate::pool::Pool;

/// Calls `work` once with every number below `count`, on all active threads. `weights` gives the bytes that a number reads, followed
/// by those of the next numbers as far as they are contiguous.
pub(crate) fn share<'a>(
    pool: &Pool,
    count: usize,
    weights: &dyn Fn(usize) -> &'a [u8],
    work: &(dyn Fn(usize) + Sync),
) {
    if count == 0 {
        return;
    }
    let threads = pool.active();
    let runs = Runs::new(count, threads);
    let begins = (0..threads).map(|thread| Stretch::of(weights(first(count, threads, thread))));
    pool.begin(begins.collect());
    pool.each(threads, &|thread| {
        while let Some(number) = runs.next(thread) {
            work(number);
        }
    });
}

/// The first number of a thread's run.
fn first(count: usize, threads: usize, thread: usize) -> usize {
    count * thread / threads
}

/// Numbers divided into a run for each thread. A thread takes those of its run in order, so that what it prefetches behind a block is
/// its own next block; then it helps others, as cores differ in speed and may be preempted.
struct Runs(Vec<Run>);

/// The rest of a run, on cache lines of its own, so that a thread counts without contention.
#[repr(align(128))]
struct Run {
    next: AtomicUsize,
    end: usize,
}

impl Runs {
    fn new(count: usize, threads: usize) -> Self {
        let run = |thread| {
            let [from, to] = [thread, thread + 1].map(|thread| first(count, threads, thread));
            Run {
                next: AtomicUsize::new(from),
                end: to,
            }
        };
        Self((0..threads).map(run).collect())
    }

    /// The next number for a thread; each number is given out once.
    fn next(&self, thread: usize) -> Option<usize> {
        let (before, from) = self.0.split_at(thread);
        from.iter().chain(before).find_map(|Run { next, end }| {
            // Checked first, so that threads that find nothing do not increment further.
            (next.load(Ordering::Relaxed) < *end)
                .then(|| next.fetch_add(1, Ordering::Relaxed))
                .filter(|number| number < end)
        })
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
