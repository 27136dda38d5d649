//! localectl(1): locales.

use crate::run::Invocation;

/// Lists the locales that the system has, one a line; also those whose name does not say that they are UTF-8, such as
/// `en_IN`, which localectl hides otherwise. The images have no locales in other character sets.
pub fn list_locales() -> Invocation {
    Invocation::new("localectl")
        .args(["list-locales", "--no-pager"])
        .env("SYSTEMD_LIST_NON_UTF8_LOCALES", "1")
}

pub use crate::parse::lines as parse;
