//! localectl(1): locales.

use crate::run::Invocation;

/// Lists the locales that the system has, one a line.
pub fn list_locales() -> Invocation {
    Invocation::new("localectl").args(["list-locales", "--no-pager"])
}

pub use crate::parse::lines as parse;
