//! One smoke test, from the ISO to its report.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use sigmavault_vm::credential::write_oem_strings;
use sigmavault_vm::ocr::{self, Layout};
use sigmavault_vm::{
    Accelerator, Awaited, Board, Bus, Drive, Firmware, FirmwareFiles, Halt, Image, KvmFault, LiveMedium,
    Logs, Machine, Memory, OnReset, Picture, Session, ToolsTree, accel,
};

use super::artifacts::{self, Report};
use super::checks::{POWER_OFF, SCREEN, judge_guest};
use super::error::Error;
use super::guest;
use super::image::TestImage;
use super::judgement::{CheckResult, Expected, Judgement, Outcome};
use super::options::Options;
use super::screen;

/// Size of each disk for the pool, in bytes; the files are sparse.
const DISK_BYTES: u64 = 256 << 20;
/// How long the desktop may take to appear once the checks in the guest are over.
const SCREEN_LIMIT: Duration = Duration::from_mins(4);
/// Between two looks at the screen.
const SCREEN_PAUSE: Duration = Duration::from_secs(5);
/// How long the machine may take to switch itself off.
const POWER_OFF_LIMIT: Duration = Duration::from_mins(2);

/// Boots the ISO and checks what comes up. `say` receives progress lines; `interrupted` stops everything.
///
/// Once a machine was started, the artifacts hold a `report.json` in every case.
pub fn smoke(
    options: &Options,
    image: &TestImage,
    tools: &ToolsTree,
    interrupted: &AtomicBool,
    say: &mut dyn FnMut(&str),
) -> Result<Report, Error> {
    let started = Instant::now();
    if image.board() == Board::Virt && options.firmware == Firmware::Bios {
        return Err(Error::NoBios { arch: image.arch });
    }
    let logs = artifacts::prepare(&options.artifacts_dir())?;
    let work = tempfile::Builder::new()
        .prefix("sigmavault-smoke-")
        .tempdir()
        .map_err(Error::io("create a folder in", &std::env::temp_dir()))?;
    let candidates = accel::candidates(image.board(), options.accel, Path::new(accel::KVM))?;
    let mut no_kvm = candidates.no_kvm.map(|why| why.to_string());
    let candidates = candidates.accelerators;
    let mut test = Test {
        options,
        tools,
        interrupted,
        image,
        logs: &logs,
        deadline: started + options.time_limit(),
        checks: Vec::new(),
    };
    let mut outcome = Ok(());
    let mut used = Accelerator::Tcg;
    for (index, accelerator) in candidates.iter().enumerate() {
        used = *accelerator;
        say(&format!("booting {} under {}", image.iso.display(), used.name()));
        let folder = work.path().join(used.name());
        fs::create_dir(&folder).map_err(Error::io("create", &folder))?;
        let fallback = index + 1 < candidates.len();
        match test.boot(used, fallback, &folder, say) {
            Ok(Boot::Done) => break,
            Ok(Boot::KvmBroken(why)) => {
                say(&format!(
                    "KVM does not work, because {why}; starting again under TCG"
                ));
                no_kvm = Some(why.to_string());
            }
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    let checks = test.checks;
    let report = Report {
        iso: image.iso.clone(),
        profile: image.manifest.profile.clone(),
        version: image.manifest.version.clone(),
        root_hash: image.manifest.root_hash.clone(),
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
        artifacts: logs.folder().to_owned(),
    };
    report.write()?;
    outcome.map(|()| report)
}

/// The result of one attempt to boot.
enum Boot {
    /// All checks have results.
    Done,
    /// Early boot failed under KVM; emulation may still work.
    KvmBroken(KvmFault),
}

struct Test<'a> {
    options: &'a Options,
    tools: &'a ToolsTree,
    interrupted: &'a AtomicBool,
    image: &'a TestImage,
    logs: &'a Logs,
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
        let mut session = match Session::start(&machine, self.tools, self.interrupted) {
            // A QEMU that has no KVM for this processor says so and ends.
            Err(sigmavault_vm::Error::MachineEnded { how, .. }) if fallback => {
                return Ok(Boot::KvmBroken(KvmFault::NotStarted(how)));
            }
            session => session?,
        };
        let expected = self.expected(self.image.board() == Board::Q35 && session.cpu_has("avx512f")?);

        let awaited = |what| Awaited {
            what,
            deadline: self.deadline,
            limit: self.options.time_limit(),
            artifacts: self.logs.folder(),
        };
        if fallback {
            let fault = session.wait_under_kvm(&awaited("the guest to come up"), say)?;
            if let Some(fault) = fault {
                return Ok(Boot::KvmBroken(fault));
            }
        }
        let finished = session.wait(&awaited("the checks in the guest"), say, |session| {
            session.guest.done || session.guest.gone.is_some()
        });
        self.checks = judge_guest(&session.guest, &expected);
        if let Err(error) = finished {
            // The picture may tell more; without one the error still stands.
            let _ = session.screenshot(&self.logs.screenshot());
            return Err(error.into());
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
        for drive in &drives {
            Image::create(&drive.path, DISK_BYTES)?;
        }
        let uefi = match self.options.firmware {
            Firmware::Uefi => Some(FirmwareFiles::prepare(
                self.image.board(),
                &self.tools.root,
                work,
            )?),
            Firmware::Bios => None,
        };
        // The rest of the time is for the other checks and the power-off.
        let credentials = guest::credentials(self.options.time_limit() / 5 * 3);
        Ok(Machine {
            board: self.image.board(),
            accelerator,
            cpu: self.options.cpu.clone(),
            memory: self.options.memory,
            uefi,
            direct: None,
            medium: Some(LiveMedium {
                iso: self.image.iso.clone(),
                kind: self.options.medium,
            }),
            drives: drives.into(),
            pluggable: None,
            tpm_socket: None,
            // A guest that resets itself has failed; it must not start over unnoticed.
            on_reset: OnReset::End,
            oem_strings: write_oem_strings(&credentials, work)?,
            sockets: work.to_owned(),
            serial_input: false,
            logs: self.logs.clone(),
        })
    }

    fn expected(&self, avx512: bool) -> Expected {
        Expected {
            firmware: self.options.firmware,
            medium: self.options.medium,
            iso_bytes: self.image.bytes,
            volume_id: self.image.manifest.volume_id.clone(),
            root_hash: self.image.manifest.root_hash.clone(),
            kernel: self.image.manifest.kernel.clone(),
            zfs: self.image.manifest.zfs.clone(),
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
        let path = self.logs.screenshot();
        session.screenshot(&path)?;
        if !self.image.has_desktop() {
            let why = format!("profile {} has no desktop", self.image.manifest.profile);
            return Ok(CheckResult::new(SCREEN, Judgement::skip(why), started.elapsed()));
        }
        let until = self.deadline.min(started + SCREEN_LIMIT);
        let mut passed_before = false;
        loop {
            let judged = self.judge_screen(&path, work)?;
            let passed = judged.outcome == Outcome::Pass;
            // Twice in a row, so that the picture that is kept does not show something fading in or out.
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
        let picture = Picture::read(screenshot).map_err(sigmavault_vm::Error::picture(screenshot))?;
        let text = ocr::read(self.tools, &picture, Layout::Scattered, work)?;
        Ok(screen::judge(&picture.measure(), &text))
    }

    fn power_off(&self, session: &mut Session<'_>) -> Result<CheckResult, Error> {
        let started = Instant::now();
        session.order_power_off()?;
        let ended = session.wait_for_exit(POWER_OFF_LIMIT)?;
        let journal = self.logs.journal();
        let text = fs::read(&journal).map_err(Error::io("read", &journal))?;
        let judged = judge_power_off(
            ended.map(|(status, halt)| (status.success(), halt)),
            &String::from_utf8_lossy(&text),
        );
        Ok(CheckResult::new(POWER_OFF, judged, started.elapsed()))
    }
}

/// Judges how the machine ended: the guest switched itself off, QEMU succeeded, and the journal shows it.
fn judge_power_off(ended: Option<(bool, Option<Halt>)>, journal: &str) -> Judgement {
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

/// The model tier that a machine's memory and processor imply: the rule of the hardware detector, written a second time
/// so that each checks the other.
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
