//! The demonstration: simulated machines, and an installation that writes nothing.

mod machines;

use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use crate::answers::{Keyboard, XkbLayout};
use crate::execute::{Execute, ExecuteError};
use crate::keyboard::{self, KnownLetters, Letters};
use crate::machine::{Contents, Disk, Firmware, Machine};
use crate::once::Mark;
use crate::plan::InstallPlan;
use crate::pool_key::PoolKey;
use crate::progress::{Event, Outcome, Step, Stop};
use crate::show;

/// What kind of machine is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// A system disk, four data disks, one of them in use before.
    Empty,
    /// The system disk has a SigmaVault on it.
    Reinstall,
    /// An installation was begun and not completed.
    HalfDone,
    /// One disk beside the medium.
    OneDisk,
    /// Twenty-six disks.
    ManyDisks,
    /// One disk with two paths, one drive with two namespaces, and a member of an old array.
    UsedDisks,
    /// None beside the medium.
    NoDisk,
    /// Too little memory.
    LowMemory,
    /// Started by BIOS.
    Bios,
    /// As `Empty`; the disk fails half-way.
    FailingDisk,
    /// The first start of a Raspberry Pi from a card that the image was written to.
    Setup,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Empty,
        Self::Reinstall,
        Self::HalfDone,
        Self::OneDisk,
        Self::ManyDisks,
        Self::UsedDisks,
        Self::NoDisk,
        Self::LowMemory,
        Self::Bios,
        Self::FailingDisk,
        Self::Setup,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Reinstall => "reinstall",
            Self::HalfDone => "half-done",
            Self::OneDisk => "one-disk",
            Self::ManyDisks => "many-disks",
            Self::UsedDisks => "used-disks",
            Self::NoDisk => "no-disk",
            Self::LowMemory => "low-memory",
            Self::Bios => "bios",
            Self::FailingDisk => "failing-disk",
            Self::Setup => "setup",
        }
    }

    /// What it shows.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Empty => "a new machine with several disks",
            Self::Reinstall => "a SigmaVault system is on the disk; its data can be kept",
            Self::HalfDone => "an installation was begun and not completed",
            Self::OneDisk => "one disk, no pool",
            Self::ManyDisks => "a shelf of 24 disks",
            Self::UsedDisks => "two paths to a disk, two namespaces of a drive, an old array",
            Self::NoDisk => "no disk but the medium",
            Self::LowMemory => "1 GiB of memory",
            Self::Bios => "started by BIOS, not UEFI",
            Self::FailingDisk => "the system disk fails half-way",
            Self::Setup => "the first start of a Raspberry Pi from a card with the image",
        }
    }

    /// Its machine.
    pub fn machine(self) -> Machine {
        let mut machine = machines::usual();
        match self {
            Self::Empty | Self::FailingDisk => {}
            Self::Reinstall => {
                machines::put_on_first(&mut machine, Contents::SigmaVault(machines::installed(true)));
            }
            Self::HalfDone => {
                machines::put_on_first(&mut machine, Contents::SigmaVault(machines::installed(false)));
            }
            Self::OneDisk => {
                machine
                    .disks
                    .retain(|disk| ["nvme0n1", "sdf"].contains(&disk.name.as_str()));
                machine.tpm2 = false;
            }
            Self::ManyDisks => machine.disks = machines::shelf(),
            Self::UsedDisks => machine.disks = machines::used(),
            Self::NoDisk => machine.disks.retain(|disk| disk.name == "sdf"),
            Self::LowMemory => machine.memory = 1 << 30,
            Self::Bios => machine.firmware = Firmware::Bios,
            Self::Setup => machine = machines::raspberry_pi(),
        }
        machine
    }

    /// The names of all, with what they show.
    pub fn list() -> String {
        Self::ALL
            .iter()
            .map(|scenario| format!("{:14}{}\n", scenario.name(), scenario.about()))
            .collect()
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|scenario| scenario.name() == text)
            .ok_or_else(|| {
                format!(
                    "there is no scenario '{text}'; these exist:\n{}",
                    Self::list().trim_end()
                )
            })
    }
}

