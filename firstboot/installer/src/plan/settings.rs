//! Language, keyboard, time zone, network and user.

use std::net::IpAddr;

use super::install::Settings;
use super::refusal::Refusal;
use crate::answers::{Address, Answers, Keyboard, Network, User};
use crate::machine::Machine;
use crate::nearest::hint;

/// The least number of characters of a password.
const PASSWORD_MIN: usize = 8;

/// Users and groups of the installed system; `useradd` makes a group of the same name as the user.
const SYSTEM_NAMES: [&str; 58] = [
    "root",
    "daemon",
    "bin",
    "sys",
    "sync",
    "games",
    "man",
    "lp",
    "mail",
    "news",
    "uucp",
    "proxy",
    "www-data",
    "backup",
    "list",
    "irc",
    "nobody",
    "nogroup",
    "adm",
    "tty",
    "disk",
    "kmem",
    "dialout",
    "fax",
    "voice",
    "cdrom",
    "floppy",
    "tape",
    "sudo",
    "audio",
    "dip",
    "operator",
    "src",
    "shadow",
    "utmp",
    "video",
    "sasl",
    "plugdev",
    "staff",
    "users",
    "input",
    "kvm",
    "render",
    "sgx",
    "crontab",
    "netdev",
    "messagebus",
    "polkitd",
    "sshd",
    "avahi",
    "colord",
    "geoclue",
    "rtkit",
    "gdm",
    "tss",
    "uuidd",
    "sigmavault",
    "live",
];

/// Prefixes of the user names of systemd's and Debian's services.
const SYSTEM_BEGINNINGS: [&str; 3] = ["systemd-", "sigmavault-", "gnome-"];

/// Key types that OpenSSH takes in `authorized_keys`.
const KEY_TYPES: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// The settings, if there is a user. Refusals are added to the list.
pub(super) fn plan(answers: &Answers, machine: &Machine, refusals: &mut Vec<Refusal>) -> Option<Settings> {
    let mut check = |key: &str, result: Result<(), String>| {
        if let Err(reason) = result {
            refusals.push(Refusal::answer(key, reason));
        }
    };
    check(
        "language",
        known("locale", &answers.language, &machine.locales, &["C.UTF-8"]),
    );
    check(
        "timezone",
        known(
            "time zone",
            &answers.timezone,
            &machine.timezones,
            &["Etc/UTC", "UTC"],
        ),
    );
    keyboard(&answers.keyboard, machine, &mut check);
    network(&answers.network, machine, &mut check);
    match &answers.user {
        Some(wanted) => user(wanted, &mut check),
        None => check(
            "user",
            Err("is missing: the system needs an administrator".to_owned()),
        ),
    }
    Some(Settings {
        language: answers.language.clone(),
        keyboard: answers.keyboard.clone(),
        timezone: answers.timezone.clone(),
        network: answers.network.clone(),
        user: answers.user.clone()?,
    })
}

/// Whether the image has this name; an empty list means that it is unknown which names it has.
fn known(what: &str, name: &str, names: &[String], always: &[&str]) -> Result<(), String> {
    if names.is_empty() || always.contains(&name) || names.iter().any(|known| known == name) {
        return Ok(());
    }
    let near = hint(
        name,
        names.iter().map(String::as_str).chain(always.iter().copied()),
    );
    Err(format!("the system has no {what} '{name}'{near}"))
}

fn keyboard(wanted: &Keyboard, machine: &Machine, check: &mut impl FnMut(&str, Result<(), String>)) {
    if machine.keyboards.is_empty() {
        return;
    }
    let Some(layout) = machine
        .keyboards
        .iter()
        .find(|layout| layout.name == wanted.layout)
    else {
        let near = hint(
            &wanted.layout,
            machine.keyboards.iter().map(|layout| layout.name.as_str()),
        );
        return check(
            "keyboard.layout",
            Err(format!("there is no layout '{}'{near}", wanted.layout)),
        );
    };
    if let Some(variant) = &wanted.variant
        && !layout.variants.iter().any(|(name, _)| name == variant)
    {
        let near = hint(variant, layout.variants.iter().map(|(name, _)| name.as_str()));
        check(
            "keyboard.variant",
            Err(format!(
                "layout '{}' has no variant '{variant}'{near}",
                layout.name
            )),
        );
    }
}

fn network(wanted: &Network, machine: &Machine, check: &mut impl FnMut(&str, Result<(), String>)) {
    check("network.hostname", hostname(&wanted.hostname));
    let Some(fixed) = &wanted.address else { return };
    if !machine.interfaces.contains(&fixed.interface) {
        let near = hint(&fixed.interface, machine.interfaces.iter().map(String::as_str));
        let there = match machine.interfaces.as_slice() {
            [] => "none".to_owned(),
            names => names.join(", "),
        };
        check(
            "network.address.interface",
            Err(format!(
                "there is no interface '{}'; there are: {there}{near}",
                fixed.interface
            )),
        );
    }
    match address(&fixed.address) {
        Err(reason) => check("network.address.address", Err(reason)),
        Ok(own) => check("network.address.gateway", gateway(fixed, own)),
    }
}

