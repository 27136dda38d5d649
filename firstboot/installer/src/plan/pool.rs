//! The data pool: its name, disks and layout.

use std::collections::BTreeSet;

use super::consent;
use super::install::{Confirmation, PoolPlan};
use super::refusal::Refusal;
use crate::answers::Pool;
use crate::identity;
use crate::layout::{self, Kind, Layout};
use crate::machine::{Contents, Disk, Machine};

/// The smallest disk that ZFS accepts (`SPA_MINDEVSIZE`).
const DISK_MIN: u64 = 64 << 20;

/// The pool, or `None` with refusals that say why not.
pub(super) fn plan(
    wanted: &Pool,
    machine: &Machine,
    system: Option<&Disk>,
    state_encrypted: bool,
    confirmation: Confirmation,
    refusals: &mut Vec<Refusal>,
) -> Option<PoolPlan> {
    let before = refusals.len();
    if let Err(reason) = name(&wanted.name) {
        refusals.push(Refusal::answer("pool.name", reason));
    }
    refusals.extend(key_in_the_open(wanted, state_encrypted));
    let remaining: Vec<&Disk> = machine
        .candidates()
        .into_iter()
        .filter(|disk| system.is_none_or(|system| system.path != disk.path))
        .collect();
    let disks = if !wanted.disks.is_empty() {
        chosen(wanted, &remaining, refusals)
    } else if system.is_some() {
        proposed(&remaining)
    } else {
        // Which disks are left is unknown until the system disk is chosen.
        return None;
    };
    for disk in &disks {
        refuse_disk(disk, machine, &wanted.erase, confirmation, refusals);
    }
    if refusals.len() > before {
        return None;
    }
    if disks.is_empty() {
        refusals.push(Refusal::answer(
            "pool.disks",
            "there is no disk for a pool: apart from the system disk, no disk is empty and built in; name the disks, or leave [pool] out",
        ));
        return None;
    }
    if let Some(shared) = no_protection(&disks).filter(|_| wanted.layout != Some(Kind::Stripe)) {
        refusals.push(Refusal::answer(
            "pool.disks",
            format!("{shared}; name one of them, or say layout = \"stripe\", which protects nothing"),
        ));
        return None;
    }
    let layout = lay_out(wanted, &disks)
        .map_err(|reason| refusals.push(Refusal::answer("pool.layout", reason)))
        .ok()?;
    Some(PoolPlan {
        name: wanted.name.clone(),
        mountpoint: format!("/srv/sigmavault/{}", wanted.name),
        encrypted: wanted.encrypt.unwrap_or(state_encrypted),
        disks: disks.into_iter().cloned().collect(),
        layout,
    })
}

/// Why the pool cannot be encrypted, if that is asked for: its key would lie where everybody can read it.
pub(super) fn key_in_the_open(wanted: &Pool, state_encrypted: bool) -> Option<Refusal> {
    (wanted.encrypt == Some(true) && !state_encrypted).then(|| {
        Refusal::answer(
            "pool.encrypt",
            "cannot be true without [encryption]: the pool's key lies on the state partition, where whoever has the machine \
             would read it; give [encryption], or leave pool.encrypt out",
        )
    })
}

fn lay_out(wanted: &Pool, disks: &[&Disk]) -> Result<Layout, String> {
    let sizes: Vec<u64> = disks.iter().map(|disk| disk.bytes).collect();
    match wanted.layout {
        Some(kind) => layout::make(kind, &sizes),
        None => Ok(layout::suggest(&sizes)),
    }
}

/// What can be made of these disks, the suggested layout first. Parts of one drive fail together, so that no layout
/// protects what is on them.
pub fn layouts(disks: &[&Disk]) -> Vec<Layout> {
    let sizes: Vec<u64> = disks.iter().map(|disk| disk.bytes).collect();
    let Some(shared) = no_protection(disks) else {
        return layout::options(&sizes);
    };
    let stripe = layout::make(Kind::Stripe, &sizes).ok().into_iter();
    stripe
        .map(|layout| Layout {
            reason: format!("{shared}."),
            ..layout
        })
        .collect()
}

