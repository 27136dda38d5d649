//! What threads fetch while they wait for each other.
//!
//! The products of a model follow each other in the same order for every token. Between two of them the threads meet, and one of them
//! computes what lies between: a tenth of the time in which memory has nothing to do. What followed a product the last time most likely
//! follows it again, so a thread that waits fetches the beginning of its next weights into its cache. When something else follows, that
//! was for nothing, and did no harm.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::kernel::prefetch_line;

/// Bytes that a thread fetches: half of the smallest second-level cache of processors that are fast enough to wait for memory.
const BYTES: usize = 192 << 10;

/// Products that are remembered. A model has a few hundred; when there are more, all are forgotten, as models that are gone remain among
/// them.
const PRODUCTS: usize = 1 << 14;

/// Lines that are asked for between two looks at whether there is work.
const LINES: usize = 8;

/// Where in memory the weights lie that a thread multiplies first, and how many bytes of them follow each other.
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

/// What follows what.
#[derive(Debug, Default)]
struct Followers {
    /// By what the first thread multiplies first, that of the product after it, for every thread.
    after: HashMap<usize, Vec<Stretch>>,
    last: Option<usize>,
}

impl Followers {
    /// Takes note that a product begins, and tells what followed it the last time.
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

/// What each thread of a pool fetches while it waits.
#[derive(Debug)]
pub(crate) struct Ahead {
    followers: Mutex<Followers>,
    /// Address and bytes, by thread. Read while they change, they are of no use, and no harm.
    hints: Vec<(AtomicUsize, AtomicUsize)>,
}

impl Ahead {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            followers: Mutex::default(),
            hints: (0..threads).map(|_| Default::default()).collect(),
        }
    }

    /// A product begins, with these weights for each thread: they expect what followed it the last time.
    pub(crate) fn begin(&self, product: Vec<Stretch>) {
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        let next = followers.follow(product).unwrap_or_default();
        for (thread, (address, bytes)) in self.hints.iter().enumerate() {
            let stretch = next.get(thread);
            address.store(stretch.map_or(0, |s| s.address), Ordering::Relaxed);
            bytes.store(stretch.map_or(0, |s| s.bytes.min(BYTES)), Ordering::Relaxed);
        }
    }

    /// Asks for the next few lines.
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

/// How far a thread is with what it expects.
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
