//! Where the keys go that an installation without questions makes: the recovery key and the key of the data pool. They go to no console and into no journal,
//! where whoever comes later would read it.
//!
//! [`Keeper`] is what [`crate::unattended`] needs; a [`Place`] is chosen, and tried, before anything is written.
//! [`live`] is the running machine.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::answers::Action;
use crate::plan::InstallPlan;
use crate::pool_key::{self, PoolKey};
use crate::progress::Outcome;

pub mod live;

/// How many files with the key of one disk a folder holds.
const COPIES: u32 = 100;

/// Where a recovery key is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On the volume that the answers came from.
    Volume,
    /// In memory, as long as the machine stays on.
    Memory,
    /// On the terminal of the person who began the installation.
    Terminal,
    /// Nowhere: it is a demonstration.
    Demonstration,
}

/// Why there is no place for a recovery key. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum NoPlace {
    /// Answers that are on no volume.
    #[error(
        "the recovery key has no place to be kept: the answers came from no volume, and the machine does not stay on\n  try: {TRY}"
    )]
    NoVolume,
    /// A volume that cannot be written to.
    #[error(
        "the recovery key cannot be kept on the answers' volume, and the machine does not stay on: {0}\n  try: {TRY}"
    )]
    Unwritable(io::Error),
}

/// What to do without a place.
const TRY: &str = "give the answers on a FAT volume labelled SVANSWERS that can be written to, or set finish.action = \"wait\", \
                   or encryption.recovery-key = false, with a pool pool.encrypt = false too";

/// Keeps the recovery key of an installation without questions.
pub trait Keeper {
    /// A place for it that can be written to, when the machine does this after the installation.
    fn choose(&self, after: Action) -> Result<Place, NoPlace>;

    /// Writes it there. Returns where it is, for a person.
    fn keep(&self, place: &Place, sheet: &Sheet) -> io::Result<String>;
}

/// A recovery key, the key of a pool, or both, and what they belong to. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Sheet {
    name: String,
    text: String,
}

impl fmt::Debug for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sheet")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Sheet {
    /// The sheet of an installation that made keys.
    pub fn of(plan: &InstallPlan, outcome: &Outcome) -> Option<Self> {
        let keys: Vec<String> = [
            outcome.recovery_key.as_deref().map(about_state),
            outcome.pool_key.as_ref().map(about_pool),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!keys.is_empty()).then(|| Self::new(plan, &keys.join("\n")))
    }

    fn new(plan: &InstallPlan, keys: &str) -> Self {
        let letter = |letter: char| {
            if letter.is_ascii_alphanumeric() || letter == '-' {
                letter
            } else {
                '_'
            }
        };
        let disk = plan.disk.serial.as_deref().unwrap_or(&plan.disk.name);
        let host = plan.settings.as_ref().map_or_else(String::new, |settings| {
            format!("Machine: {}\n", settings.network.hostname)
        });
        Self {
            name: disk.chars().take(40).map(letter).collect(),
            text: format!(
                "SigmaVault NAS OS: recovery key\n\n{host}System disk: {}\n\n{keys}\nKeep this sheet apart from the machine.\n",
                plan.disk.describe()
            ),
        }
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Writes it to a new file in a folder, readable for root alone; on the disk when this returns. Returns the name.
    pub fn write_into(&self, folder: &Path) -> io::Result<PathBuf> {
        for copy in 1..=COPIES {
            let number = if copy == 1 {
                String::new()
            } else {
                format!("-{copy}")
            };
            let name = PathBuf::from(format!("recovery-key-{}{number}.txt", self.name));
            match create(&folder.join(&name)) {
                Ok(mut file) => {
                    file.write_all(self.text.as_bytes())?;
                    file.sync_all()?;
                    File::open(folder)?.sync_all()?;
                    return Ok(name);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// The part of a sheet about the state partition.
fn about_state(key: &str) -> String {
    format!("{key}\n\nIt opens the encrypted part of this disk when the passphrase is lost.\n")
}

/// The part of a sheet about a pool: its key twice, to be copied and to be typed, and the commands that use it.
pub(crate) fn about_pool(key: &PoolKey) -> String {
    let (pool, digits) = (&key.pool, &key.digits().0);
    let lines: String = key
        .lines()
        .iter()
        .map(|(groups, check)| format!("  {groups}   {check}\n"))
        .collect();
    let file = pool_key::file(pool);
    format!(
        "Key of the data pool {pool}\n\n{digits}\n\n\
         The same in lines. The last word of a line is its check: how the SHA-256 of its 16 digits begins, which\n\
         `printf DIGITS | sha256sum` shows.\n\n{lines}\n\
         The machine has this key in /{file}. When the system disk is lost, it opens the pool\n\
         on another system, such as the installation medium's live session, as root:\n\n  \
         zpool import -f -N {pool}\n  \
         zfs load-key -L prompt {pool}\n  \
         zfs mount -a\n\n\
         The second asks for the 64 digits, without spaces. With this sheet as a file, instead:\n\n  \
         grep -xE '[0-9a-f]{{64}}' SHEET >/run/{pool}.key\n  \
         zfs load-key -L file:///run/{pool}.key {pool}\n\n\
         An installed system, which must be encrypted then, loads the key at each start from a file that it gets by:\n\n  \
         install -D -m 400 /run/{pool}.key /{file}\n",
        file = file.display()
    )
}

/// Makes sure that a file can be written into a folder, and leaves nothing there.
pub fn try_folder(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!("recovery-key-{}.tmp", std::process::id()));
    let mut file = create(&path)?;
    let written = file.write_all(&[b'x'; 1024]).and_then(|()| file.sync_all());
    fs::remove_file(&path)?;
    written
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn sheet() -> Sheet {
        Sheet {
            name: "S_1".to_owned(),
            text: "key\n".to_owned(),
        }
    }

    #[test]
    fn a_sheet_never_takes_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        try_folder(folder.path()).unwrap();
        let mut names = Vec::new();
        for _ in 0..3 {
            names.push(sheet().write_into(folder.path()).unwrap());
        }
        let expected = [
            "recovery-key-S_1.txt",
            "recovery-key-S_1-2.txt",
            "recovery-key-S_1-3.txt",
        ]
        .map(PathBuf::from);
        assert_eq!(names, expected);
        let path = folder.path().join(&names[0]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "key\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
        assert!(try_folder(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_sheet_is_not_shown() {
        assert_eq!(format!("{:?}", sheet()), "Sheet { name: \"S_1\", .. }");
    }
}
