//! What one scenario works with: machines to start, disks to install to, checks to record.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sigmavault_vm::{Boot, Drive, GIB, Halt, Image, Logs, Rig, Session};

use crate::answers::{Action, Answers};
use crate::disk::{self, Extent, SYSTEM};
use crate::error::Error;
use crate::esp;
use crate::installer::{self, Report, Verdict};
use crate::lab::{LIVE_BOOT_LIMIT, Lab};
use crate::results::Check;

/// Size of a system disk.
pub const SYSTEM_BYTES: u64 = 8 * GIB;
/// Longest an installation may take, from power on.
pub const INSTALL_LIMIT: Duration = Duration::from_mins(25);
/// Longest an installed system may take to start its agent.
pub const BOOT_LIMIT: Duration = Duration::from_mins(6);
/// Longest it may take from then until nothing is left to start.
pub const TARGET_LIMIT: Duration = Duration::from_mins(6);

/// What one scenario works with.
#[derive(Debug)]
pub struct Bench<'a> {
    /// What it shares with other scenarios.
    pub lab: &'a Lab,
    artifacts: PathBuf,
    work: tempfile::TempDir,
    sockets: tempfile::TempDir,
    deadline: Instant,
    boots: usize,
    images: usize,
    /// The checks so far.
    pub checks: Vec<Check>,
    /// The measured values so far.
    pub notes: Vec<String>,
}

/// A machine with a system disk.
#[derive(Debug, Clone)]
pub struct Installed {
    /// The system disk.
    pub system: Image,
    /// Firmware variables.
    pub variables: PathBuf,
}

impl Installed {
    /// The machine, without the ISO.
    pub fn rig(&self) -> Rig {
        Rig::new(&self.variables).boot_drive(&self.system, SYSTEM)
    }

    /// Where the partition of this GPT name lies on the system disk.
    pub fn partition(&self, label: &str) -> Result<Extent, Error> {
        disk::partition(&self.system, label)
    }
}

impl<'a> Bench<'a> {
    /// An empty one for a scenario that must be over by `deadline`; logs of its machines go to folders in `artifacts`.
    pub fn new(lab: &'a Lab, artifacts: &Path, deadline: Instant) -> Result<Self, Error> {
        let folder = |parent: &Path| {
            tempfile::Builder::new()
                .prefix("sv-")
                .tempdir_in(parent)
                .map_err(Error::io("create a folder in", parent))
        };
        Ok(Self {
            lab,
            artifacts: artifacts.to_owned(),
            work: folder(&lab.work)?,
            // A socket's path has at most 107 bytes, and the work folder may be anywhere.
            sockets: folder(&std::env::temp_dir())?,
            deadline,
            boots: 0,
            images: 0,
            checks: Vec::new(),
            notes: Vec::new(),
        })
    }

    /// Prints what is being done.
    pub fn say(&self, text: &str) {
        eprintln!("  ....  {text}");
    }

    /// Records a measured value, for people.
    pub fn note(&mut self, text: String) {
        eprintln!("  note  {text}");
        self.notes.push(text);
    }

    /// Records one check.
    pub fn check(
        &mut self,
        name: impl Into<String>,
        passed: bool,
        measured: impl Into<String>,
        expected: impl Into<String>,
    ) {
        let check = Check {
            name: name.into(),
            passed,
            measured: measured.into(),
            expected: expected.into(),
        };
        eprintln!("{check}");
        self.checks.push(check);
    }

    /// Records whether a text is the one expected.
    pub fn same(
        &mut self,
        name: impl Into<String>,
        measured: impl Into<String>,
        expected: impl Into<String>,
    ) {
        let (measured, expected) = (measured.into(), expected.into());
        self.check(name, measured == expected, measured, expected);
    }

    /// Records whether a value is the one expected.
    pub fn equal<T: PartialEq + fmt::Debug>(&mut self, name: impl Into<String>, measured: &T, expected: &T) {
        self.check(
            name,
            measured == expected,
            format!("{measured:?}"),
            format!("{expected:?}"),
        );
    }

