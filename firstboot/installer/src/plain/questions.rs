//! The questions of each step.

use std::net::IpAddr;

use super::console::Console;
use super::error::PlainError;
use super::keyboard;
use crate::answers::{Address, Encryption, Keyboard, Link, LinkKind, Mode, Network, Pool, Secret, User};
use crate::draft::{Draft, Place, selector};
use crate::identity;
use crate::keyboard::KnownLetters;
use crate::machine::{Contents, Disk, Machine};
use crate::plan;
use crate::show;
use crate::ui::strength;

/// Asks what this step is about.
pub(super) fn ask(
    place: Place,
    draft: &mut Draft,
    set: &dyn Fn(&Keyboard) -> KnownLetters,
    console: &mut Console,
) -> Result<(), PlainError> {
    match place {
        Place::Welcome => {
            let locales = draft.machine.locales.clone();
            draft.answers.language = console.pick(
                "Language of the installed system",
                &locales,
                &draft.answers.language,
            )?;
        }
        Place::Keyboard => keyboard::ask(draft, set, console)?,
        Place::TimeZone => {
            let zones = draft.machine.timezones.clone();
            draft.answers.timezone = console.pick("Time zone", &zones, &draft.answers.timezone)?;
        }
        Place::Disk => disk(draft, console)?,
        Place::Mode => mode(draft, console)?,
        Place::Encryption => encryption(draft, console)?,
        Place::Pool => pool(draft, console)?,
        Place::Network => network(draft, console)?,
        Place::User => user(draft, console)?,
        Place::Summary => {}
    }
    Ok(())
}

/// Says what stands against an answer; whether something does.
fn refused(keys: &[&str], draft: &Draft, console: &mut Console) -> Result<bool, PlainError> {
    let reasons = draft.against_keys(keys);
    for (key, reason) in &reasons {
        let name = key.rsplit('.').next().unwrap_or(key);
        console.say(&format!("{name}: {reason}"))?;
    }
    Ok(!reasons.is_empty())
}

fn about(disk: &Disk) -> String {
    match &disk.contents {
        Contents::Empty => "empty".to_owned(),
        _ => format!("holds {}", show::contents(disk)),
    }
}

fn disk(draft: &mut Draft, console: &mut Console) -> Result<(), PlainError> {
    console.say("Disks:")?;
    let mut free = Vec::new();
    for disk in &draft.machine.disks {
        match draft.barred(disk) {
            Some(reason) => console.say(&format!("  {}; cannot be chosen: {reason}", disk.describe()))?,
            None => {
                console.say(&format!("  {}; {}", disk.describe(), about(disk)))?;
                free.push(disk.name.clone());
            }
        }
    }
    loop {
        let name = console.ask(
            "System disk, by its name",
            free.first().map_or("", String::as_str),
        )?;
        let name = name.strip_prefix("/dev/").unwrap_or(&name).to_owned();
        if free.contains(&name) {
            draft.choose(&name);
            return Ok(());
        }
        console.say(&format!("Type one of: {}", free.join(" ")))?;
    }
}

fn mode(draft: &mut Draft, console: &mut Console) -> Result<(), PlainError> {
    let Some(disk) = draft.disk().cloned() else {
        return Ok(());
    };
    if let Contents::SigmaVault(_) = disk.contents {
        match draft.against(&disk, Mode::KeepData) {
            None => {
                let options = [
                    "erase it; everything on it is lost",
                    "reinstall the system and keep settings, users and data",
                ];
                let chosen = console.choose("What shall happen to it?", &options.map(str::to_owned), 1)?;
                draft.answers.system.mode = Some(if chosen == 1 { Mode::KeepData } else { Mode::Erase });
                return Ok(());
            }
            Some(reason) => console.say(&format!("Its data cannot be kept: {reason}."))?,
        }
    }
    draft.answers.system.mode = Some(Mode::Erase);
    console.say("Everything on it will be lost.")
}

