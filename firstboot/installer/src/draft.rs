//! The answers so far, while a person is being asked.

use std::fmt;

use crate::answers::{Answers, Keyboard, Mode, Network, System, XkbLayout};
use crate::keyboard;
use crate::machine::{Contents, Disk, InUse, Installed, Machine};
use crate::plan::{self, Confirmation, InstallPlan, Refusal};
use crate::select::Selector;

/// The questions, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Welcome,
    Keyboard,
    TimeZone,
    Disk,
    Mode,
    Encryption,
    Pool,
    Network,
    User,
    Summary,
}

impl Place {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Welcome,
        Self::Keyboard,
        Self::TimeZone,
        Self::Disk,
        Self::Mode,
        Self::Encryption,
        Self::Pool,
        Self::Network,
        Self::User,
        Self::Summary,
    ];

    /// Whether the question applies after the answers so far.
    pub(crate) fn applies(self, draft: &Draft) -> bool {
        let keeps = draft.mode() == Mode::KeepData;
        match self {
            Self::Disk | Self::Mode if draft.mode() == Mode::Setup => false,
            Self::Mode => draft.disk().is_none_or(|disk| disk.contents != Contents::Empty),
            Self::Pool => !keeps && (draft.disk().is_none() || !draft.pool_candidates().is_empty()),
            Self::Encryption | Self::Network | Self::User => !keeps,
            Self::Welcome | Self::Keyboard | Self::TimeZone | Self::Disk | Self::Summary => true,
        }
    }
}

/// Why a disk cannot become the system disk. `Display` says it as part of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bar {
    /// It cannot be written.
    InUse(InUse),
    /// It is too small.
    TooSmall {
        /// What it has.
        found: String,
        /// What the system needs.
        needed: String,
    },
    /// Its data was to be kept, and its installation was not completed.
    Incomplete,
    /// Its data was to be kept and cannot be, for this reason.
    CannotKeep(String),
    /// It cannot be told from another one.
    NotOne(Box<Refusal>),
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(InUse::Medium) => InUse::Medium.fmt(f),
            Self::InUse(reason) => write!(f, "{reason} (try: {})", reason.way_out()),
            Self::TooSmall { found, needed } => {
                write!(f, "too small: it has {found}, the system needs {needed}")
            }
            Self::Incomplete => {
                f.write_str("its installation was not completed, so that there is nothing to keep")
            }
            Self::CannotKeep(reason) => f.write_str(reason),
            Self::NotOne(refusal) => refusal.fmt(f),
        }
    }
}

/// The machine, and the answers so far.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// The machine.
    pub machine: Machine,
    /// Answers.
    pub answers: Answers,
    /// Kernel name of the system disk, once it is chosen.
    pub disk: Option<String>,
}

impl Draft {
    /// An empty draft.
    pub(crate) fn new(machine: Machine) -> Self {
        let language = ["C.UTF-8", "en_US.UTF-8"]
            .into_iter()
            .find(|name| machine.locales.iter().any(|locale| locale == name))
            .unwrap_or("C.UTF-8");
        let disk = machine.setup.as_ref().map(|setup| setup.disk.clone());
        Self {
            machine,
            answers: Answers {
                language: language.to_owned(),
                keyboard: Keyboard::default(),
                timezone: "Etc/UTC".to_owned(),
                system: System {
                    mode: Some(if disk.is_some() { Mode::Setup } else { Mode::Erase }),
                    ..System::default()
                },
                encryption: None,
                pool: None,
                network: Network::default(),
                user: None,
                finish: crate::answers::Finish::default(),
            },
            disk,
        }
    }

    /// What the installer is there for on this machine.
    pub(crate) fn aim(&self) -> String {
        match self.machine.setup.as_ref().zip(self.machine.setup_disk()) {
            None => "This puts SigmaVault NAS OS onto a disk of this machine.".to_owned(),
            Some((setup, disk)) => format!(
                "This sets up SigmaVault NAS OS on the disk that this {} runs from: {}.",
                setup.model,
                disk.describe()
            ),
        }
    }

    /// What happens to the system disk.
    pub(crate) fn mode(&self) -> Mode {
        self.answers.system.mode.unwrap_or_default()
    }

    /// The system disk, once it is chosen and as long as it is there.
    pub(crate) fn disk(&self) -> Option<&Disk> {
        let name = self.disk.as_deref()?;
        self.machine.disks.iter().find(|disk| disk.name == name)
    }

    /// Disks that a pool can be made of.
    pub(crate) fn pool_candidates(&self) -> Vec<&Disk> {
        let system = self.disk.as_deref();
        self.machine
            .disks
            .iter()
            .filter(|disk| disk.in_use.is_none() && Some(disk.name.as_str()) != system)
            .collect()
    }

    /// Selects the system disk. The mode chosen for another disk does not apply to it.
    pub(crate) fn choose(&mut self, name: &str) {
        if self.disk.as_deref() != Some(name) {
            self.answers.system.mode = Some(Mode::Erase);
        }
        self.disk = Some(name.to_owned());
        if let Some(disk) = self.machine.disks.iter().find(|disk| disk.name == name) {
            self.answers.system.disk = selector(disk);
        }
    }

