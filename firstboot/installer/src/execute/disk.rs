//! The system disk: old signatures off, partitions on by systemd-repart, keys, and the look back at the end.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sigmavault_types::slots::Slot;

use super::ExecuteError;
use super::real::io;
use crate::answers::Secret;
use crate::inventory::{self, BlockDevice, STATE, STATE_UNFINISHED};
use crate::machine::Disk;
use crate::plan::{EncryptionPlan, InstallPlan};
use crate::run::Run;

/// Partition definitions of the image (repart.d(5)).
const DEFINITIONS: &str = "/usr/lib/sigmavault/repart.d";
/// The definition of the state partition.
const STATE_DEFINITION: &str = "40-state";

/// Devices of the partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// EFI system partition.
    pub esp: String,
    /// State, below its encryption.
    pub state: String,
    slots: [(String, String); 2],
}

impl Parts {
    /// Root and verity device of a slot.
    pub fn slot(&self, slot: Slot) -> (&str, &str) {
        let (root, tree) = &self.slots[slot as usize];
        (root, tree)
    }
}

/// Takes partition tables and signatures off a disk, the backup table at its end too.
pub fn wipe(run: &dyn Run, disk: &Disk) -> Result<(), ExecuteError> {
    let listed = run.run(
        "lsblk",
        &[
            "--list",
            "--noheadings",
            "--paths",
            "--output",
            "NAME",
            &disk.path,
        ],
        b"",
    )?;
    let mut names: Vec<&str> = listed
        .lines()
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    // Partitions before the disk that they are on.
    names.reverse();
    for name in &names {
        run.run("wipefs", &["--all", "--force", name], b"")?;
    }
    // It complains about a table that is broken, which is why it is called.
    let _ = run.run("sgdisk", &["--zap-all", &disk.path], b"");
    forget_partitions(run, disk)?;
    run.run("udevadm", &["settle"], b"").map(drop)
}

/// How often the kernel is asked to read the partition table again, half a second apart.
const REREADS: u32 = 20;

/// Has the kernel read the empty table. It refuses while anybody has a partition open, as udev does for a moment after
/// every write.
fn forget_partitions(run: &dyn Run, disk: &Disk) -> Result<(), ExecuteError> {
    let mut tries = 0;
    loop {
        run.run("udevadm", &["settle"], b"")?;
        tries += 1;
        match run.run("blockdev", &["--rereadpt", &disk.path], b"") {
            Err(_) if tries < REREADS => std::thread::sleep(Duration::from_millis(500)),
            answer => return answer.map(drop),
        }
    }
}

/// Lays the disk out as planned.
pub fn partition(run: &dyn Run, plan: &InstallPlan) -> Result<Parts, ExecuteError> {
    let folder = tempfile::Builder::new()
        .prefix("repart-")
        .tempdir_in("/run/sigmavault")
        .map_err(|error| io("make a folder in", "/run/sigmavault", error))?;
    definitions(plan, Path::new(DEFINITIONS), folder.path())?;
    let definitions = format!("--definitions={}", folder.path().display());
    let mut args = vec![
        "--empty=force",
        "--dry-run=no",
        "--discard=no",
        "--json=off",
        &definitions,
    ];
    let key = plan
        .encryption
        .as_ref()
        .map(|encryption| KeyFile::new(&encryption.passphrase))
        .transpose()?;
    let key = key.as_ref().map(|key| format!("--key-file={}", key.path()));
    args.extend(key.as_deref());
    args.push(&plan.disk.path);
    run.run("systemd-repart", &args, b"")?;
    run.run("udevadm", &["settle"], b"")?;
    parts(run, &plan.disk)
}

/// The image's definitions in `folder`, with what this plan adds to each as a drop-in.
fn definitions(plan: &InstallPlan, from: &Path, folder: &Path) -> Result<(), ExecuteError> {
    for partition in &plan.partitions {
        let name = format!("{}.conf", partition.definition);
        let path = from.join(&name);
        let text =
            fs::read_to_string(&path).map_err(|error| io("read", &path.display().to_string(), error))?;
        let mut drop_in = format!(
            "[Partition]\nSizeMinBytes={0}\nSizeMaxBytes={0}\n",
            partition.bytes
        );
        if partition.definition == STATE_DEFINITION {
            drop_in.push_str("Label=");
            drop_in.push_str(STATE_UNFINISHED);
            drop_in.push('\n');
            if plan.encryption.is_some() {
                drop_in.push_str("Encrypt=key-file\n");
            }
        }
        let drop_ins = folder.join(format!("{name}.d"));
        let write = || {
            fs::write(folder.join(&name), text)?;
            fs::create_dir(&drop_ins)?;
            fs::write(drop_ins.join("plan.conf"), drop_in)
        };
        write().map_err(|error| io("write below", &folder.display().to_string(), error))?;
    }
    Ok(())
}

