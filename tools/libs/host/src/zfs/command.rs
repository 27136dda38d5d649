//! How every call of zfs(8) begins.

use crate::run::Invocation;

/// A subcommand. It is run in the locale C.UTF-8, as [`Local`](crate::run::Local) runs every program: what it refuses is told by its
/// text, which is English then, and its JSON ends at the first letter that is not of the locale.
pub fn zfs(subcommand: &str) -> Invocation {
    Invocation::new("zfs").arg(subcommand)
}

/// An option, where it is wanted.
pub fn option(wanted: bool, option: &'static str) -> Option<&'static str> {
    wanted.then_some(option)
}

/// Properties in the form `-o name=value`.
pub fn settings(settings: &[(&str, &str)]) -> Vec<String> {
    settings
        .iter()
        .flat_map(|(name, value)| ["-o".to_owned(), format!("{name}={value}")])
        .collect()
}
