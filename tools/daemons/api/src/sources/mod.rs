//! Sources of facts. Each is a trait with the real implementation beside it, so that tests can substitute their own.

pub mod clock;
pub mod space;
pub mod systemd;

use std::pin::Pin;

/// A future that a trait object can return.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
