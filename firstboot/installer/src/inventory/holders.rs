//! What runs on a disk: what is in the way, and what can be stopped first.

use sigmavault_host::lsblk::Device;

use super::contents::signature;
use crate::machine::{Holder, InUse, StopBy};

/// What keeps a disk, or a part of it, from being written.
pub(super) fn in_the_way(device: &Device) -> Option<InUse> {
    if let Some(path) = device.mountpoints.first() {
        return Some(InUse::Mounted {
            device: device.name.clone(),
            at: path.clone(),
        });
    }
    // What is mounted says more than what it is mounted from.
    device.children.iter().find_map(in_the_way).or_else(|| {
        (!is_part(device)).then(|| InUse::Holder {
            device: device.name.clone(),
            kind: device.kind.clone(),
        })
    })
}

/// What has to be stopped so that a disk can be written, in this order; nothing when something is mounted, or when there
/// is something that cannot be stopped so, or when nothing runs on it.
pub(super) fn of(disk: &Device, all: &[Device]) -> Option<Vec<Holder>> {
    let mut found = Vec::new();
    collect(disk, all, &mut found)?;
    (!found.is_empty()).then_some(found)
}

/// Adds what runs on a device, and then itself; nothing when one of them cannot be stopped.
fn collect(device: &Device, all: &[Device], found: &mut Vec<Holder>) -> Option<()> {
    if !device.mountpoints.is_empty() {
        return None;
    }
    for child in &device.children {
        collect(child, all, found)?;
    }
    if is_part(device) || found.iter().any(|holder| holder.path == device.path) {
        return Some(());
    }
    let is_on = |disk: &&Device| {
        disk.with_descendants()
            .iter()
            .any(|part| part.path == device.path)
    };
    found.push(Holder {
        name: device.name.clone(),
        path: device.path.clone(),
        kind: kind(device),
        stop: stopped_by(device)?,
        disks: all.iter().filter(is_on).map(|disk| disk.name.clone()).collect(),
        contents: signature(device),
    });
    Some(())
}

/// What a device is. An array that waits for its other disks has no size, and perhaps no level either.
fn kind(device: &Device) -> String {
    if device.size == 0 && is_array(&device.name) {
        "incomplete array".to_owned()
    } else {
        device.kind.clone()
    }
}

/// Whether a device is a disk or a partition, of an array too: it needs no stopping of its own.
fn is_part(device: &Device) -> bool {
    let of_array = device
        .name
        .strip_prefix("md")
        .and_then(|rest| rest.split_once('p'))
        .is_some_and(|(array, part)| is_number(array) && is_number(part));
    matches!(device.kind.as_str(), "disk" | "part") || of_array
}

/// Whether this is the name of an array in the kernel.
fn is_array(name: &str) -> bool {
    name.strip_prefix("md").is_some_and(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What stops a device; several paths to a disk are not stopped, since they are the disk.
fn stopped_by(device: &Device) -> Option<StopBy> {
    match device.kind.as_str() {
        "linear" | "md" | "container" => Some(StopBy::Mdadm),
        "lvm" | "crypt" => Some(StopBy::Dmsetup),
        kind => (kind.starts_with("raid") || is_array(&device.name)).then_some(StopBy::Mdadm),
    }
}
