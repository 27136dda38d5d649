//! How every call of zpool(8) begins.

use crate::run::Invocation;

/// A subcommand. It is run in the locale C.UTF-8, as [`Local`](crate::run::Local) runs every program: what it refuses is told by its
/// text, which is English then, and its JSON ends at the first letter that is not of the locale.
pub fn zpool(subcommand: &str) -> Invocation {
    Invocation::new("zpool").arg(subcommand)
}

/// An option, where it is wanted.
pub fn option(wanted: bool, option: &'static str) -> Option<&'static str> {
    wanted.then_some(option)
}

/// Options with a value each, in the form `-o name=value`.
pub fn settings(letter: &str, settings: &[(&str, &str)]) -> Vec<String> {
    settings
        .iter()
        .flat_map(|(name, value)| [letter.to_owned(), format!("{name}={value}")])
        .collect()
}
