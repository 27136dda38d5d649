//! Which disk is which: what names a disk and no other, which block devices are one disk, and which disks fail
//! together.
//!
//! - [`accepts`], [`ask_for`]: the names by which somebody agrees that a disk is erased
//! - [`merge_paths`]: several ways to one disk become one disk
//! - [`same_drive`], [`sharing`]: disks that are parts of one drive, which protect nothing of each other

use crate::machine::{Contents, Disk, InUse, Machine};

#[cfg(test)]
mod tests;

/// When a disk is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// In a file that is older than this start of the machine: names of the kernel belong to other disks by now.
    Before,
    /// By a person who sees the disks of this start.
    Now,
}

/// Buses on which a disk has one way to it and is a drive of its own. Adapters of USB give the same serial number to
/// every disk behind them, and cheap SATA disks are sold with the same serial number and WWN.
const ONE_WAY: [&str; 6] = ["usb", "sata", "ata", "mmc", "virtio", "sbp"];

/// What a person who sees the disks types to confirm that this one is erased.
pub fn confirmation<'a>(machine: &Machine, disk: &'a Disk) -> &'a str {
    ask_for(disk, &machine.disks, Named::Now).unwrap_or(&disk.name)
}

/// Whether a person who sees the disks confirms with these words that this one is erased.
pub fn confirms(typed: &str, machine: &Machine, disk: &Disk) -> bool {
    accepts(typed, disk, &machine.disks, Named::Now)
}

/// Whether a text names this disk and no other of these: by its serial number or WWN when no other disk has it, or by
/// its place (`/dev/disk/by-path/...`); a person may also type the name by which [`ask_for`] asks.
pub fn accepts(text: &str, disk: &Disk, all: &[Disk], named: Named) -> bool {
    let text = text.trim();
    !text.is_empty()
        && (own_serial(disk, all) == Some(text)
            || own_wwn(disk, all).is_some_and(|wwn| wwn_digits(wwn) == wwn_digits(text))
            || places(disk).any(|place| place == text)
            || named == Named::Now
                && ask_for(disk, all, named) == Some(disk.name.as_str())
                && [&disk.name, &disk.path].into_iter().any(|name| name == text))
}

/// The best name by which this disk can be named and no other: serial number, WWN, then its name of the kernel for a
/// person and its place in a file. Nothing when there is none.
pub fn ask_for<'a>(disk: &'a Disk, all: &[Disk], named: Named) -> Option<&'a str> {
    let lasting = own_serial(disk, all).or_else(|| own_wwn(disk, all));
    lasting.or_else(|| match named {
        Named::Now => Some(disk.name.as_str()),
        Named::Before => places(disk).next(),
    })
}

/// The serial number, if no other disk has it.
fn own_serial<'a>(disk: &'a Disk, all: &[Disk]) -> Option<&'a str> {
    let serial = disk.serial.as_deref().filter(|serial| !serial.is_empty())?;
    others(disk, all)
        .all(|other| other.serial.as_deref() != Some(serial))
        .then_some(serial)
}

/// The world-wide name, if no other disk has it.
fn own_wwn<'a>(disk: &'a Disk, all: &[Disk]) -> Option<&'a str> {
    let wwn = disk.wwn.as_deref().filter(|wwn| !wwn_digits(wwn).is_empty())?;
    others(disk, all)
        .all(|other| other.wwn.as_deref().map(wwn_digits) != Some(wwn_digits(wwn)))
        .then_some(wwn)
}

/// Disks other than this one that have its serial number.
pub fn same_serial<'a>(disk: &'a Disk, all: &'a [Disk]) -> impl Iterator<Item = &'a Disk> {
    others(disk, all).filter(|other| disk.serial.is_some() && other.serial == disk.serial)
}

fn others<'a>(disk: &'a Disk, all: &'a [Disk]) -> impl Iterator<Item = &'a Disk> {
    all.iter().filter(|other| other.path != disk.path)
}

/// Names of the plug that the disk is in.
fn places(disk: &Disk) -> impl Iterator<Item = &str> {
    disk.links
        .iter()
        .map(String::as_str)
        .filter(|link| link.starts_with("/dev/disk/by-path/"))
}

