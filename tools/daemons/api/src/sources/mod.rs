//! Where facts come from. Each source is a trait with the real implementation beside it, so that tests put in their own.

pub mod clock;
pub mod space;
pub mod systemd;

use std::pin::Pin;

/// A future that a trait object can return.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
