//! One smoke test from the ISO to the report.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::accel;
use super::artifacts::{Artifacts, Report};
use super::checks::{CheckResult, Expected, Judgement, Outcome, POWER_OFF, SCREEN, judge_guest};
use super::drive::{Bus, Drive, LiveMedium};
use super::error::Error;
use super::firmware::FirmwareFiles;
use super::guest;
use super::machine::{Accelerator, Machine, OnReset, shell_line};
use super::options::{Firmware, Memory, Options};
use super::qmp::Halt;
use super::screen::{self, Picture};
use super::session::{Awaited, Session};
use super::tools::{Share, ToolsTree};
use crate::manifest::Manifest;

/// Size of each disk for the pool, in bytes; the files are sparse.
const DISK_BYTES: u64 = 256 << 20;
/// How long the desktop may take to appear once the checks in the guest are over.
const SCREEN_LIMIT: Duration = Duration::from_mins(4);
/// Between two looks at the screen.
const SCREEN_PAUSE: Duration = Duration::from_secs(5);
/// How long the machine may take to switch itself off.
const POWER_OFF_LIMIT: Duration = Duration::from_mins(2);

/// A flag that Ctrl-C and SIGTERM raise; a second one ends the program at once.
pub fn interrupt_flag() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))?;
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

/// Boots the ISO and checks what comes up. `say` receives progress lines; `interrupted` stops everything.
///
/// Whatever happens once the machine was started, the artifacts hold a `report.json`.
pub fn smoke(
    options: &Options,
    tools: &ToolsTree,
    interrupted: &AtomicBool,
    say: &mut dyn FnMut(&str),
) -> Result<Report, Error> {
    let started = Instant::now();
    let iso = fs::canonicalize(&options.iso).map_err(|source| Error::Iso {
        path: options.iso.clone(),
        source,
    })?;
    let inspection = crate::inspect::inspect(&iso)?;
    let manifest = match inspection.manifest {
        Some(manifest) if inspection.problems.is_empty() => manifest,
        _ => {
            return Err(Error::Unusable {
                path: iso,
                problems: inspection.problems.join("; "),
            });
        }
    };
    let iso_bytes = inspection.bytes;
    let artifacts = Artifacts::prepare(&options.artifacts_dir())?;
    let work = tempfile::Builder::new()
        .prefix("sigmavault-smoke-")
        .tempdir()
        .map_err(Error::io("create a folder in", &std::env::temp_dir()))?;
    for path in [iso.as_path(), &artifacts.folder, work.path()] {
        if path.to_str().is_none() {
            return Err(Error::PathNotText {
                path: path.to_owned(),
            });
        }
    }
    if manifest.arch != "amd64" {
        return Err(Error::Arch {
            path: iso,
            arch: manifest.arch,
        });
    }
    let (candidates, mut no_kvm) =
        accel::candidates(options.accel, Path::new(accel::KVM)).map_err(|why| Error::NoKvm { why })?;
    let mut test = Test {
        options,
        tools,
        interrupted,
        iso: &iso,
        iso_bytes,
        manifest: &manifest,
        artifacts: &artifacts,
        deadline: started + options.time_limit(),
        checks: Vec::new(),
    };
    let mut outcome = Ok(());
    let mut used = Accelerator::Tcg;
    for (index, accelerator) in candidates.iter().enumerate() {
        used = *accelerator;
        say(&format!("booting {} under {}", iso.display(), used.name()));
        let folder = work.path().join(used.name());
        fs::create_dir(&folder).map_err(Error::io("create", &folder))?;
        let fallback = index + 1 < candidates.len();
        match test.boot(used, fallback, &folder, say) {
            Ok(Boot::Done) => break,
            Ok(Boot::KvmBroken(why)) => {
                say(&format!("KVM is there, but {why}; starting again under TCG"));
                no_kvm = Some(why);
            }
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    let checks = test.checks;
    let report = Report {
        iso: iso.clone(),
        profile: manifest.profile.clone(),
        version: manifest.version.clone(),
        root_hash: manifest.root_hash.clone(),
        medium: options.medium,
        firmware: options.firmware,
        memory: options.memory,
        cpu: options.cpu.clone(),
        accelerator: used,
        no_kvm,
        seconds: (started.elapsed().as_secs_f64() * 10.0).round() / 10.0,
        passed: outcome.is_ok() && checks.iter().all(|check| check.outcome != Outcome::Fail),
        error: outcome.as_ref().err().map(ToString::to_string),
        checks,
        artifacts: artifacts.folder.clone(),
    };
    artifacts.write_report(&report)?;
    outcome.map(|()| report)
}

/// How one attempt to boot came out.
enum Boot {
    /// All checks have results.
    Done,
    /// Early boot failed under KVM, which can be helped.
    KvmBroken(String),
}

struct Test<'a> {
    options: &'a Options,
    tools: &'a ToolsTree,
    interrupted: &'a AtomicBool,
    iso: &'a Path,
    iso_bytes: u64,
    manifest: &'a Manifest,
    artifacts: &'a Artifacts,
    deadline: Instant,
    checks: Vec<CheckResult>,
}

impl Test<'_> {
    fn boot(
        &mut self,
        accelerator: Accelerator,
        fallback: bool,
        work: &Path,
        say: &mut dyn FnMut(&str),
    ) -> Result<Boot, Error> {
        let machine = self.machine(accelerator, work)?;
        let mut line = vec!["qemu-system-x86_64".to_owned()];
        line.extend(machine.arguments());
        let command = self.artifacts.path(Artifacts::COMMAND);
        fs::write(&command, shell_line(line.iter().map(String::as_str)))
            .map_err(Error::io("write", &command))?;
        let shares = [
            Share::Read(self.iso),
            Share::Write(work),
            Share::Write(&self.artifacts.folder),
        ];
        let messages = self.artifacts.path(Artifacts::MESSAGES);
        let qemu = self.tools.command("qemu-system-x86_64", &shares);
        let mut session = match Session::start(&machine, qemu, &messages, self.interrupted) {
            // A QEMU that has no KVM for this processor says so and ends.
            Err(Error::MachineEnded { how, .. }) if fallback => return Ok(Boot::KvmBroken(how)),
            session => session?,
        };
        let expected = self.expected(session.cpu_has("avx512f")?);

        let awaited = |what| Awaited {
            what,
            deadline: self.deadline,
            limit: self.options.time_limit(),
            artifacts: &self.artifacts.folder,
        };
        if fallback {
            let mut broken = None;
            session.wait(&awaited("the guest to come up"), say, |session| {
                broken = accel::broken(&session.early_signs());
                session.guest.hello || broken.is_some()
            })?;
            if let Some(why) = broken {
                return Ok(Boot::KvmBroken(why));
            }
        }
        let finished = session.wait(&awaited("the checks in the guest"), say, |session| {
            session.guest.done || session.guest.gone.is_some()
        });
        self.checks = judge_guest(&session.guest, &expected);
        if let Err(error) = finished {
            // The picture may tell more; without one the error still stands.
            let _ = session.screenshot(&self.artifacts.path(Artifacts::SCREENSHOT));
            return Err(error);
        }
        let screen = self.screen(&mut session, work, say)?;
        self.checks.push(screen);
        say("switching the machine off");
        let power_off = self.power_off(&mut session)?;
        self.checks.push(power_off);
        Ok(Boot::Done)
    }

    fn machine(&self, accelerator: Accelerator, work: &Path) -> Result<Machine, Error> {
        let drives = guest::DISK_SERIALS
            .map(|serial| Drive::new(work.join(format!("{serial}.raw")), serial, Bus::Virtio));
        for Drive { path, .. } in &drives {
            let file = File::create(path).map_err(Error::io("create", path))?;
            file.set_len(DISK_BYTES).map_err(Error::io("create", path))?;
        }
        let uefi = match self.options.firmware {
            Firmware::Uefi => Some(FirmwareFiles::prepare(&self.tools.root, work)?),
            Firmware::Bios => None,
        };
        // The rest of the time is for the other checks and the power-off.
        let credentials = guest::credentials(self.options.time_limit() / 5 * 3);
        Ok(Machine {
            accelerator,
            cpu: self.options.cpu.clone(),
            memory: self.options.memory,
            uefi,
            medium: Some(LiveMedium {
                iso: self.iso.to_owned(),
                kind: self.options.medium,
            }),
            drives: drives.into(),
            tpm_socket: None,
            // A guest that resets itself has failed; it must not start over unnoticed.
            on_reset: OnReset::End,
            oem_strings: guest::write_oem_strings(&credentials, work)?,
            qmp_socket: work.join("qmp"),
            report_socket: work.join("report"),
            serial_socket: None,
            serial_log: self.artifacts.path(Artifacts::SERIAL),
            report_log: self.artifacts.path(Artifacts::GUEST),
            journal_log: self.artifacts.path(Artifacts::JOURNAL),
        })
    }

    fn expected(&self, avx512: bool) -> Expected {
        Expected {
            firmware: self.options.firmware,
            medium: self.options.medium,
            iso_bytes: self.iso_bytes,
            volume_id: self.manifest.volume_id.clone(),
            root_hash: self.manifest.root_hash.clone(),
            kernel: self.manifest.kernel.clone(),
            zfs: self.manifest.zfs.clone(),
            tier: implied_tier(self.options.memory, avx512),
        }
    }

    /// Looks at the screen until it shows a desktop, where the profile has one; keeps the last picture.
    fn screen(
        &self,
        session: &mut Session<'_>,
        work: &Path,
        say: &mut dyn FnMut(&str),
    ) -> Result<CheckResult, Error> {
        let started = Instant::now();
        let path = self.artifacts.path(Artifacts::SCREENSHOT);
        session.screenshot(&path)?;
        if self.manifest.desktop == "none" {
            let why = format!("profile {} has no desktop", self.manifest.profile);
            return Ok(CheckResult::new(SCREEN, Judgement::skip(why), started.elapsed()));
        }
        let until = self.deadline.min(started + SCREEN_LIMIT);
        let mut passed_before = false;
        loop {
            let judged = self.judge_screen(&path, work)?;
            let passed = judged.outcome == Outcome::Pass;
            // Twice in a row, so that what is kept is no picture of something fading in or out.
            if passed && passed_before || Instant::now() >= until {
                return Ok(CheckResult::new(SCREEN, judged, started.elapsed()));
            }
            if !passed {
                say(&format!(
                    "looking at the screen: {}",
                    judged.reason.as_deref().unwrap_or_default()
                ));
                session.wake()?;
            }
            passed_before = passed;
            let next = Instant::now() + SCREEN_PAUSE;
            while Instant::now() < next {
                session.poll()?;
                std::thread::sleep(Duration::from_millis(100));
            }
            session.screenshot(&path)?;
        }
    }

    fn judge_screen(&self, screenshot: &Path, work: &Path) -> Result<Judgement, Error> {
        let unreadable = |error: screen::PictureError| Error::io("read", screenshot)(io::Error::other(error));
        let picture = Picture::read(screenshot).map_err(unreadable)?;
        let large = work.join("ocr.png");
        picture.write_for_ocr(&large).map_err(unreadable)?;
        let output = self
            .tools
            .command("tesseract", &[Share::Read(work)])
            .arg(&large)
            .args(["stdout", "--psm", "11"])
            .output()
            .map_err(Error::io("run", Path::new("bwrap")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Error::Tool {
                program: "tesseract".into(),
                status: output.status,
                said,
            });
        }
        Ok(screen::judge(
            &picture.measure(),
            &String::from_utf8_lossy(&output.stdout),
        ))
    }

    fn power_off(&self, session: &mut Session<'_>) -> Result<CheckResult, Error> {
        let started = Instant::now();
        session.order_power_off()?;
        let ended = session.wait_for_exit(POWER_OFF_LIMIT)?;
        let journal = self.artifacts.path(Artifacts::JOURNAL);
        let text = fs::read(&journal).map_err(Error::io("read", &journal))?;
        let judged = judge_power_off(
            ended
                .as_ref()
                .map(|(status, halt)| (status.success(), halt.as_ref())),
            &String::from_utf8_lossy(&text),
        );
        Ok(CheckResult::new(POWER_OFF, judged, started.elapsed()))
    }
}

