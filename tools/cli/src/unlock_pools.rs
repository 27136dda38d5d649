//! `sigmavault unlock-pools`: loads the keys of encrypted pools that lie in files of this machine.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sigmavault_facts::Files;
use sigmavault_host::run::{Run, RunError};
use sigmavault_host::zfs;

/// A pool or dataset whose key lies in a file of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Locked {
    /// Name of the pool or dataset.
    pub name: String,
    /// The file.
    pub key_file: PathBuf,
}

impl Locked {
    /// The pool that it is, or is in.
    pub fn pool(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// That it is locked, and why as far as that can be told without the key.
    pub fn reason(&self, files: &Files) -> String {
        let (name, file) = (&self.name, self.key_file.display());
        if files.exists(&self.key_file) {
            format!("pool {name} is locked: the key in {file} was not loaded")
        } else {
            format!("pool {name} is locked: its key {file} is missing")
        }
    }
}

/// Why pools stay locked.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// ZFS does not answer.
    #[error("cannot tell which pools are locked: {0}; try: modprobe zfs, then again")]
    Unknown(RunError),
    /// Some keys were not loaded.
    #[error("{}", lines(.0))]
    Refused(Vec<Refused>),
}

/// A key that was not loaded.
#[derive(Debug)]
pub struct Refused {
    locked: Locked,
    /// Whether there is such a file.
    there: bool,
    error: RunError,
}

fn lines(refused: &[Refused]) -> String {
    let line = |refused: &Refused| {
        let (name, file) = (&refused.locked.name, refused.locked.key_file.display());
        let what = if refused.there {
            format!(
                "the key in {file} does not open it: {}",
                refused.error.last_words()
            )
        } else {
            format!("its key {file} is missing")
        };
        format!(
            "pool {name} stays locked: {what}\n  \
             try: put the 64 digits of its recovery sheet into that file, mode 400, then: sigmavault unlock-pools; zfs mount -a"
        )
    };
    refused.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What is locked although its key lies in a file.
pub fn locked(run: &dyn Run) -> Result<Vec<Locked>, RunError> {
    let roots = zfs::parse_keys(&run.text(&zfs::list_keys())?);
    let locked = |root: zfs::EncryptionRoot| {
        let name = root.name;
        let key_file = root.key_file.filter(|_| !root.loaded)?;
        Some(Locked { name, key_file })
    };
    Ok(roots.into_iter().filter_map(locked).collect())
}

/// Loads the keys; returns what was unlocked.
pub fn run(files: &Files, run: &dyn Run) -> Result<Vec<Locked>, UnlockError> {
    let mut unlocked = Vec::new();
    let mut refused = Vec::new();
    for locked in locked(run).map_err(UnlockError::Unknown)? {
        match run.succeed(&zfs::load_key(&locked.name)) {
            Ok(_) => unlocked.push(locked),
            Err(error) => refused.push(Refused {
                there: files.exists(&locked.key_file),
                locked,
                error,
            }),
        }
    }
    if refused.is_empty() {
        Ok(unlocked)
    } else {
        Err(UnlockError::Refused(refused))
    }
}

/// What was unlocked, for a person.
pub fn show(unlocked: &[Locked]) -> String {
    if unlocked.is_empty() {
        return "Nothing was locked that has its key in a file.\n".to_owned();
    }
    let line = |locked: &Locked| format!("{} is unlocked by {}.\n", locked.name, display(&locked.key_file));
    unlocked.iter().map(line).collect()
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Mutex;

    use sigmavault_host::run::{Invocation, Output, Scripted};

    use super::*;

    const LIST: &str = "tank\ttank\tfile:///etc/sigmavault/keys/tank.key\tunavailable\n\
        tank/photos\ttank\tnone\tunavailable\n\
        backup\tbackup\tfile:///etc/sigmavault/keys/backup.key\tunavailable\n\
        open\topen\tfile:///etc/sigmavault/keys/open.key\tavailable\n\
        typed\ttyped\tprompt\tunavailable\n";

    #[test]
    fn keys_in_files_are_loaded_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        let asked = Mutex::new(Vec::new());
        let machine = Scripted(|invocation: &Invocation| {
            asked.lock().unwrap().push(invocation.to_string());
            Output::success(if asked.lock().unwrap().len() == 1 {
                LIST
            } else {
                ""
            })
        });
        let unlocked = run(&files, &machine).unwrap();
        assert_eq!(
            asked.lock().unwrap()[1..],
            ["zfs load-key tank", "zfs load-key backup"]
        );
        assert_eq!(
            show(&unlocked),
            "tank is unlocked by /etc/sigmavault/keys/tank.key.\nbackup is unlocked by /etc/sigmavault/keys/backup.key.\n"
        );
        let nothing = run(&files, &Scripted(|_: &Invocation| Output::success(""))).unwrap();
        assert_eq!(show(&nothing), "Nothing was locked that has its key in a file.\n");
    }

    #[test]
    fn every_key_is_tried_and_each_failure_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        fs::create_dir_all(files.path("/etc/sigmavault/keys")).unwrap();
        fs::write(files.path("/etc/sigmavault/keys/tank.key"), "0000").unwrap();
        let machine = Scripted(|invocation: &Invocation| {
            if invocation.arguments()[0] == "load-key" {
                Output::failure(255, "Key load error: Incorrect key provided for 'tank'.\n")
            } else {
                Output::success(LIST)
            }
        });
        let text = run(&files, &machine).unwrap_err().to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            (lines[0], lines[2], lines.len()),
            (
                "pool tank stays locked: the key in /etc/sigmavault/keys/tank.key does not open it: \
                 Key load error: Incorrect key provided for 'tank'.",
                "pool backup stays locked: its key /etc/sigmavault/keys/backup.key is missing",
                4
            ),
            "{text}"
        );
    }

    #[test]
    fn without_zfs_it_says_so() {
        let files = Files::new("/nowhere");
        let machine = Scripted(|_: &Invocation| Output::failure(1, "The ZFS modules cannot be auto-loaded."));
        let text = run(&files, &machine).unwrap_err().to_string();
        assert!(
            text.starts_with("cannot tell which pools are locked: zfs list"),
            "{text}"
        );
    }
}