/// A label of RFC 1123.
fn hostname(name: &str) -> Result<(), String> {
    let good = (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if !good {
        return Err(format!(
            "'{name}' is not a host name: use letters, digits and '-', not at the ends, 63 at most, without a domain"
        ));
    }
    if name.eq_ignore_ascii_case("localhost") {
        return Err("'localhost' is every machine's name for itself: take another".to_owned());
    }
    Ok(())
}

/// An address with its prefix length, of a host.
fn address(text: &str) -> Result<IpAddr, String> {
    let wrong = || {
        format!("'{text}' is no address with prefix length: write it like 192.0.2.10/24 or 2001:db8::10/64")
    };
    let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
    match prefix.parse::<u8>() {
        Ok(length) if digits && (1..=most).contains(&length) => {}
        _ => return Err(wrong()),
    }
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    if address.is_unspecified() || address.is_loopback() || address.is_multicast() || broadcast {
        return Err(format!(
            "{address} cannot be the address of a machine on a network"
        ));
    }
    Ok(address)
}

fn gateway(fixed: &Address, own: IpAddr) -> Result<(), String> {
    let Some(gateway) = fixed.gateway else {
        return Ok(());
    };
    if gateway.is_ipv4() != own.is_ipv4() {
        return Err(format!(
            "{gateway} and {own} are of different families: both IPv4 or both IPv6"
        ));
    }
    if gateway == own {
        return Err(format!("{gateway} is this machine's own address"));
    }
    Ok(())
}

fn user(wanted: &User, check: &mut impl FnMut(&str, Result<(), String>)) {
    check("user.name", user_name(&wanted.name));
    check(
        "user.full-name",
        if wanted
            .full_name
            .contains(|letter: char| letter == ':' || letter.is_control())
        {
            Err("has a colon or control character, which /etc/passwd cannot hold".to_owned())
        } else {
            Ok(())
        },
    );
    if let Some(password) = &wanted.password {
        check("user.password", password_text(&password.0));
    }
    if let Some(hash) = &wanted.password_hash {
        check("user.password-hash", password_hash(&hash.0));
    }
    if wanted.password.is_some() && wanted.password_hash.is_some() {
        check(
            "user.password-hash",
            Err("is given together with user.password: give one of them".to_owned()),
        );
    }
    for (index, key) in wanted.ssh_keys.iter().enumerate() {
        check(&format!("user.ssh-keys[{index}]"), ssh_key(key));
    }
    let enters = wanted.password.is_some()
        || wanted.password_hash.is_some()
        || (wanted.ssh && !wanted.ssh_keys.is_empty());
    if !enters {
        check(
            "user",
            Err(
                "could not log in: give password, password-hash, or ssh-keys together with ssh = true"
                    .to_owned(),
            ),
        );
    }
}

fn user_name(name: &str) -> Result<(), String> {
    let mut bytes = name.bytes();
    let good = bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
        && name.len() <= 32;
    if !good {
        return Err(format!(
            "'{name}' is not a user name: begin with a lowercase letter, followed by lowercase letters, digits, _ and -, at most 32 in all"
        ));
    }
    if SYSTEM_NAMES.contains(&name) || SYSTEM_BEGINNINGS.iter().any(|word| name.starts_with(word)) {
        return Err(format!("'{name}' belongs to the system: take another"));
    }
    Ok(())
}

fn password_text(password: &str) -> Result<(), String> {
    if password.chars().count() < PASSWORD_MIN {
        return Err(format!("is too short: give at least {PASSWORD_MIN} characters"));
    }
    if password.contains(char::is_control) {
        return Err("has a line end or control character, which cannot be typed at a login".to_owned());
    }
    Ok(())
}

/// The methods of crypt(5) that libxcrypt calls acceptable for new hashes.
fn password_hash(hash: &str) -> Result<(), String> {
    const METHODS: [&str; 6] = ["$y$", "$gy$", "$7$", "$2b$", "$6$", "$5$"];
    let body = METHODS.iter().find_map(|method| hash.strip_prefix(method));
    let letters = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_graphic() && !b":;*!\\".contains(&byte))
    };
    match body.and_then(|body| body.rsplit_once('$')) {
        Some((salt, sum)) if !salt.is_empty() && sum.len() >= 31 && letters(salt) && letters(sum) => Ok(()),
        _ => Err(
            "is not a hash as crypt(5) writes it; one begins with $y$, $gy$, $7$, $2b$, $6$ or $5$; make one with `mkpasswd`"
                .to_owned(),
        ),
    }
}

fn ssh_key(key: &str) -> Result<(), String> {
    let mut words = key.split_ascii_whitespace();
    let kind = words.next().unwrap_or_default();
    if !KEY_TYPES.contains(&kind) {
        return Err(format!(
            "does not begin with a key type that OpenSSH takes ({}): give the one line of the .pub file",
            KEY_TYPES.join(", ")
        ));
    }
    if words.next().is_none() || key.contains(|letter: char| letter.is_control() && letter != '\t') {
        return Err("is not a public key: give the whole line of the .pub file".to_owned());
    }
    Ok(())
}