fn encryption(draft: &mut Draft, console: &mut Console) -> Result<(), PlainError> {
    draft.answers.encryption = None;
    if !console.yes("Encrypt settings, users and their files?", false)? {
        return Ok(());
    }
    loop {
        let passphrase = Secret(console.secret("Passphrase (not shown)")?);
        let hint = strength::hint(&passphrase.0);
        draft.answers.encryption = Some(Encryption {
            passphrase,
            recovery_key: true,
            tpm2: false,
            tpm_pin: None,
        });
        if !refused(&["encryption.passphrase"], draft, console)? {
            console.say(&hint)?;
            break;
        }
    }
    if draft.machine.tpm2
        && console.yes(
            "Let this machine's TPM 2.0 open it with a PIN instead of the passphrase?",
            false,
        )?
    {
        console.say("With the TPM there is always a recovery key, shown once at the end.")?;
        return pin(draft, console);
    }
    let recovery_key = console.yes("Make a recovery key, shown once at the end?", true)?;
    if let Some(encryption) = &mut draft.answers.encryption {
        encryption.recovery_key = recovery_key;
    }
    Ok(())
}

fn pin(draft: &mut Draft, console: &mut Console) -> Result<(), PlainError> {
    loop {
        let pin = Secret(console.secret("PIN for the TPM, digits or others (not shown)")?);
        let hint = strength::pin_hint(&pin.0);
        if let Some(encryption) = &mut draft.answers.encryption {
            encryption.tpm2 = true;
            encryption.tpm_pin = Some(pin);
        }
        if !refused(&["encryption.tpm-pin"], draft, console)? {
            return console.say(&hint);
        }
    }
}

fn pool(draft: &mut Draft, console: &mut Console) -> Result<(), PlainError> {
    draft.answers.pool = None;
    if !console.yes(
        "Make a ZFS pool for data of disks that the system does not use?",
        false,
    )? {
        return Ok(());
    }
    let candidates: Vec<Disk> = draft.pool_candidates().into_iter().cloned().collect();
    for disk in &candidates {
        console.say(&format!("  {}; {}", disk.describe(), about(disk)))?;
    }
    let empty: Vec<&str> = plan::proposed(&candidates.iter().collect::<Vec<_>>())
        .into_iter()
        .map(|disk| disk.name.as_str())
        .collect();
    loop {
        let names = console.ask("Its disks, by their names", &empty.join(" "))?;
        let Some((members, erase)) = members(&names, &candidates, &draft.machine, console)? else {
            continue;
        };
        let chosen: Vec<&Disk> = members.iter().collect();
        let layouts = plan::layouts(&chosen);
        if let Some(layout) = layouts.first().filter(|_| identity::sharing(&chosen).is_some()) {
            console.say(&layout.reason)?;
        }
        let texts: Vec<String> = layouts.iter().map(show::layout).collect();
        let layout = console.choose("Layout; the first is suggested:", &texts, 0)?;
        let name = console.ask("Name of the pool", "tank")?;
        let encrypt = draft.answers.encryption.is_none()
            || console.yes(
                "Encrypt it, with a key on the encrypted system disk that is shown once at the end?",
                true,
            )?;
        draft.answers.pool = Some(Pool {
            name,
            layout: layouts.get(layout).map(|layout| layout.kind),
            encrypt: (!encrypt).then_some(false),
            disks: members.iter().map(selector).collect(),
            erase,
        });
        if !refused(&["pool.name", "pool.layout", "pool.disks"], draft, console)? {
            return Ok(());
        }
    }
}

/// Disks, and what confirms that those may be lost that hold something.
type Members = (Vec<Disk>, Vec<String>);

/// The disks with these names, and what is to be confirmed of those that hold something.
fn members(
    names: &str,
    candidates: &[Disk],
    machine: &Machine,
    console: &mut Console,
) -> Result<Option<Members>, PlainError> {
    let mut members: Vec<Disk> = Vec::new();
    let mut erase = Vec::new();
    for name in names.split([' ', ',']).filter(|name| !name.is_empty()) {
        let Some(disk) = candidates.iter().find(|disk| disk.name == name) else {
            console.say(&format!("There is no disk '{name}' to choose."))?;
            return Ok(None);
        };
        if members.contains(disk) {
            continue;
        }
        if disk.contents != Contents::Empty {
            let held = show::contents(disk);
            if !console.yes(&format!("{name} holds {held}. Lose all of it?"), false)? {
                return Ok(None);
            }
            erase.push(identity::confirmation(machine, disk).to_owned());
        }
        members.push(disk.clone());
    }
    if members.is_empty() {
        console.say("Type at least one name.")?;
        return Ok(None);
    }
    Ok(Some((members, erase)))
}

