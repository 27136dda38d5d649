//! The data pool: its name, disks and layout.

use std::collections::BTreeSet;

use sigmavault_storage_core::layout::{self, Layout};
use sigmavault_storage_core::names;
use sigmavault_types::storage::WantedLayout;

use super::consent;
use super::install::{Confirmation, PoolPlan};
use super::refusal::Refusal;
use crate::answers::Pool;
use crate::identity;
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
    if let Err(reason) = names::pool(&wanted.name) {
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
    if let Some(shared) = no_protection(&disks).filter(|_| wanted.layout != Some(WantedLayout::Stripe)) {
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
    let stripe = layout::make(WantedLayout::Stripe, &sizes).ok().into_iter();
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