/// Why these disks do not protect each other, if they do not.
fn no_protection(disks: &[&Disk]) -> Option<String> {
    let (one, other) = identity::sharing(disks)?;
    let kind = match (&one.subsystem, &one.serial) {
        (Some(_), Some(serial)) => format!("namespaces of one drive ({serial})"),
        (Some(_), None) => "namespaces of one drive".to_owned(),
        (None, serial) => format!("parts of one drive ({})", serial.as_deref().unwrap_or_default()),
    };
    Some(format!(
        "{} and {} are {kind}: when it fails, both do, and neither protects the other",
        one.name, other.name
    ))
}

/// The disks that the selectors name, without duplicates.
fn chosen<'a>(wanted: &Pool, remaining: &[&'a Disk], refusals: &mut Vec<Refusal>) -> Vec<&'a Disk> {
    let mut seen = BTreeSet::new();
    let mut disks = Vec::new();
    for (index, selector) in wanted.disks.iter().enumerate() {
        let key = format!("pool.disks[{index}]");
        match selector.choose(remaining) {
            Ok(disk) if seen.insert(&disk.path) => disks.push(disk),
            Ok(disk) => refusals.push(Refusal::answer(&key, format!("names {} again", disk.describe()))),
            Err(error) => refusals.push(Refusal::Disk { what: key, error }),
        }
    }
    disks
}

/// The disks used when none are named: empty, unused and built in, one of each drive.
pub fn proposed<'a>(remaining: &[&'a Disk]) -> Vec<&'a Disk> {
    let free: Vec<&Disk> = remaining
        .iter()
        .copied()
        .filter(|disk| disk.contents == Contents::Empty && disk.in_use.is_none())
        .filter(|disk| !disk.bus.eq_ignore_ascii_case("usb") && disk.bytes >= DISK_MIN)
        .collect();
    identity::one_of_each_drive(&free)
}

fn refuse_disk(
    disk: &Disk,
    machine: &Machine,
    erase: &[String],
    confirmation: Confirmation,
    refusals: &mut Vec<Refusal>,
) {
    if let Some(reason) = &disk.in_use {
        refusals.push(Refusal::InUse {
            disk: disk.describe(),
            reason: reason.clone(),
        });
    }
    if disk.bytes < DISK_MIN {
        refusals.push(Refusal::too_small(disk, DISK_MIN));
    }
    let contents = match &disk.contents {
        Contents::Empty => return,
        Contents::Foreign(text) => text.clone(),
        Contents::SigmaVault(found) => {
            let state = if found.complete { "a" } else { "an incomplete" };
            let version = found
                .version
                .as_deref()
                .map_or_else(String::new, |version| format!(" {version}"));
            format!("{state} SigmaVault system{version}")
        }
    };
    refusals.extend(consent::to_erase(machine, disk, &contents, erase, confirmation));
}

/// The rules of `zpool create` (zpool-create(8), `pool_namecheck`), without the space and without two names that
/// would be misleading.
pub(super) fn name(name: &str) -> Result<(), String> {
    const BEGINNINGS: [&str; 4] = ["mirror", "raidz", "draid", "spare"];
    const NAMES: [&str; 4] = ["log", "cache", "special", "dedup"];
    let mut letters = name.chars();
    let good = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || "_.:-".contains(letter));
    if !good || name.len() > 64 {
        return Err(format!(
            "'{name}' is not a name for a pool: begin with a letter, followed by letters, digits and _ . : -, at most 64 in all"
        ));
    }
    let lower = name.to_ascii_lowercase();
    let like_a_disk =
        lower.starts_with('c') && lower[1..].starts_with(|second: char| second.is_ascii_digit());
    if like_a_disk || BEGINNINGS.iter().any(|word| lower.starts_with(word)) || NAMES.contains(&lower.as_str())
    {
        return Err(format!(
            "'{name}' means something else to ZFS: take another name, such as 'tank'"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn names_follow_the_rules_of_zpool() {
        for good in ["tank", "a", "Data_1", "a.b:c-d", "logs", "cold", &"a".repeat(64)] {
            assert_eq!(name(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "1tank",
            "-a",
            "a b",
            "a/b",
            "tänk",
            "mirror",
            "mirrored",
            "raidz2",
            "draid",
            "spares",
            "log",
            "Cache",
            "c0",
            &"a".repeat(65),
        ] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