    /// Records whether a text contains another, letter case aside.
    pub fn contains(&mut self, name: impl Into<String>, measured: impl Into<String>, part: &str) {
        let measured = measured.into();
        let passed = measured.to_lowercase().contains(&part.to_lowercase());
        self.check(name, passed, measured, format!("a text with {part:?}"));
    }

    /// Creates an empty disk.
    pub fn blank(&mut self, bytes: u64) -> Result<Image, Error> {
        self.images += 1;
        let path = self.path(&format!("blank-{}.raw", self.images));
        Ok(Image::create(path, bytes)?)
    }

    /// The folder for files that last as long as the scenario.
    pub fn folder(&self) -> &Path {
        self.work.path()
    }

    /// A path for a file that lasts as long as the scenario.
    pub fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// An empty file that lasts as long as the scenario.
    pub fn empty_file(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path(name);
        fs::File::create(&path).map_err(Error::io("create", &path))?;
        Ok(path)
    }

    /// Keeps a text beside the logs of the machine that was switched on last.
    pub fn keep(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.artifacts.join(format!("{:02}-{name}", self.boots));
        fs::write(&path, text).map_err(Error::io("write", &path))
    }

    /// Switches a machine on; its logs go to a folder of this name.
    pub fn boot(&mut self, name: &str, rig: &Rig) -> Result<Boot<'a>, Error> {
        self.boots += 1;
        let folder = |parent: &Path, name: String| {
            let path = parent.join(name);
            fs::create_dir(&path).map_err(Error::io("create", &path))?;
            Ok::<_, Error>(path)
        };
        let logs = folder(&self.artifacts, format!("{:02}-{name}", self.boots))?;
        let sockets = folder(self.sockets.path(), self.boots.to_string())?;
        let lab = self.lab;
        self.say(&format!("{name}: switched on"));
        let logs = Logs::new(logs);
        let machine = rig.machine(lab.board, lab.accelerator, &lab.tools, &sockets, logs.clone())?;
        let session = Session::start(&machine, &lab.tools, &lab.interrupted)?;
        Ok(Boot::new(session, &lab.tools, self.deadline, sockets, logs))
    }

    /// Starts the ISO on a machine with these answers and waits for the installer's report.
    pub fn install(&mut self, name: &str, rig: &Rig, answers: &Answers) -> Result<(Report, Boot<'a>), Error> {
        let rig = rig.clone().iso(&self.lab.iso).given(answers.credential()?);
        let mut boot = self.boot(name, &rig)?;
        boot.wait_for_system(LIVE_BOOT_LIMIT)?;
        let report = self.installers_report(&mut boot)?;
        self.say(&format!("{name}: {report}"));
        Ok((report, boot))
    }

    /// Waits for the installer's report.
    pub fn installers_report(&self, boot: &mut Boot<'a>) -> Result<Report, Error> {
        let found = boot.wait_for("the installer's report", INSTALL_LIMIT, |session| {
            Ok(installer::find_report(session.transcript().lines()))
        })?;
        found.map_err(|report| Error::BadReport {
            report,
            last: boot.session().last_seen(),
        })
    }

    /// Installs a machine by these answers and waits until it has switched itself off.
    pub fn install_and_power_off(
        &mut self,
        name: &str,
        rig: &Rig,
        answers: &Answers,
    ) -> Result<Report, Error> {
        let answers = answers.clone().then(Action::Poweroff);
        let (report, mut boot) = self.install(name, rig, &answers)?;
        let report = installed(report)?;
        boot.wait_for_end(Halt::PoweredOff, TARGET_LIMIT)?;
        Ok(report)
    }

    /// A machine with an empty system disk.
    pub fn empty_machine(&mut self) -> Result<Installed, Error> {
        let system = self.blank(SYSTEM_BYTES)?;
        let variables = system.path.with_extension("vars");
        Ok(Installed { system, variables })
    }

    /// A machine whose system was installed by plain answers and never started: a copy of one that is made once.
    pub fn installed_machine(&mut self) -> Result<Installed, Error> {
        if let Some((system, variables)) = self.lab.installed() {
            return self.copy_of(&Installed { system, variables });
        }
        let machine = self.empty_machine()?;
        self.install_and_power_off("install", &machine.rig(), &Answers::erase(SYSTEM))?;
        self.lab.keep_installed(&machine.system, &machine.variables)?;
        Ok(machine)
    }

    /// A copy of a machine that is off.
    pub fn copy_of(&mut self, machine: &Installed) -> Result<Installed, Error> {
        self.images += 1;
        let path = self.path(&format!("copy-{}.raw", self.images));
        let variables = path.with_extension("vars");
        fs::copy(&machine.variables, &variables).map_err(Error::io("copy", &machine.variables))?;
        Ok(Installed {
            system: machine.system.copy_to(path)?,
            variables,
        })
    }

    /// Starts an installed machine from its disk and waits until nothing is left to start.
    pub fn start(&mut self, name: &str, rig: &Rig) -> Result<Boot<'a>, Error> {
        let mut boot = self.boot(name, rig)?;
        self.settle(name, &mut boot, BOOT_LIMIT)?;
        Ok(boot)
    }

    /// Waits until an installed system has started, within the limit, and until nothing is left to start.
    pub fn settle(&mut self, name: &str, boot: &mut Boot<'a>, limit: Duration) -> Result<(), Error> {
        boot.wait_for_system(limit)?;
        let state = boot.wait_for_target(TARGET_LIMIT)?;
        let took = boot.elapsed().as_secs();
        self.note(format!("{name}: {state} {took} s after power on"));
        Ok(())
    }

    /// Starts the ISO on a machine whose installer must refuse to work, for a reason with this text, and must leave
    /// the disks as they are.
    pub fn refused(&mut self, name: &str, rig: &Rig, answers: &Answers, reason: &str) -> Result<(), Error> {
        let before = digests(rig)?;
        let (report, mut boot) = self.install(name, rig, answers)?;
        self.equal(format!("{name}: result"), &report.result, &Verdict::Refused);
        self.contains(format!("{name}: reason"), report.reasons(), reason);
        self.unwritten(name, &mut boot)?;
        boot.cut();
        self.same(format!("{name}: disks"), digests(rig)?, before);
        Ok(())
    }

    /// Names of the boot entries on a machine's EFI system partition.
    pub fn boot_entries(&self, machine: &Installed) -> Result<Vec<String>, Error> {
        esp::entries(&self.lab.tools, &machine.system, machine.partition("esp")?)
    }

    /// Checks that the guest has written to no drive.
    pub fn unwritten(&mut self, name: &str, boot: &mut Boot<'a>) -> Result<(), Error> {
        let written: Vec<String> = boot
            .written()?
            .into_iter()
            .filter(|drive| drive.operations > 0)
            .map(|drive| {
                format!(
                    "{}: {} writes, {} bytes",
                    drive.node, drive.operations, drive.bytes
                )
            })
            .collect();
        self.same(format!("{name}: writes"), written.join("; "), "");
        Ok(())
    }
}

/// The report of an installation, which must have put the system on the disk.
pub fn installed(report: Report) -> Result<Report, Error> {
    match report.result {
        Verdict::Installed => Ok(report),
        Verdict::AlreadyInstalled | Verdict::Refused | Verdict::Failed | Verdict::Stopped => {
            Err(Error::NotInstalled(report))
        }
    }
}

/// SHA-256 of every disk of a machine, one a line.
pub fn digests(rig: &Rig) -> Result<String, Error> {
    let digest = |drive: &Drive| Ok(format!("{} {}", drive.serial, disk::digest(&drive.path)?));
    let lines: Result<Vec<String>, Error> = rig.drives.iter().map(digest).collect();
    Ok(lines?.join("\n"))
}
