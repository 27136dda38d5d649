//! Plans and progress as lines of text, for screens, logs and terminals without screens.

use std::fmt;

use sigmavault_storage_core::layout::Layout;
use sigmavault_types::storage::WantedLayout;

use crate::actions::stages;
use crate::answers::{Link, LinkKind, Mode};
use crate::keyboard;
use crate::machine::{Contents, Disk, Machine, decimal};
use crate::plan::{EncryptionPlan, InstallPlan, PoolPlan, Settings};
use crate::pool_key;
use crate::progress::{Event, Step, rate};
use crate::report::{Report, Verdict};
use crate::size::binary;

/// The steps that a plan will need, in their order.
pub fn steps(plan: &InstallPlan) -> Vec<Step> {
    [
        (Step::Check, true),
        (Step::Partition, plan.mode != Mode::KeepData),
        (Step::CopyA, plan.mode != Mode::Setup),
        (Step::VerifyA, plan.mode != Mode::Setup),
        (Step::CopyB, true),
        (Step::VerifyB, true),
        (Step::Keys, plan.encryption.is_some()),
        (Step::Settings, plan.settings.is_some()),
        (Step::Pool, plan.pool.is_some()),
        (Step::Boot, true),
        (Step::Finish, true),
    ]
    .into_iter()
    .filter_map(|(step, needed)| needed.then_some(step))
    .collect()
}

/// What a line of a plan is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Names the part that follows.
    Heading,
    /// Belongs to a part.
    Plain,
    /// Data is lost.
    Loss,
}

/// A line of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub tone: Tone,
    /// The line, indented below its heading.
    pub text: String,
}

