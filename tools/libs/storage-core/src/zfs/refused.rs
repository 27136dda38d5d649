//! What ZFS complains of, as errors.

use sigmavault_host::run::RunError;
use sigmavault_host::{zfs, zpool};
use sigmavault_plan::subject;
use sigmavault_types::storage::{Action, Resource, World};

use crate::engine::EngineError;

/// The error of a command that carries out an action.
pub(super) fn error(action: &Action, world: &World, error: &RunError) -> EngineError {
    let RunError::Ended { output, .. } = error else {
        return EngineError::Failed(error.to_string());
    };
    let complaint = String::from_utf8_lossy(&output.stderr);
    let about = match subject(action, world) {
        Resource::Disk(disk) => disk.0,
        Resource::Pool(name)
        | Resource::Dataset(name)
        | Resource::Changes(name)
        | Resource::Snapshot(name)
        | Resource::Policy(name) => name,
    };
    let program = error.invocation();
    let is_zpool = std::iter::once(program.program())
        .chain(program.arguments().iter().map(AsRef::as_ref))
        .find_map(|word| match word.to_str() {
            Some("zpool") => Some(true),
            Some("zfs") => Some(false),
            _ => None,
        });
    match is_zpool {
        Some(true) => of_zpool(about, zpool::Refusal::of(&complaint), error),
        Some(false) => of_zfs(about, zfs::Refusal::of(&complaint), error),
        None => EngineError::Failed(error.to_string()),
    }
}

/// Whether a second try may succeed, because udev had not shown a partition yet, or looked at one.
pub(super) fn may_be_early(error: &RunError) -> bool {
    use zpool::Refusal;
    let RunError::Ended { output, .. } = error else {
        return false;
    };
    if error.invocation().program() == "blockdev" {
        return true;
    }
    let refusal = Refusal::of(&String::from_utf8_lossy(&output.stderr));
    matches!(refusal, Refusal::NoSuchDevice | Refusal::Unavailable)
}

fn of_zpool(about: String, refusal: zpool::Refusal, error: &RunError) -> EngineError {
    use zpool::Refusal;
    match refusal {
        Refusal::NoSuchPool | Refusal::NoSuchDevice => EngineError::Missing(about),
        Refusal::Exists => EngineError::Exists(about),
        Refusal::Busy => EngineError::Busy(about),
        Refusal::OutOfSpace => EngineError::NoSpace(about),
        Refusal::NoReplicas => EngineError::NoReplicas(about),
        Refusal::Suspended => EngineError::Suspended(about),
        Refusal::KeyNotLoaded => EngineError::Locked(about),
        Refusal::InUse { device, by, .. } => EngineError::unsuitable(device, format!("it is {by}")),
        Refusal::TooSmall => EngineError::unsuitable(about, "a device is too small"),
        Refusal::Scanning => {
            EngineError::unsuitable(about, "a scrub or resilver runs; wait for it, or stop the scrub")
        }
        Refusal::NothingToEnd => EngineError::unsuitable(about, "nothing of that kind runs"),
        Refusal::OtherSystem => EngineError::unsuitable(
            about,
            "another machine used it last; import it with force when that one is off",
        ),
        Refusal::Unavailable => EngineError::unsuitable(about, "too few of its devices are there"),
        Refusal::InvalidName
        | Refusal::SameDevice
        | Refusal::TooFewDevices
        | Refusal::MixedRedundancy
        | Refusal::InvalidProperty
        | Refusal::CheckpointExists
        | Refusal::NotPermitted
        | Refusal::Other(_) => EngineError::unsuitable(about, error.last_words()),
    }
}

fn of_zfs(about: String, refusal: zfs::Refusal, error: &RunError) -> EngineError {
    use zfs::Refusal;
    match refusal {
        Refusal::NoSuchDataset | Refusal::NoSuchParent | Refusal::NoSuchHold => EngineError::Missing(about),
        Refusal::Exists | Refusal::HoldExists => EngineError::Exists(about),
        Refusal::Busy => EngineError::Busy(about),
        Refusal::OutOfSpace => EngineError::NoSpace(about),
        Refusal::QuotaExceeded => EngineError::Quota(about),
        Refusal::Held => EngineError::Held(about),
        Refusal::WrongKey => EngineError::WrongKey(about),
        Refusal::KeyNotLoaded => EngineError::Locked(about),
        Refusal::Suspended => EngineError::Suspended(about),
        Refusal::HasClones(by) | Refusal::HasChildren(by) | Refusal::HasNewer(by) => EngineError::Needed {
            what: about,
            by: by.join(", "),
        },
        _ => EngineError::unsuitable(about, error.last_words()),
    }
}