/// The digits of a world-wide name, however it is written: `0x5000C500A1B2C3D4`, `naa.5000c500a1b2c3d4`, or
/// `5000C500 A1B2C3D4` as on a label.
fn wwn_digits(text: &str) -> String {
    let lower = text.trim().to_lowercase();
    let bare = lower.strip_prefix("wwn-").unwrap_or(&lower);
    let bare = ["0x", "naa.", "eui.", "uuid."]
        .iter()
        .find_map(|prefix| bare.strip_prefix(prefix))
        .unwrap_or(bare);
    let digits: String = bare
        .chars()
        .filter(|letter| !matches!(letter, ' ' | '-' | ':'))
        .collect();
    // Adapters that know no WWN report zeros.
    if digits.bytes().all(|digit| digit == b'0') {
        String::new()
    } else {
        digits
    }
}

/// Makes one disk of the block devices that are several ways to it, the first in the order of the list.
pub fn merge_paths(devices: Vec<Disk>) -> Vec<Disk> {
    let mut disks: Vec<Disk> = Vec::new();
    for device in devices {
        match disks.iter_mut().find(|disk| is_same_disk(disk, &device)) {
            Some(disk) => add_path(disk, device),
            None => disks.push(device),
        }
    }
    disks
}

fn add_path(disk: &mut Disk, path: Disk) {
    if path.in_use == Some(InUse::Medium) || disk.in_use.is_none() {
        disk.in_use = path.in_use.or(disk.in_use.take());
    }
    for holder in path.holders {
        if !disk.holders.contains(&holder) {
            disk.holders.push(holder);
        }
    }
    if disk.contents == Contents::Empty {
        disk.contents = path.contents;
    }
    disk.links.extend(path.links);
    disk.paths.push(path.path);
}

/// Whether two block devices are ways to one disk: one world-wide name, or one serial number where there is none.
fn is_same_disk(a: &Disk, b: &Disk) -> bool {
    if a.bytes != b.bytes || !has_several_ways(a, b) {
        return false;
    }
    let differs = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
    match (digits(a), digits(b)) {
        (Some(a_wwn), Some(b_wwn)) => a_wwn == b_wwn && !differs(&a.serial, &b.serial),
        // Every namespace of an NVMe drive has the drive's serial number.
        (None, None) => a.bus != "nvme" && has_one_serial(a, b),
        _ => false,
    }
}

fn digits(disk: &Disk) -> Option<String> {
    disk.wwn
        .as_deref()
        .map(wwn_digits)
        .filter(|digits| !digits.is_empty())
}

fn has_several_ways(a: &Disk, b: &Disk) -> bool {
    a.bus == b.bus && !ONE_WAY.contains(&a.bus.to_lowercase().as_str())
}

fn has_one_serial(a: &Disk, b: &Disk) -> bool {
    a.serial.as_ref().is_some_and(|serial| !serial.is_empty()) && a.serial == b.serial && a.model == b.model
}

/// Whether two disks are parts of one drive and fail with it: namespaces of an `NVMe` subsystem, or logical units with
/// one serial number, such as the two actuators of a SAS disk.
pub fn same_drive(a: &Disk, b: &Disk) -> bool {
    let one_subsystem = a.subsystem.is_some() && a.subsystem == b.subsystem;
    one_subsystem || has_several_ways(a, b) && has_one_serial(a, b)
}

/// Two of these disks that are parts of one drive.
pub fn sharing<'a>(disks: &[&'a Disk]) -> Option<(&'a Disk, &'a Disk)> {
    disks.iter().enumerate().find_map(|(index, disk)| {
        let other = disks[index + 1..].iter().find(|other| same_drive(disk, other))?;
        Some((*disk, *other))
    })
}

/// The largest part of every drive, in the order of the list.
pub fn one_of_each_drive<'a>(disks: &[&'a Disk]) -> Vec<&'a Disk> {
    let mut kept: Vec<&Disk> = Vec::new();
    for disk in disks {
        match kept.iter_mut().find(|other| same_drive(disk, other)) {
            Some(other) if other.bytes < disk.bytes => *other = disk,
            Some(_) => {}
            None => kept.push(disk),
        }
    }
    kept
}