/// Which letters a keyboard of the machines gives.
pub fn letters(keyboard: &Keyboard) -> KnownLetters {
    let letters = |layout: &XkbLayout| {
        let name = layout.layout.as_str();
        let latin = layout.variant.as_deref() == Some("latin");
        if machines::NOT_LATIN.contains(&name) && !latin {
            Letters::Other
        } else {
            Letters::Latin
        }
    };
    let all = keyboard::layouts(keyboard).into_iter();
    all.map(|layout| (layout.clone(), letters(&layout))).collect()
}

/// Goes through the steps of a plan, sends the events of an installation, and writes nothing.
#[derive(Debug, Clone, Copy)]
pub struct Demo {
    scenario: Scenario,
    takes: Duration,
}

/// A key as systemd-cryptenroll makes them.
const RECOVERY_KEY: &str = "cbdefghi-jklnrtuv-vutrnlkj-ihgfedbc-cdcdefef-ghghijij-klklnrnr-tutuvcvc";
/// A key of a pool that opens nothing.
const POOL_KEY: [u8; 32] = *b"demonstration: it opens nothing!";
/// Time between two reports.
const BEAT: Duration = Duration::from_millis(50);

impl Demo {
    /// An installation takes about this long.
    pub fn new(scenario: Scenario, takes: Duration) -> Self {
        Self { scenario, takes }
    }

    fn copy(
        &self,
        step: Step,
        bytes: u64,
        halt: &Stop,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<(), ExecuteError> {
        let takes = self.takes / 5;
        let start = Instant::now();
        loop {
            if halt.asked() {
                return Err(ExecuteError::Stopped);
            }
            let elapsed = start.elapsed();
            let part = (elapsed.as_millis() * 1000 / takes.as_millis().max(1)).min(1000);
            let done = u64::try_from(u128::from(bytes) * part / 1000).unwrap_or(bytes);
            tell(Event::Bytes {
                step,
                done,
                total: bytes,
                elapsed,
            });
            if self.scenario == Scenario::FailingDisk && step == Step::VerifyA && part > 400 {
                return Err(ExecuteError::ReadBack {
                    device: "/dev/nvme0n1p2".to_owned(),
                    detail: format!("block {} differs from its hash", done >> 12),
                });
            }
            if part >= 1000 {
                return Ok(());
            }
            thread::sleep(BEAT.min(takes));
        }
    }
}

impl Execute for Demo {
    fn mark(&self, _: &Disk) -> Result<Option<Mark>, ExecuteError> {
        Ok(None)
    }

    fn end_setup(&self, _: &Disk, _: &str) -> Result<(), ExecuteError> {
        Ok(())
    }

    fn execute(
        &self,
        plan: &InstallPlan,
        halt: &Stop,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Outcome, ExecuteError> {
        for step in show::steps(plan) {
            let start = Instant::now();
            let copied = matches!(step, Step::CopyA | Step::VerifyA | Step::CopyB | Step::VerifyB);
            let bytes = copied.then_some(plan.source.root_bytes + plan.source.verity_bytes);
            tell(Event::Began { step, bytes });
            match bytes {
                Some(bytes) => self.copy(step, bytes, halt, tell)?,
                None if halt.asked() => return Err(ExecuteError::Stopped),
                None => thread::sleep(self.takes / 35),
            }
            if step == Step::Boot {
                let text = "this is a demonstration: nothing was written".to_owned();
                tell(Event::Note { text });
            }
            tell(Event::Done {
                step,
                elapsed: start.elapsed(),
                said: said(step, plan),
            });
        }
        let wanted = plan
            .encryption
            .as_ref()
            .is_some_and(|encryption| encryption.recovery_key);
        let encrypted = plan.pool.as_ref().filter(|pool| pool.encrypted);
        Ok(Outcome {
            recovery_key: wanted.then(|| RECOVERY_KEY.to_owned()),
            pool_key: encrypted.map(|pool| PoolKey::of(&pool.name, POOL_KEY)),
            notes: vec!["this was a demonstration: nothing was written".to_owned()],
        })
    }
}

fn said(step: Step, plan: &InstallPlan) -> String {
    match step {
        Step::Partition => format!("{} partitions", plan.partitions.len()),
        Step::VerifyA | Step::VerifyB => {
            format!(
                "root hash {}..",
                plan.source.root_hash.get(..12).unwrap_or_default()
            )
        }
        Step::Pool => plan
            .pool
            .as_ref()
            .map_or_else(String::new, |pool| pool.name.clone()),
        _ => String::new(),
    }
}
