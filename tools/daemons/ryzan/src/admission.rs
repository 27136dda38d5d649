//! Work on a request before the engine has it: templates, tokens and grammars.
//!
//! It takes time and memory in proportion to the request's length, so requests of more than [`LARGE`] bytes are prepared one at a
//! time, of each user and of all, and work that nobody waits for any more is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;

use crate::caller::Caller;
use crate::memory::{self, Freed};
use crate::openai::error::ApiError;
use crate::users::PerUser;

/// Size of text, in bytes, from which requests are prepared one at a time.
pub const LARGE: usize = 64 << 10;

/// Whether the client has gone.
#[derive(Debug, Clone, Default)]
pub struct Gone(Arc<AtomicBool>);

impl Gone {
    /// Whether it has.
    pub fn is(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Sets the flag when the request's future is dropped.
struct OnDrop(Gone);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Where requests are prepared.
#[derive(Debug)]
pub struct Admission {
    large: Arc<Semaphore>,
    /// Each user has one large request that waits with those of others; the rest waits for that one.
    own: PerUser,
    freed: Freed,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            large: Arc::new(Semaphore::new(1)),
            own: PerUser::new(1),
            freed: Freed::default(),
        }
    }
}

impl Admission {
    /// Runs work on a thread for blocking tasks, for a request with this many bytes of text. Work on a large request keeps its place
    /// until it has really ended, also when the client has gone.
    pub async fn run<T: Send + 'static>(
        &self,
        caller: Caller,
        bytes: usize,
        work: impl FnOnce(&Gone) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let failed = |why: String| ApiError::Failed {
            reason: format!("the request could not be prepared: {why}"),
        };
        let turn = if bytes > LARGE {
            let own = self.own.of(caller).acquire_owned().await;
            let turn = Arc::clone(&self.large).acquire_owned().await;
            Some(
                own.and_then(|own| Ok((own, turn?)))
                    .map_err(|error| failed(error.to_string()))?,
            )
        } else {
            None
        };
        let gone = Gone::default();
        let _on_drop = OnDrop(gone.clone());
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&gone);
            drop(turn);
            done
        })
        .await
        .unwrap_or_else(|error| Err(failed(error.to_string())));
        if self.freed.is_due() {
            tokio::task::spawn_blocking(memory::give_back);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;

    const ME: Caller = Caller { uid: 1 };

    #[tokio::test]
    async fn large_requests_are_prepared_one_at_a_time() {
        let admission = Admission::default();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = || {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            admission.run(ME, LARGE + 1, move |_| {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(5));
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        };
        let (a, b, c) = tokio::join!(work(), work(), work());
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
        assert_eq!(most.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_small_request_does_not_wait_for_a_large_one() {
        let admission = Arc::new(Admission::default());
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let large = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move {
                admission
                    .run(ME, LARGE + 1, move |_| {
                        wait.recv().unwrap();
                        Ok(())
                    })
                    .await
            }
        });
        assert!(matches!(admission.run(ME, LARGE, |_| Ok(7)).await, Ok(7)));
        go.send(()).unwrap();
        assert!(large.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn work_is_told_when_the_client_goes() {
        let admission = Admission::default();
        let (ended, end) = std::sync::mpsc::channel();
        let work = admission.run(ME, 1, move |gone: &Gone| {
            while !gone.is() {
                std::thread::sleep(Duration::from_millis(1));
            }
            ended.send(()).unwrap();
            Ok(())
        });
        assert!(
            tokio::time::timeout(Duration::from_millis(20), work)
                .await
                .is_err()
        );
        assert!(end.recv_timeout(Duration::from_secs(10)).is_ok());
    }
}
