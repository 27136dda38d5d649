//! What one scenario works with: machines to start, disks to install to, checks to fill in.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sigmavault_image_builder::smoke::{self, Halt, Session, Share};

use crate::answers::{Action, Answers};
use crate::boot::Boot;
use crate::disk::{GIB, Image};
use crate::error::Error;
use crate::installer::{self, Report, Verdict};
use crate::lab::{LIVE_BOOT_LIMIT, Lab};
use crate::results::{Check, Outcome};
use crate::rig::{Rig, SYSTEM};
use crate::scenario::Scenario;

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
    /// What it shares with others.
    pub lab: &'a Lab,
    artifacts: PathBuf,
    work: tempfile::TempDir,
    sockets: tempfile::TempDir,
    deadline: Instant,
    boots: usize,
    images: usize,
    checks: Vec<Check>,
    notes: Vec<String>,
}

/// A machine whose disk has a system on it.
#[derive(Debug, Clone)]
pub struct Installed {
    /// The system disk.
    pub system: Image,
    /// Firmware variables.
    pub variables: PathBuf,
}

impl Installed {
    /// The machine without the medium.
    pub fn rig(&self) -> Rig {
        Rig::new(&self.variables).system(&self.system)
    }
}

/// Plays a scenario from its start to its outcome.
pub fn play(scenario: &Scenario, lab: &Lab, artifacts: &Path) -> Result<Outcome, Error> {
    let started = Instant::now();
    let artifacts = artifacts.join(scenario.name);
    if artifacts.exists() {
        fs::remove_dir_all(&artifacts).map_err(Error::io("remove", &artifacts))?;
    }
    fs::create_dir_all(&artifacts).map_err(Error::io("create", &artifacts))?;
    let artifacts = fs::canonicalize(&artifacts).map_err(Error::io("open", &artifacts))?;
    let folder = |parent: &Path| {
        tempfile::Builder::new()
            .prefix("sv-")
            .tempdir_in(parent)
            .map_err(Error::io("create a folder in", parent))
    };
    let mut bench = Bench {
        lab,
        artifacts,
        work: folder(&lab.work)?,
        // A socket's path has at most 107 bytes, and the work folder may be anywhere.
        sockets: folder(&std::env::temp_dir())?,
        deadline: started + scenario.limit,
        boots: 0,
        images: 0,
        checks: Vec::new(),
        notes: Vec::new(),
    };
    let result = (scenario.run)(&mut bench);
    let error = match result {
        Err(Error::Machine(smoke::Error::Interrupted)) => {
            return Err(Error::Machine(smoke::Error::Interrupted));
        }
        Err(error) => Some(error.to_string()),
        // A scenario without checks has shown nothing.
        Ok(()) if bench.checks.is_empty() => Some("nothing was checked".to_owned()),
        Ok(()) => None,
    };
    let outcome = Outcome {
        scenario: scenario.name,
        passed: error.is_none() && bench.checks.iter().all(|check| check.passed),
        error,
        seconds: (started.elapsed().as_secs_f64() * 10.0).round() / 10.0,
        notes: bench.notes,
        checks: bench.checks,
        artifacts: bench.artifacts,
    };
    let path = outcome.artifacts.join("report.json");
    fs::write(&path, serde_json::to_string_pretty(&outcome)? + "\n").map_err(Error::io("write", &path))?;
    Ok(outcome)
}

impl<'a> Bench<'a> {
    /// Tells what goes on.
    pub fn say(&self, text: &str) {
        eprintln!("  ....  {text}");
    }

    /// Keeps a measured value, for people.
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

    /// Records whether a text contains another, letter case aside.
    pub fn contains(&mut self, name: impl Into<String>, measured: impl Into<String>, part: &str) {
        let measured = measured.into();
        let passed = measured.to_lowercase().contains(&part.to_lowercase());
        self.check(name, passed, measured, format!("a text with {part:?}"));
    }

