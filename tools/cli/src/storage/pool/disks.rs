//! `sigmavault pool disks`.

use sigmavault_facts::show::{Sheet, Style, disk_size};
use sigmavault_types::storage::{Disk, DiskUse, World};

use crate::storage::words;

/// Disks and what they are used for, for a person.
pub(super) fn show(world: &World, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let rows: Vec<Vec<String>> = world.disks.iter().map(|disk| row(disk, world, style)).collect();
    if rows.is_empty() {
        sheet.line("Disks", "none");
    }
    sheet.table("Disks", &rows);
    sheet.finish()
}

fn row(disk: &Disk, world: &World, style: Style) -> Vec<String> {
    let in_use = words::in_use(&disk.in_use, world);
    let kind = if disk.rotational {
        "spinning"
    } else {
        "solid state"
    };
    vec![
        disk.name.clone(),
        disk_size(disk.bytes),
        disk.transport.clone().unwrap_or_else(|| "-".to_owned()),
        kind.to_owned(),
        disk.model.clone().unwrap_or_else(|| "-".to_owned()),
        disk.id.to_string(),
        if disk.in_use == DiskUse::Free {
            style.good(&in_use)
        } else {
            in_use
        },
    ]
}
