//! The scenarios by name.

use std::time::Duration;

use crate::bench::Bench;
use crate::error::Error;
use crate::scenarios::unattended;

/// The one that every change has to pass.
pub const SHORT: &str = "unattended";

/// One story from disks to checks.
#[derive(Debug)]
pub struct Scenario {
    /// Name on the command line.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// Longest it may take, on two emulated processors.
    pub limit: Duration,
    /// Plays it.
    pub run: fn(&mut Bench<'_>) -> Result<(), Error>,
}

/// All of them.
pub const ALL: [Scenario; 1] = [Scenario {
    name: "unattended",
    about: "installs by answers on an empty disk, boots it twice, and looks at everything",
    limit: Duration::from_mins(40),
    run: unattended::run,
}];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_the_short_one_is_there() {
        let mut names: Vec<&str> = ALL.iter().map(|scenario| scenario.name).collect();
        assert!(names.contains(&SHORT));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
