//! Freed memory goes back to the kernel.
//!
//! Requests are prepared with many small allocations, and one that lasts longer keeps the C library from giving back any that lie before
//! it: after some seconds of large requests the heap has twice the size of what is in it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// It takes a few milliseconds, in which nobody else can allocate.
const AT_MOST_EVERY: Duration = Duration::from_millis(500);

/// When memory was last given back.
#[derive(Debug)]
pub struct Freed {
    began: Instant,
    /// Milliseconds since then at which it is due again.
    due: AtomicU64,
}

impl Default for Freed {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            due: AtomicU64::new(0),
        }
    }
}

impl Freed {
    /// Whether freed memory should be given back now. Only one caller is told so at a time.
    pub fn is_due(&self) -> bool {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = milliseconds(self.began.elapsed());
        let due = self.due.load(Ordering::Relaxed);
        let next = now.saturating_add(milliseconds(AT_MOST_EVERY));
        due <= now
            && self
                .due
                .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// Gives freed memory back to the kernel.
#[allow(unsafe_code, reason = "the C library's function has no safe form")]
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it may be called at any time and from any thread.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_at_once_and_then_after_a_while() {
        let freed = Freed::default();
        assert!(freed.is_due());
        assert!(!freed.is_due());
        let later = Freed {
            began: Instant::now().checked_sub(2 * AT_MOST_EVERY).unwrap(),
            ..freed
        };
        assert!(later.is_due());
        assert!(!later.is_due());
        give_back();
    }
}