impl Line {
    fn new(tone: Tone, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { tone, text }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A plan, a heading and indented lines for each part of it. What gets lost comes first.
pub fn plan(machine: &Machine, plan: &InstallPlan) -> Vec<Line> {
    let rest = untouched(machine, plan).into_iter().chain(parts(plan));
    let rest = rest.map(|text| {
        let tone = if text.starts_with(' ') {
            Tone::Plain
        } else {
            Tone::Heading
        };
        Line::new(tone, text)
    });
    lost(plan).into_iter().chain(rest).collect()
}

/// The parts of a plan that lose nothing.
fn parts(plan: &InstallPlan) -> Vec<String> {
    let mut lines = vec![
        format!("System on {}", plan.disk.name),
        format!("  SigmaVault NAS OS {}", plan.source.version),
        format!("  root hash {}", plan.source.root_hash),
    ];
    let partitions = plan.partitions.iter();
    let partitions: Vec<String> = partitions
        .map(|part| format!("{} {}", part.label, binary(part.bytes)))
        .collect();
    let partitions = partitions.join(", ");
    lines.push(match plan.mode {
        Mode::KeepData => "  both system slots are rewritten; the other partitions stay".to_owned(),
        Mode::Erase => format!("  partitions: {partitions}"),
        Mode::Setup => format!("  partitions added: {partitions}"),
    });
    if plan.mode != Mode::KeepData {
        lines.push("Encryption".to_owned());
        match &plan.encryption {
            None => lines.push("  none".to_owned()),
            Some(wanted) => lines.extend(encryption(wanted)),
        }
        lines.push("Data pool".to_owned());
        match &plan.pool {
            None => lines.push("  none".to_owned()),
            Some(pool) => lines.extend(self::pool(pool)),
        }
    }
    if let Some(settings) = &plan.settings {
        lines.extend(self::settings(settings));
    }
    lines
}

fn encryption(wanted: &EncryptionPlan) -> Vec<String> {
    let tpm = wanted.tpm_pin.is_some();
    let mut ways = vec!["passphrase"];
    ways.extend(wanted.recovery_key.then_some("recovery key"));
    ways.extend(tpm.then_some("this machine's TPM 2.0 with a PIN"));
    let mut lines = vec![format!(
        "  of settings and users' files; opened by {}",
        ways.join(", ")
    )];
    if tpm {
        lines.extend(TPM.map(|line| format!("    {line}")));
    }
    lines
}

/// What a TPM with a PIN protects against, and what not.
const TPM: [&str; 3] = [
    "the PIN opens it on this machine only, and the TPM limits how often it can be guessed",
    "passphrase and recovery key open it without the TPM",
    "a changed boot medium or system could record the PIN, because nothing is signed yet",
];

/// The actions of a plan, in order: a heading and a numbered line for each.
pub fn actions(plan: &InstallPlan) -> Vec<String> {
    let heading = "What is done, in this order".to_owned();
    std::iter::once(heading)
        .chain(
            (1..)
                .zip(list(plan))
                .map(|(number, line)| format!("{number:4}. {line}")),
        )
        .collect()
}

/// The actions of a plan, in order, a line for each.
pub fn list(plan: &InstallPlan) -> Vec<String> {
    let stages = stages(plan);
    let actions = stages.iter().flat_map(|stage| &stage.actions);
    actions.map(ToString::to_string).collect()
}

/// The disks that are written, and what is on them.
fn lost(plan: &InstallPlan) -> Vec<Line> {
    let disk = |disk: &Disk, what: &str| {
        let (tone, held) = match disk.contents {
            Contents::Empty => (Tone::Plain, "holds nothing".to_owned()),
            _ => (Tone::Loss, format!("LOST: {}", contents(disk))),
        };
        let mut lines = vec![
            Line::new(Tone::Plain, format!("  {}", disk.describe())),
            Line::new(tone, format!("    {what}; {held}")),
        ];
        if matches!(&disk.contents, Contents::SigmaVault(found) if found.encrypted) {
            lines.push(Line::new(
                Tone::Loss,
                "    with the keys of its encrypted pools, which only their recovery sheets open then",
            ));
        }
        lines.extend(no_failover(disk));
        let stopped = |holder| Line::new(Tone::Loss, format!("    {holder} is stopped first"));
        lines.extend(disk.holders.iter().map(stopped));
        lines
    };
    if plan.mode == Mode::KeepData {
        let mut lines = vec![
            Line::new(Tone::Heading, "Disk that gets a new system"),
            Line::new(Tone::Plain, format!("  {}", plan.disk.describe())),
            Line::new(Tone::Plain, "    settings, users and data on it stay"),
        ];
        lines.extend(no_failover(&plan.disk));
        return lines;
    }
    let mut lines = Vec::new();
    if plan.mode == Mode::Setup {
        lines.push(Line::new(Tone::Heading, "Disk that is set up"));
        lines.push(Line::new(Tone::Plain, format!("  {}", plan.disk.describe())));
        lines.push(Line::new(
            Tone::Plain,
            "    this system runs from it; nothing of the image on it is lost",
        ));
        if plan.pool.is_none() {
            return lines;
        }
    }
    lines.push(Line::new(Tone::Loss, "Disks that are ERASED"));
    if plan.mode == Mode::Erase {
        lines.extend(disk(&plan.disk, "for the system"));
    }
    for member in plan.pool.iter().flat_map(|pool| &pool.disks) {
        lines.extend(disk(member, "for the data pool"));
    }
    lines
}

/// What several paths to a disk do not give: the image has no multipath daemon.
fn no_failover(disk: &Disk) -> Option<Line> {
    let said = "    one path is used at a time; when it fails, no other path takes over";
    (!disk.paths.is_empty()).then(|| Line::new(Tone::Plain, said))
}

/// The disks that a plan leaves as they are, the medium apart; nothing when there is none.
fn untouched(machine: &Machine, plan: &InstallPlan) -> Vec<String> {
    let written = |disk: &Disk| {
        let pool = plan.pool.iter().flat_map(|pool| &pool.disks);
        pool.chain([&plan.disk]).any(|member| member.path == disk.path)
    };
    let mut lines: Vec<String> = machine
        .candidates()
        .into_iter()
        .filter(|disk| !written(disk))
        .map(|disk| format!("  {}", disk.describe()))
        .collect();
    if !lines.is_empty() {
        lines.insert(0, "Disks that stay as they are".to_owned());
    }
    lines
}

fn pool(pool: &PoolPlan) -> Vec<String> {
    let names = |members: &[usize]| {
        let names: Vec<&str> = members
            .iter()
            .filter_map(|index| pool.disks.get(*index))
            .map(|disk| disk.name.as_str())
            .collect();
        names.join(" ")
    };
    let mut lines = vec![
        format!("  {} at {}", pool.name, pool.mountpoint),
        format!("  {}", layout(&pool.layout)),
    ];
    if pool.encrypted {
        lines.push(format!(
            "  encrypted (aes-256-gcm) by a key in /{}, shown once at the end",
            pool_key::file(&pool.name).display()
        ));
        lines.push(
            "  protects disks that are stolen or thrown away alone; who opens the system disk opens it too"
                .to_owned(),
        );
        lines.push("  names of pool, datasets and snapshots stay readable".to_owned());
    } else {
        lines.push("  not encrypted: whoever has its disks can read it".to_owned());
    }
    for (index, members) in pool.layout.vdevs.iter().enumerate() {
        lines.push(format!("  group {}: {}", index + 1, names(members)));
    }
    if !pool.layout.spares.is_empty() {
        lines.push(format!("  spares: {}", names(&pool.layout.spares)));
    }
    lines
}

fn settings(settings: &Settings) -> Vec<String> {
    let address = settings.network.address.as_ref().map_or_else(
        || "address by DHCP".to_owned(),
        |fixed| {
            let other = if fixed.address.contains(':') {
                "IPv4 by DHCP"
            } else {
                "IPv6 by autoconfiguration"
            };
            let mut text = format!("{} on {}", fixed.address, fixed.interface);
            if let Some(gateway) = fixed.gateway {
                text.extend([", router ".to_owned(), gateway.to_string()]);
            }
            if !fixed.dns.is_empty() {
                let servers: Vec<String> = fixed.dns.iter().map(ToString::to_string).collect();
                text.extend([", name servers ", &servers.join(" ")]);
            }
            text.extend(["; ", other]);
            text
        },
    );
    let link = settings.network.link.as_ref().map_or_else(String::new, link);
    let user = &settings.user;
    let full_name = if user.full_name.is_empty() {
        String::new()
    } else {
        format!(" ({})", user.full_name)
    };
    let ssh = match (user.ssh, user.ssh_keys.len()) {
        (false, _) => "SSH off".to_owned(),
        (true, 0) => "SSH on".to_owned(),
        (true, keys) => format!("SSH on, keys: {keys}"),
    };
    let sudo = if user.sudo_without_password {
        "; sudo asks for no password"
    } else {
        ""
    };
    let mut lines = vec![
        "Settings".to_owned(),
        format!(
            "  language {}, keyboard {}, time zone {}",
            settings.language,
            keyboard::names(&settings.keyboard),
            settings.timezone
        ),
    ];
    if settings.keyboard.latin.is_some() {
        lines.push(format!(
            "  keyboard at first {}",
            keyboard::named(&settings.keyboard)
        ));
    }
    lines.extend([
        format!("  host name {}, {address}{link}", settings.network.hostname),
        format!("  administrator {}{full_name}; {ssh}{sudo}", user.name),
    ]);
    lines
}

/// A bond, bridge or VLAN, behind what has its address.
fn link(link: &Link) -> String {
    let mode = link
        .bond()
        .map_or_else(String::new, |mode| format!(" ({})", mode.name()));
    let bond = match link.kind {
        LinkKind::Vlan if link.bond().is_some() => " on a bond",
        LinkKind::Bond | LinkKind::Bridge | LinkKind::Vlan => "",
    };
    let (kind, name, of) = (link.kind.name(), link.name(), link.interfaces.join(" "));
    format!("; {kind} {name}{bond} of {of}{mode}")
}

/// A layout in one line.
pub fn layout(layout: &Layout) -> String {
    let fail = match layout.may_fail {
        0 => "no disk may fail".to_owned(),
        1 => "any 1 disk may fail".to_owned(),
        disks => format!("any {disks} disks may fail"),
    };
    format!("{}, {} usable, {fail}", kind(layout.kind), decimal(layout.usable))
}

/// A kind of layout for a person.
pub const fn kind(kind: WantedLayout) -> &'static str {
    match kind {
        WantedLayout::Single => "single disk",
        WantedLayout::Mirror => "mirror",
        WantedLayout::Mirrors => "striped mirrors",
        WantedLayout::Raidz1 => "raidz1",
        WantedLayout::Raidz2 => "raidz2",
        WantedLayout::Raidz3 => "raidz3",
        WantedLayout::Draid => "draid2",
        WantedLayout::Stripe => "stripe",
    }
}

/// What is on a disk, as part of a sentence.
pub fn contents(disk: &Disk) -> String {
    match &disk.contents {
        Contents::Empty => "nothing".to_owned(),
        Contents::Foreign(text) => text.clone(),
        Contents::SigmaVault(installed) => {
            let version = installed.version.as_deref().unwrap_or("of unknown version");
            if installed.complete {
                format!("SigmaVault NAS OS {version} with its settings and data")
            } else {
                "a SigmaVault installation that was not completed".to_owned()
            }
        }
    }
}

/// That answers have installed a disk already, a heading and indented lines.
pub fn already_installed(disk: &Disk) -> Vec<String> {
    vec![
        format!("These answers have installed {} already", disk.describe()),
        "  nothing was written: answers that are left for a machine install a disk once".to_owned(),
        "  take the medium and the answers out and restart: the machine starts from the disk".to_owned(),
        "  to install it again, change the answers (a comment will do, a password alone will not), or run"
            .to_owned(),
        "  sudo sigmavault-installer here".to_owned(),
    ]
}

/// How an installation by answers ended, for the screens that come after it.
pub fn ending(report: &Report) -> String {
    let disk = report.disk.as_deref().unwrap_or("the disk");
    match report.result {
        Verdict::AlreadyInstalled => format!(
            "The answers that were left for this machine have installed {disk} already, and nothing was written now.\n\n\
             Take the medium and the answers out and restart: the machine starts from the disk. To install it again, go on here."
        ),
        Verdict::Installed => {
            let key = report.recovery_key_kept.as_ref();
            let key = key.map_or_else(String::new, |kept| format!("\n\nRecovery key: {kept}"));
            match report.mode {
                Some(Mode::Setup) => format!(
                    "{disk} is set up.{key}\n\nRestart: the machine starts the system that was set up."
                ),
                _ => format!(
                    "The answers that were left for this machine have installed {disk}.{key}\n\n\
                     Take the medium out and restart: the machine starts from the disk."
                ),
            }
        }
        Verdict::Refused => format!(
            "Nothing was written: the answers that were left for this machine cannot be used.\n\n{}",
            reasons(report)
        ),
        Verdict::Failed | Verdict::Stopped => format!(
            "The installation by answers on {disk} did not finish.\n\n{}",
            reasons(report)
        ),
    }
}

fn reasons(report: &Report) -> String {
    let reasons = report.refusals.iter().chain(&report.error);
    reasons.map(String::as_str).collect::<Vec<_>>().join("\n")
}

/// A rate in bytes.
pub fn per_second(rate: f64) -> String {
    let megabytes = rate / 1e6;
    if megabytes >= 10.0 {
        format!("{megabytes:.0} MB/s")
    } else {
        format!("{megabytes:.1} MB/s")
    }
}

/// An event as a line of a log; nothing for those that come many times a second.
pub fn event(event: &Event) -> Option<String> {
    Some(match event {
        Event::Began { step, bytes: None } => format!("{} ...", step.title()),
        Event::Began {
            step,
            bytes: Some(bytes),
        } => format!("{}: {} ...", step.title(), decimal(*bytes)),
        Event::Bytes { .. } => return None,
        Event::Done { step, elapsed, said } => {
            let said = if said.is_empty() {
                String::new()
            } else {
                format!(": {said}")
            };
            format!("{}: done in {:.1} s{said}", step.title(), elapsed.as_secs_f64())
        }
        Event::Note { text } => format!("note: {text}"),
    })
}

/// How far a step is, as a line.
pub fn bytes(event: &Event) -> Option<String> {
    let Event::Bytes {
        step,
        done,
        total,
        elapsed,
    } = event
    else {
        return None;
    };
    let mut line = format!("{}: {} of {}", step.title(), decimal(*done), decimal(*total));
    if let Some((rate, left)) = rate(*done, *total, *elapsed) {
        line.extend([
            ", ".to_owned(),
            per_second(rate),
            format!(", {} s left", left.as_secs()),
        ]);
    }
    Some(line)
}
