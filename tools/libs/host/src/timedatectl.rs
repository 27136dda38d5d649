//! timedatectl(1): time zones.

use crate::run::Invocation;

/// Lists the time zones that the system knows, one a line.
pub fn list_timezones() -> Invocation {
    Invocation::new("timedatectl").args(["list-timezones", "--no-pager"])
}

pub use crate::parse::lines as parse;