/// The partitions of an installed disk, by their GPT names.
pub fn parts(run: &dyn Run, disk: &Disk) -> Result<Parts, ExecuteError> {
    let device = look(run, disk)?;
    let find = |labels: &[&str]| {
        device
            .children
            .iter()
            .find(|part| {
                part.partlabel
                    .as_deref()
                    .is_some_and(|label| labels.contains(&label))
            })
            .map(|part| part.path.clone())
            .ok_or_else(|| ExecuteError::Changed(format!("{} has no partition {}", disk.name, labels[0])))
    };
    Ok(Parts {
        esp: find(&["esp"])?,
        state: find(&[STATE, STATE_UNFINISHED])?,
        slots: [
            (find(&["root-a"])?, find(&["root-a-verity"])?),
            (find(&["root-b"])?, find(&["root-b-verity"])?),
        ],
    })
}

fn look(run: &dyn Run, disk: &Disk) -> Result<BlockDevice, ExecuteError> {
    let args = [
        "--json",
        "--bytes",
        "--tree",
        "--output",
        "NAME,PATH,TYPE,SIZE,PARTLABEL",
        &disk.path,
    ];
    let text = run.run("lsblk", &args, b"")?;
    inventory::block_devices(&text)
        .ok()
        .and_then(|devices| devices.into_iter().next())
        .ok_or_else(|| ExecuteError::Changed(format!("{} is no longer there", disk.name)))
}

/// Makes the recovery key and binds the TPM. Gives the recovery key.
pub fn enrol(run: &dyn Run, state: &str, plan: &EncryptionPlan) -> Result<Option<String>, ExecuteError> {
    let key = KeyFile::new(&plan.passphrase)?;
    let unlock = format!("--unlock-key-file={}", key.path());
    if plan.tpm2 {
        run.run(
            "systemd-cryptenroll",
            &[&unlock, "--tpm2-device=auto", "--tpm2-pcrs=7", state],
            b"",
        )?;
    }
    if !plan.recovery_key {
        return Ok(None);
    }
    let printed = run.run("systemd-cryptenroll", &[&unlock, "--recovery-key", state], b"")?;
    let key = printed
        .split_whitespace()
        .find(|word| word.len() == 71 && word.matches('-').count() == 7);
    key.map(|key| Some(key.to_owned()))
        .ok_or_else(|| ExecuteError::Program {
            program: "systemd-cryptenroll --recovery-key".to_owned(),
            said: "it printed no recovery key".to_owned(),
            hint: "run the installation again".to_owned(),
        })
}

/// Gives the state partition its final name: the mark of a complete installation.
pub fn rename_state(run: &dyn Run, disk: &Disk) -> Result<(), ExecuteError> {
    let device = look(run, disk)?;
    let number = device
        .children
        .iter()
        .find(|part| part.partlabel.as_deref() == Some(STATE_UNFINISHED))
        .and_then(|part| {
            part.path
                .trim_start_matches(&disk.path)
                .trim_start_matches('p')
                .parse::<u32>()
                .ok()
        });
    if let Some(number) = number {
        run.run(
            "sgdisk",
            &[&format!("--change-name={number}:{STATE}"), &disk.path],
            b"",
        )?;
        run.run("udevadm", &["settle"], b"")?;
    }
    Ok(())
}

/// Compares the disk with the plan.
pub fn compare(run: &dyn Run, plan: &InstallPlan) -> Result<(), ExecuteError> {
    let device = look(run, &plan.disk)?;
    for partition in &plan.partitions {
        let found = device
            .children
            .iter()
            .find(|part| part.partlabel.as_deref() == Some(&partition.label));
        match found {
            Some(part) if part.size == partition.bytes => {}
            Some(part) => {
                return Err(ExecuteError::Changed(format!(
                    "partition {} has {} bytes, planned were {}",
                    partition.label, part.size, partition.bytes
                )));
            }
            None => {
                return Err(ExecuteError::Changed(format!(
                    "partition {} is missing",
                    partition.label
                )));
            }
        }
    }
    Ok(())
}

/// A passphrase in a file that only root reads, in memory, gone when dropped.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// Writes it.
    pub fn new(secret: &Secret) -> Result<Self, ExecuteError> {
        let path = PathBuf::from(format!("/run/sigmavault/key-{}", std::process::id()));
        let write = || {
            let _ = fs::remove_file(&path);
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            file.write_all(secret.0.as_bytes())
        };
        write().map_err(|error| io("write", &path.display().to_string(), error))?;
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> std::path::Display<'_> {
        self.path.display()
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