    /// The plan, from the answers to the questions that apply.
    pub(crate) fn plan(&self, confirmation: Confirmation) -> Result<InstallPlan, Vec<Refusal>> {
        let mut answers = self.answers.clone();
        if !Place::Encryption.applies(self) {
            answers.encryption = None;
        }
        if !Place::Pool.applies(self) {
            answers.pool = None;
        }
        if !Place::User.applies(self) {
            answers.user = None;
        }
        plan::build(&self.machine, &answers, confirmation)
    }

    /// The refusals of the answers so far. Answers not asked for yet may be refused as missing.
    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        self.plan(Confirmation::Later).err().unwrap_or_default()
    }

    /// Why this disk cannot be used in this way, whatever the other answers.
    pub(crate) fn against(&self, disk: &Disk, mode: Mode) -> Option<Bar> {
        if let Some(reason) = &disk.in_use {
            return Some(Bar::InUse(reason.clone()));
        }
        // Its state partition may lack settings and users: a system that nobody can log in to.
        if let (Mode::KeepData, Contents::SigmaVault(Installed { complete: false, .. })) =
            (mode, &disk.contents)
        {
            return Some(Bar::Incomplete);
        }
        let mut draft = self.clone();
        draft.choose(&disk.name);
        draft.answers.system.mode = Some(mode);
        draft.answers.pool = None;
        draft.refusals().into_iter().find_map(|refusal| match refusal {
            Refusal::TooSmall { found, needed, .. } => Some(Bar::TooSmall { found, needed }),
            Refusal::InUse { reason, .. } => Some(Bar::InUse(reason)),
            Refusal::CannotKeep { reason, .. } => Some(Bar::CannotKeep(reason)),
            refusal @ (Refusal::Disk { .. } | Refusal::Unreadable { .. }) => {
                Some(Bar::NotOne(Box::new(refusal)))
            }
            Refusal::NoUefi
            | Refusal::Memory { .. }
            | Refusal::NoRoom { .. }
            | Refusal::SetUpBefore { .. }
            | Refusal::NotAsWritten { .. }
            | Refusal::HoldsData { .. }
            | Refusal::Unconfirmed { .. }
            | Refusal::Nameless { .. }
            | Refusal::Answer { .. } => None,
        })
    }

    /// Why this disk cannot become the system disk in any way.
    pub(crate) fn barred(&self, disk: &Disk) -> Option<Bar> {
        let erase = self.against(disk, Mode::Erase)?;
        self.against(disk, Mode::KeepData).map(|_| erase)
    }

    /// The refusals of the answers with these keys: key and reason.
    pub(crate) fn against_keys(&self, keys: &[&str]) -> Vec<(String, String)> {
        let matching = |refusal| match refusal {
            Refusal::Answer { key, reason } if keys.contains(&key.as_str()) => Some((key, reason)),
            _ => None,
        };
        self.refusals().into_iter().filter_map(matching).collect()
    }

    /// The keyboard layout that goes with the language, or the one answered so far.
    pub(crate) fn proposed_layout(&self) -> XkbLayout {
        keyboard::propose(&self.answers.language, &self.machine.keyboards)
            .unwrap_or_else(|| keyboard::national(&self.answers.keyboard))
    }

    /// Reasons against an installation that no answer can change.
    pub(crate) fn hopeless(&self) -> Vec<String> {
        let setup = self.machine.setup_disk().map(Disk::describe);
        let mut reasons: Vec<String> = self
            .refusals()
            .into_iter()
            .filter(|refusal| match refusal {
                Refusal::InUse { disk, .. } => setup.as_ref() == Some(disk),
                other => rules_out(other),
            })
            .map(|refusal| sentence(&refusal.to_string()))
            .collect();
        if self.mode() != Mode::Setup {
            reasons.extend(self.no_disk());
        }
        reasons
    }

    fn no_disk(&self) -> Option<String> {
        let mut seen = Vec::new();
        for disk in &self.machine.disks {
            seen.push(format!("  {}: {}", disk.describe(), self.barred(disk)?));
        }
        let mut text = "There is no disk on which the system can be installed.".to_owned();
        if seen.is_empty() {
            text.push_str("\nThe kernel sees no disk at all.");
        } else {
            text.push_str("\nThese are there:\n");
            text.push_str(&seen.join("\n"));
        }
        text.push_str(
            "\n  try: plug a disk in and look again; let a RAID controller give its disks through (HBA mode)",
        );
        Some(text)
    }
}

/// Whether no answer changes it.
const fn rules_out(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::NoUefi
            | Refusal::Memory { .. }
            | Refusal::NoRoom { .. }
            | Refusal::SetUpBefore { .. }
            | Refusal::NotAsWritten { .. }
    )
}

/// With a capital letter.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A selector for exactly this disk.
pub(crate) fn selector(disk: &Disk) -> Selector {
    Selector {
        serial: disk.serial.clone(),
        path: Some(disk.path.clone()),
        ..Selector::default()
    }
}