    /// Makes an empty disk.
    pub fn blank(&mut self, bytes: u64) -> Result<Image, Error> {
        self.images += 1;
        Image::create(self.path(&format!("blank-{}.raw", self.images)), bytes)
    }

    /// The folder of files that last as long as the scenario.
    pub fn folder(&self) -> &Path {
        self.work.path()
    }

    /// A path for a file that lasts as long as the scenario.
    pub fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
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
        let machine = rig.machine(lab.accelerator, &lab.tools, &sockets, &logs)?;
        let mut line = vec!["qemu-system-x86_64".to_owned()];
        line.extend(machine.arguments());
        let command = logs.join("qemu.sh");
        fs::write(&command, smoke::shell_line(line.iter().map(String::as_str)))
            .map_err(Error::io("write", &command))?;
        let mut shares = vec![
            Share::Read(&lab.iso),
            Share::Write(self.work.path()),
            Share::Write(&sockets),
            Share::Write(&logs),
        ];
        shares.extend(rig.tpm.as_deref().and_then(Path::parent).map(Share::Write));
        let qemu = lab.tools.command("qemu-system-x86_64", &shares);
        let session = Session::start(&machine, qemu, &logs.join("qemu.log"), &lab.interrupted)?;
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
        let mut found = None;
        boot.wait("the installer's report", INSTALL_LIMIT, |session| {
            found = installer::find_report(session.transcript().lines());
            found.is_some()
        })?;
        match found {
            Some(Ok(report)) => Ok(report),
            Some(Err(line)) => Err(boot.unmet(&format!("the installer's report is not as agreed: {line}"))),
            None => Err(boot.unmet("no report of the installer")),
        }
    }

    /// A fresh machine, installed by these answers, which must make it switch itself off.
    pub fn install_and_power_off(
        &mut self,
        name: &str,
        rig: &Rig,
        answers: &Answers,
    ) -> Result<Report, Error> {
        let answers = answers.clone().then(Action::Poweroff);
        let (report, mut boot) = self.install(name, rig, &answers)?;
        if report.result != Verdict::Installed {
            return Err(Error::NotInstalled(report.to_string()));
        }
        boot.wait_for_end(&Halt::PoweredOff, TARGET_LIMIT)?;
        Ok(report)
    }

    /// A machine with an empty system disk.
    pub fn empty_machine(&mut self) -> Result<Installed, Error> {
        let system = self.blank(SYSTEM_BYTES)?;
        let variables = system.path.with_extension("vars");
        Ok(Installed { system, variables })
    }

    /// A machine with a system that was installed by plain answers and never started: a copy of one that is made once.
    pub fn installed_machine(&mut self) -> Result<Installed, Error> {
        if let Some((system, variables)) = self.lab.installed() {
            return self.copy_of(&Installed { system, variables });
        }
        let machine = self.empty_machine()?;
        self.install_and_power_off("install", &machine.rig(), &Answers::erase(SYSTEM))?;
        self.lab.keep_installed(&machine.system, &machine.variables)?;
        Ok(machine)
    }

    /// A copy of a machine that is switched off.
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

    /// Waits until an installed system is there, within the limit, and until nothing is left to start.
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
        self.same(
            format!("{name}: result"),
            format!("{:?}", report.result),
            "Refused",
        );
        self.contains(format!("{name}: reason"), report.reasons(), reason);
        self.unwritten(name, &mut boot)?;
        boot.cut();
        self.same(format!("{name}: disks"), digests(rig)?, before);
        Ok(())
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

/// SHA-256 of every disk of a machine, one a line.
pub fn digests(rig: &Rig) -> Result<String, Error> {
    let digest = |drive: &smoke::Drive| {
        let path = drive.path.clone();
        Ok(format!("{} {}", drive.serial, Image { path }.digest()?))
    };
    let lines: Result<Vec<String>, Error> = rig.drives.iter().map(digest).collect();
    Ok(lines?.join("\n"))
}
