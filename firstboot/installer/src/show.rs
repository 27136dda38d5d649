//! Plans and progress as lines of text, for screens, logs and terminals without screens.

use std::fmt;

use crate::actions::stages;
use crate::answers::{Link, LinkKind, Mode};
use crate::layout::{Kind, Layout};
use crate::machine::{Contents, Disk, Machine, decimal};
use crate::plan::{InstallPlan, PoolPlan, Settings};
use crate::progress::{Event, Step, rate};
use crate::size::binary;

/// The steps that a plan will need, in their order.
pub fn steps(plan: &InstallPlan) -> Vec<Step> {
    [
        (Step::Check, true),
        (Step::Partition, plan.mode == Mode::Erase),
        (Step::CopyA, true),
        (Step::VerifyA, true),
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
    if plan.mode == Mode::KeepData {
        lines.push("  both system slots are rewritten; the other partitions stay".to_owned());
    } else {
        let partitions = plan.partitions.iter();
        let partitions: Vec<String> = partitions
            .map(|part| format!("{} {}", part.label, binary(part.bytes)))
            .collect();
        lines.push(format!("  partitions: {}", partitions.join(", ")));
    }
    if plan.mode == Mode::Erase {
        lines.push("Encryption".to_owned());
        lines.push(match &plan.encryption {
            None => "  none".to_owned(),
            Some(wanted) => {
                let mut ways = vec!["passphrase"];
                ways.extend(wanted.recovery_key.then_some("recovery key"));
                ways.extend(wanted.tpm2.then_some("this machine's TPM 2.0"));
                format!("  of settings and users' files; opened by {}", ways.join(", "))
            }
        });
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
    let mut lines = vec![Line::new(Tone::Loss, "Disks that are ERASED")];
    lines.extend(disk(&plan.disk, "for the system"));
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
    for (index, members) in pool.layout.vdevs.iter().enumerate() {
        lines.push(format!("  group {}: {}", index + 1, names(members)));
    }
    if !pool.layout.spares.is_empty() {
        lines.push(format!("  spares: {}", names(&pool.layout.spares)));
    }
    lines
}

fn settings(settings: &Settings) -> Vec<String> {
    let keyboard = &settings.keyboard;
    let variant = keyboard
        .variant
        .as_ref()
        .map_or_else(String::new, |variant| format!(" ({variant})"));
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
    vec![
        "Settings".to_owned(),
        format!(
            "  language {}, keyboard {}{variant}, time zone {}",
            settings.language, keyboard.layout, settings.timezone
        ),
        format!("  host name {}, {address}{link}", settings.network.hostname),
        format!("  administrator {}{full_name}; {ssh}{sudo}", user.name),
    ]
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
pub const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Single => "single disk",
        Kind::Mirror => "mirror",
        Kind::Mirrors => "striped mirrors",
        Kind::Raidz1 => "raidz1",
        Kind::Raidz2 => "raidz2",
        Kind::Raidz3 => "raidz3",
        Kind::Stripe => "stripe",
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
