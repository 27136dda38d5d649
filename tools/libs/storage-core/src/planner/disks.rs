//! Disks that a request takes.

use sigmavault_types::storage::{
    Action, Disk, DiskId, DiskUse, NewVdev, Precondition, Resource, VdevClass, VdevKind, WantedLayout,
    Warning, World,
};

use super::draft::Draft;
use super::refusal::Refusal;
use crate::layout::{self, Layout};

/// The smallest disk that ZFS accepts (`SPA_MINDEVSIZE`).
const DISK_MIN: u64 = 64 << 20;

/// Disks that are wanted, and how.
pub(super) struct Wanted<'a> {
    pub(super) disks: &'a [DiskId],
    pub(super) layout: Option<WantedLayout>,
    pub(super) accept_no_redundancy: bool,
    pub(super) erase: &'a [DiskId],
}

/// The disks, with steps that erase those that hold something, and what the steps that write them must find.
pub(super) fn take<'a>(
    draft: &mut Draft<'a>,
    ids: &[DiskId],
    erase: &[DiskId],
    least: u64,
) -> Result<(Vec<&'a Disk>, Vec<Precondition>), Refusal> {
    let world: &'a World = draft.world;
    let mut taken: Vec<&Disk> = Vec::new();
    let mut preconditions = Vec::new();
    for id in ids {
        let disk = world.disk(id).ok_or_else(|| Refusal::missing("disk", id))?;
        if let Some(other) = taken.iter().find(|other| other.drive == disk.drive) {
            return Err(Refusal::OneDrive {
                one: other.id.clone(),
                other: id.clone(),
            });
        }
        let needed = least.max(DISK_MIN);
        if disk.bytes < needed {
            return Err(Refusal::TooSmall {
                disk: id.clone(),
                bytes: disk.bytes,
                needed,
            });
        }
        preconditions.push(take_one(draft, disk, erase.contains(id))?);
        taken.push(disk);
    }
    Ok((taken, preconditions))
}

fn take_one(draft: &mut Draft<'_>, disk: &Disk, may_erase: bool) -> Result<Precondition, Refusal> {
    let precondition = |in_use: &DiskUse| Precondition::Disk {
        disk: disk.id.clone(),
        bytes: disk.bytes,
        in_use: in_use.clone(),
    };
    draft.touch(Resource::Disk(disk.id.clone()));
    if disk.transport.as_deref() == Some("usb") {
        draft.warn(Warning::UsbDisk {
            disk: disk.id.clone(),
        });
    }
    match &disk.in_use {
        DiskUse::Free => {}
        DiskUse::Foreign { .. } | DiskUse::ExportedPool { .. } if may_erase => {
            let erase = Action::EraseDisk {
                disk: disk.id.clone(),
            };
            draft.step(erase, vec![precondition(&disk.in_use)]);
            draft.lose(Resource::Disk(disk.id.clone()), None);
        }
        DiskUse::Foreign { .. } | DiskUse::ExportedPool { .. } => {
            return Err(Refusal::NotEmpty {
                disk: disk.id.clone(),
                in_use: disk.in_use.clone(),
            });
        }
        DiskUse::System | DiskUse::LiveMedium | DiskUse::Pool { .. } | DiskUse::Held { .. } => {
            return Err(Refusal::InUse {
                disk: disk.id.clone(),
                in_use: disk.in_use.clone(),
            });
        }
    }
    // The step that writes it comes after the one that erases it.
    Ok(precondition(&DiskUse::Free))
}

/// How disks are arranged, as was asked for or as suits them.
pub(super) fn arrange(
    disks: &[&Disk],
    wanted: Option<WantedLayout>,
    otherwise: Option<WantedLayout>,
) -> Result<Layout, Refusal> {
    let sizes: Vec<u64> = disks.iter().map(|disk| disk.bytes).collect();
    if sizes.is_empty() {
        return Err(Refusal::Layout("no disk is named".to_owned()));
    }
    match (wanted, otherwise) {
        (Some(kind), _) => layout::make(kind, &sizes).map_err(Refusal::Layout),
        (None, Some(kind)) => Ok(layout::make(kind, &sizes).unwrap_or_else(|_| layout::suggest(&sizes))),
        (None, None) => Ok(layout::suggest(&sizes)),
    }
}

/// The vdevs of a layout.
pub(super) fn vdevs(layout: &Layout, disks: &[&Disk], class: VdevClass) -> Vec<NewVdev> {
    let ids = |indices: &[usize]| -> Vec<DiskId> {
        let found = indices.iter().filter_map(|index| disks.get(*index));
        found.map(|disk| disk.id.clone()).collect()
    };
    let data = layout.vdevs.iter().map(|vdev| NewVdev {
        kind: layout::vdev_kind(layout.kind, vdev.len()),
        class,
        disks: ids(vdev),
    });
    let spares = (!layout.spares.is_empty()).then(|| NewVdev {
        kind: VdevKind::Disk,
        class: VdevClass::Spare,
        disks: ids(&layout.spares),
    });
    data.chain(spares).collect()
}