/// Judges the machine's end: by the guest's own doing, QEMU content, and the journal showing it.
fn judge_power_off(ended: Option<(bool, Option<&Halt>)>, journal: &str) -> Judgement {
    const TARGET: &str = "Reached target poweroff.target";
    let mut complaints = Vec::new();
    match ended {
        None => complaints.push(format!(
            "still running {} s after the order",
            POWER_OFF_LIMIT.as_secs()
        )),
        Some((true, Some(Halt::PoweredOff))) => {}
        Some((success, halt)) => {
            complaints.push(format!(
                "ended by {halt:?}, QEMU {}",
                if success { "content" } else { "in failure" }
            ));
        }
    }
    let last = journal.lines().last().unwrap_or_default();
    if !journal.contains(TARGET) {
        complaints.push(format!(
            "the journal does not reach poweroff.target; it ends with {last:?}"
        ));
    }
    Judgement::of(
        if complaints.is_empty() {
            "switched off by itself, poweroff.target reached"
        } else {
            last
        },
        "switched off by itself, poweroff.target reached",
        &complaints,
    )
}

/// The model tier that a machine's shape implies; the rule of the hardware detector, stated once more so that the
/// two check each other.
fn implied_tier(memory: Memory, avx512: bool) -> &'static str {
    if memory < Memory::gib(16) {
        "draft-350m"
    } else if memory >= Memory::gib(32) && avx512 {
        "bitnet-7b+mamba"
    } else {
        "bitnet-7b"
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