fn network(draft: &mut Draft, console: &mut Console) -> Result<(), PlainError> {
    loop {
        let hostname = console.ask("Host name", &draft.answers.network.hostname)?;
        let hostname_was = std::mem::replace(
            &mut draft.answers.network,
            Network {
                hostname,
                ..Network::default()
            },
        );
        if !refused(&["network.hostname"], draft, console)? {
            break;
        }
        draft.answers.network = hostname_was;
    }
    if draft.machine.interfaces.is_empty()
        || console.yes("Address from the network (DHCP, IPv6), on every interface?", true)?
    {
        return Ok(());
    }
    if console.yes("Make a bond, bridge or VLAN of interfaces?", false)? {
        link(draft, console)?;
    }
    address(draft, console)
}

fn link(draft: &mut Draft, console: &mut Console) -> Result<(), PlainError> {
    const KINDS: [LinkKind; 3] = [LinkKind::Bond, LinkKind::Bridge, LinkKind::Vlan];
    let there = draft.machine.interfaces.join(" ");
    loop {
        let options = KINDS.map(|kind| kind.name().to_owned());
        let chosen = console.choose("What?", &options, 0)?;
        let kind = KINDS.get(chosen).copied().unwrap_or(LinkKind::Bond);
        let names = console.ask(&format!("Its interfaces; there are: {there}"), "")?;
        let id = match kind {
            LinkKind::Vlan => number("Number of the VLAN", console)?,
            LinkKind::Bond | LinkKind::Bridge => None,
        };
        draft.answers.network.link = Some(Link {
            kind,
            interfaces: names.split_whitespace().map(str::to_owned).collect(),
            mode: None,
            id,
        });
        if !refused(&["network.link.interfaces", "network.link.id"], draft, console)? {
            return Ok(());
        }
    }
}

fn number(question: &str, console: &mut Console) -> Result<Option<u16>, PlainError> {
    loop {
        match console.ask(question, "")?.parse() {
            Ok(number) => return Ok(Some(number)),
            Err(_) => console.say("Type a number.")?,
        }
    }
}

/// The fixed address. That of a link may also come from the network.
fn address(draft: &mut Draft, console: &mut Console) -> Result<(), PlainError> {
    let link = draft.answers.network.link.as_ref().map(Link::name);
    if link.is_some() && console.yes("Its address from the network (DHCP, IPv6)?", true)? {
        return Ok(());
    }
    loop {
        let interface = match &link {
            Some(name) => name.clone(),
            None => {
                let interfaces = draft.machine.interfaces.clone();
                console.pick("Interface", &interfaces, &interfaces[0])?
            }
        };
        let address = console.ask("Address with prefix length, such as 192.0.2.10/24", "")?;
        let gateway = addresses("Router (may be empty)", console)?.first().copied();
        let dns = addresses("Name servers (may be empty)", console)?;
        draft.answers.network.address = Some(Address {
            interface,
            address,
            gateway,
            dns,
        });
        let keys = [
            "network.address.interface",
            "network.address.address",
            "network.address.gateway",
            "network.address.dns",
        ];
        if !refused(&keys, draft, console)? {
            return Ok(());
        }
    }
}

fn addresses(question: &str, console: &mut Console) -> Result<Vec<IpAddr>, PlainError> {
    loop {
        let text = console.ask(question, "")?;
        let parsed: Result<Vec<IpAddr>, _> = text
            .split([' ', ','])
            .filter(|word| !word.is_empty())
            .map(str::parse)
            .collect();
        match parsed {
            Ok(addresses) => return Ok(addresses),
            Err(_) => console.say(&format!("'{text}' is no address."))?,
        }
    }
}

fn user(draft: &mut Draft, console: &mut Console) -> Result<(), PlainError> {
    let known = draft.answers.user.take();
    let (mut name, mut full_name) = known.map_or_else(Default::default, |user| (user.name, user.full_name));
    loop {
        name = console.ask("Administrator's user name", &name)?;
        full_name = console.ask("Name in full (may be empty)", &full_name)?;
        draft.answers.user = Some(User {
            name: name.clone(),
            full_name: full_name.clone(),
            password: None,
            password_hash: None,
            ssh_keys: Vec::new(),
            ssh: false,
            sudo_without_password: false,
        });
        if !refused(&["user.name", "user.full-name"], draft, console)? {
            break;
        }
    }
    loop {
        let password = console.secret("Password (not shown)")?;
        if let Some(user) = &mut draft.answers.user {
            user.password = Some(Secret(password));
        }
        if !refused(&["user.password"], draft, console)? {
            break;
        }
    }
    let ssh = console.yes("Log in by SSH?", false)?;
    if let Some(user) = &mut draft.answers.user {
        user.ssh = ssh;
    }
    Ok(())
}
