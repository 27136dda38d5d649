//! Records what zpool, zfs and zdb print: boots the ISO with empty disks, runs the scripts of this folder in it, each
//! after `prelude.sh`, and fetches the files that they leave.
//!
//! A recorded command leaves `NAME.json` or `NAME.txt` with what it printed, `NAME.stderr` with what it complained of,
//! and a line in `index.tsv`: name, exit status, milliseconds, command.

mod fetch;

use std::path::Path;
use std::time::Duration;

use sigmavault_vm::Boot;

use crate::error::Error;
use crate::machine;
use crate::options::Record;

/// What each part is run after.
const PRELUDE: &str = include_str!("prelude.sh");
/// The parts, in the order in which they run.
const PARTS: [(&str, &str); 9] = [
    ("classes", include_str!("classes.sh")),
    ("kinds", include_str!("kinds.sh")),
    ("damage", include_str!("damage.sh")),
    ("change", include_str!("change.sh")),
    ("import", include_str!("import.sh")),
    ("datasets", include_str!("datasets.sh")),
    ("keys", include_str!("keys.sh")),
    ("refusals", include_str!("refusals.sh")),
    ("lost", include_str!("lost.sh")),
];
/// Disks of the machine, 1 GiB each.
const DISKS: usize = 12;
/// Longest one part may take.
const PART_LIMIT: Duration = Duration::from_mins(15);

/// Records the parts that were asked for; all when none was. `tree` is the root of the source tree.
pub fn run(asked: &Record, tree: &Path) -> Result<(), Error> {
    machine::with(&asked.place, tree, DISKS, |boot| parts(boot, asked))
}

fn parts(boot: &mut Boot<'_>, asked: &Record) -> Result<(), Error> {
    let wanted = |name: &str| asked.parts.is_empty() || asked.parts.iter().any(|part| part == name);
    for (part, script) in PARTS.into_iter().filter(|(name, _)| wanted(name)) {
        let answer = boot.run_for(&format!("{PRELUDE}\n{script}"), PART_LIMIT)?;
        eprintln!("== {part}: {} s", answer.took.as_secs());
        if !answer.output.is_empty() {
            eprintln!("{}", answer.output);
        }
        if matches!(answer.status, 124 | 137) {
            eprintln!("{part} took too long: what follows is not recorded");
        }
        fetch::recordings(boot, &asked.out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_parts_are_bash() {
        for (part, script) in PARTS {
            let status = Command::new("bash")
                .args(["-n", "-c", &format!("{PRELUDE}\n{script}")])
                .status()
                .unwrap();
            assert_eq!(status.code(), Some(0), "{part}");
        }
    }
}
