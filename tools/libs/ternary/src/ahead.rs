//! Prefetching by threads that wait for each other.
//!
//! The products of a model follow each other in the same order for every token. Between two of them the threads synchronise, and one of
//! them computes the operations in between, while memory is idle: a tenth of the time. The product that followed another the last time
//! most likely follows it again, so a waiting thread prefetches the beginning of its next weights. A wrong guess costs nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::prefetch::prefetch_line;

/// Bytes that a thread prefetches: half of the smallest second-level cache of processors fast enough to be limited by memory.
const BYTES: usize = 192 << 10;

/// The most products remembered. A model has a few hundred; beyond the limit all are dropped, as they include those of unloaded models.
const PRODUCTS: usize = 1 << 14;

/// Lines prefetched between two checks for work.
const LINES: usize = 8;

/// The address of the weights that a thread multiplies first, and the number of contiguous bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub address: usize,
    pub bytes: usize,
}

impl Stretch {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self {
            address: bytes.as_ptr().addr(),
            bytes: bytes.len(),
        }
    }
}

/// Which product follows which.
#[derive(Debug, Default)]
struct Followers {
    /// The stretches of the next product, one per thread, by the first address of a product.
    after: HashMap<usize, Vec<Stretch>>,
    last: Option<usize>,
}

impl Followers {
    /// Records that a product begins, and returns the product that followed it the last time.
    fn follow(&mut self, product: Vec<Stretch>) -> Option<&[Stretch]> {
        let this = product.first()?.address;
        if self.after.len() >= PRODUCTS {
            self.after.clear();
        }
        if let Some(last) = self.last.replace(this) {
            match self.after.get(&last) {
                Some(known) if *known == product => {}
                _ => {
                    self.after.insert(last, product);
                }
            }
        }
        self.after.get(&this).map(Vec::as_slice)
    }
}

/// What each thread of a pool prefetches while it waits.
#[derive(Debug)]
pub(crate) struct Ahead {
    followers: Mutex<Followers>,
    /// Address and bytes, by thread. A torn read gives a useless but harmless hint.
    hints: Vec<(AtomicUsize, AtomicUsize)>,
}

impl Ahead {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            followers: Mutex::default(),
            hints: (0..threads).map(|_| Default::default()).collect(),
        }
    }

    /// Records that a product begins with these weights for each thread, and sets the hints to the product that followed it the last time.
    pub(crate) fn begin(&self, product: Vec<Stretch>) {
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        let next = followers.follow(product).unwrap_or_default();
        for (thread, (address, bytes)) in self.hints.iter().enumerate() {
            let stretch = next.get(thread);
            address.store(stretch.map_or(0, |s| s.address), Ordering::Relaxed);
            bytes.store(stretch.map_or(0, |s| s.bytes.min(BYTES)), Ordering::Relaxed);
        }
    }

    /// Prefetches the next few lines.
    #[inline]
    pub(crate) fn fetch(&self, thread: usize, fetched: &mut Fetched) {
        let Some((address, bytes)) = self.hints.get(thread) else {
            return;
        };
        let address = address.load(Ordering::Relaxed);
        if address != fetched.address {
            *fetched = Fetched { address, bytes: 0 };
        }
        let end = bytes.load(Ordering::Relaxed);
        for _ in 0..LINES {
            if fetched.bytes >= end {
                return;
            }
            prefetch_line(std::ptr::without_provenance(address + fetched.bytes));
            fetched.bytes += 64;
        }
    }
}

/// A thread's progress in prefetching.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    address: usize,
    bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::{Ahead, BYTES, Fetched, Followers, LINES, Stretch};

    fn product(address: usize) -> Vec<Stretch> {
        [address, address + 1000]
            .map(|address| Stretch { address, bytes: 500 })
            .to_vec()
    }

    #[test]
    fn what_followed_is_expected_again() {
        let mut followers = Followers::default();
        let mut expected = |address| followers.follow(product(address)).map(<[Stretch]>::to_vec);
        assert_eq!([1, 2, 3].map(&mut expected), [None, None, None]);
        assert_eq!(expected(1), Some(product(2)));
        assert_eq!(expected(2), Some(product(3)));
        // Something else follows once, and is expected the next time.
        assert_eq!(expected(9), None);
        assert_eq!(expected(1), Some(product(2)));
        assert_eq!(expected(2), Some(product(9)));
    }

    #[test]
    fn a_thread_fetches_its_own_stretch_to_the_end_and_no_further() {
        let weights = vec![1_u8; 4 << 20];
        let ahead = Ahead::new(2);
        let halves = |bytes: &[u8]| {
            [0, 1]
                .map(|half| Stretch::of(&bytes[half * 640..][..640]))
                .to_vec()
        };
        let first = halves(&weights);
        let second = halves(&weights[1 << 20..]);
        for _ in 0..2 {
            ahead.begin(first.clone());
            ahead.begin(second.clone());
        }
        ahead.begin(first);
        let mut fetched = Fetched::default();
        for _ in 0..10 {
            ahead.fetch(1, &mut fetched);
        }
        assert_eq!((fetched.address, fetched.bytes), (second[1].address, 640));
        ahead.fetch(2, &mut fetched);
        // Another product: from its beginning on, and not all of what is large.
        let large = vec![Stretch::of(&weights); 2];
        ahead.begin(large.clone());
        ahead.begin(second.clone());
        ahead.begin(large);
        ahead.begin(second);
        ahead.fetch(1, &mut fetched);
        assert_eq!(
            (fetched.address, fetched.bytes),
            (weights.as_ptr().addr(), 64 * LINES)
        );
        for _ in 0..BYTES {
            ahead.fetch(1, &mut fetched);
        }
        assert_eq!(fetched.bytes, BYTES);
    }
}
