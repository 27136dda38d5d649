//! Size and free space of file systems.
//!
//! A file system whose disks or server are gone blocks its callers indefinitely. So each query runs on its own thread
//! with a time limit, and the next one waits until that thread has returned.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Time limit of a query.
const PATIENCE: Duration = Duration::from_millis(500);

/// Size of a file system and what is free of it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Total size.
    pub size_bytes: u64,
    /// Space that an unprivileged program can still use.
    pub available_bytes: u64,
}

/// Queries file systems; may block.
pub trait Statistics: Debug + Send + Sync + 'static {
    /// Space of the file system that is mounted at `mount_point`.
    fn space(&self, mount_point: &str) -> io::Result<Space>;
}

/// statvfs(3).
#[derive(Debug, Clone, Copy, Default)]
pub struct Statvfs;

impl Statistics for Statvfs {
    fn space(&self, mount_point: &str) -> io::Result<Space> {
        let found = rustix::fs::statvfs(mount_point)?;
        Ok(Space {
            size_bytes: found.f_blocks.saturating_mul(found.f_frsize),
            available_bytes: found.f_bavail.saturating_mul(found.f_frsize),
        })
    }
}

/// Queries file systems without waiting for one that hangs.
#[derive(Debug, Clone)]
pub struct SpaceSource {
    statistics: Arc<dyn Statistics>,
    asked: Arc<Mutex<BTreeSet<String>>>,
}

impl SpaceSource {
    /// A source over these statistics.
    pub fn new(statistics: impl Statistics) -> Self {
        Self {
            statistics: Arc::new(statistics),
            asked: Arc::default(),
        }
    }

    /// Space of a file system; `None` if it fails, does not answer in time, or has not answered an earlier query yet.
    pub async fn of(&self, mount_point: &str) -> Option<Space> {
        let point = mount_point.to_owned();
        if !self
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(point.clone())
        {
            return None;
        }
        let (statistics, asked) = (Arc::clone(&self.statistics), Arc::clone(&self.asked));
        let question = tokio::task::spawn_blocking(move || {
            let answer = statistics.space(&point).ok();
            asked
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&point);
            answer
        });
        tokio::time::timeout(PATIENCE, question).await.ok()?.ok()?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Slow;

    impl Statistics for Slow {
        fn space(&self, mount_point: &str) -> io::Result<Space> {
            if mount_point == "/gone" {
                std::thread::sleep(PATIENCE * 2);
            }
            Ok(Space {
                size_bytes: 10,
                available_bytes: 4,
            })
        }
    }

    #[tokio::test]
    async fn a_hanging_file_system_is_given_up_and_not_asked_twice() {
        let source = SpaceSource::new(Slow);
        assert_eq!(
            source.of("/").await,
            Some(Space {
                size_bytes: 10,
                available_bytes: 4
            })
        );
        let start = std::time::Instant::now();
        assert_eq!(source.of("/gone").await, None);
        assert!(start.elapsed() >= PATIENCE);
        assert_eq!(source.of("/gone").await, None);
        assert!(start.elapsed() < PATIENCE * 2);
    }

    #[tokio::test]
    async fn the_root_has_a_size() {
        assert!(SpaceSource::new(Statvfs).of("/").await.unwrap().size_bytes > 0);
    }
}
