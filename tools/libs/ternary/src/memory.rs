//! Reading memory without any computation, as a reference for products that stream weights.

use crate::prefetch::prefetch;

/// How [`read`] traverses memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Line by line, without prefetching.
    Plain,
    /// With the kernels' prefetching, which on servers with high memory latency is 1.5 times as fast.
    Ahead,
}

impl Reading {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Ahead];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Ahead => "prefetching",
        }
    }
}

/// Reads all whole 64-byte lines. Returns their sum in 8-byte words, so that no read can be optimised away.
pub fn read(bytes: &[u8], how: Reading) -> u64 {
    match how {
        Reading::Plain => lines(bytes, |_| {}),
        Reading::Ahead => lines(bytes, |line| prefetch(line.as_ptr())),
    }
}

#[inline(always)]
fn lines(bytes: &[u8], before: impl Fn(&[u8; 64])) -> u64 {
    let mut sums = [0_u64; 8];
    for line in bytes.as_chunks::<64>().0 {
        before(line);
        for (sum, word) in sums.iter_mut().zip(line.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*word));
        }
    }
    sums.into_iter().fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::{Reading, read};

    #[test]
    fn every_line_is_read() {
        let mut bytes = vec![0; 64 * 10 + 9];
        for at in [0, 64 * 9 + 63, 64 * 10] {
            bytes[at] = 1;
        }
        for how in Reading::ALL {
            assert_eq!(read(&bytes, how), 1 + (1 << 56), "{}", how.name());
        }
    }
}
