//! A token bucket: so many requests a minute, with bursts up to a quarter of them.

use std::time::{Duration, Instant};

/// Requests a minute. All of TCP shares one, since every peer on the loopback address is this machine.
#[derive(Debug)]
pub struct Bucket {
    per_minute: u32,
    level: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub fn new(per_minute: u32, now: Instant) -> Self {
        Self {
            per_minute,
            level: Self::size(per_minute),
            at: now,
        }
    }

    /// Takes one, or says how long until there is one.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let rate = f64::from(self.per_minute) / 60.0;
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + elapsed * rate).min(Self::size(self.per_minute));
        self.at = now;
        if self.level >= 1.0 {
            self.level -= 1.0;
            Ok(())
        } else {
            Err(Duration::from_secs_f64((1.0 - self.level) / rate))
        }
    }

    fn size(per_minute: u32) -> f64 {
        (f64::from(per_minute) / 4.0).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(60, start);
        let taken = (0..100).take_while(|_| bucket.take(start).is_ok()).count();
        assert_eq!(taken, 15);
        assert_eq!(bucket.take(start), Err(Duration::from_secs(1)));
        assert_eq!(bucket.take(start + Duration::from_millis(1001)), Ok(()));
        assert!(bucket.take(start + Duration::from_millis(1002)).is_err());
    }
}
