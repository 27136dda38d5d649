//! How many devices of a pool may fail.

use sigmavault_types::storage::{Vdev, VdevKind};

/// Devices of a pool that may fail now, whichever they are; none when a group that it cannot do without is lost.
pub fn may_fail(vdevs: &[Vdev]) -> Option<u32> {
    let vital = vdevs
        .iter()
        .filter(|vdev| vdev.class.vital() && vdev.kind != VdevKind::Gone);
    let tolerances: Option<Vec<usize>> = vital.map(group_tolerance).collect();
    // A pool without any vdev has nothing to lose and nothing to read.
    let least = tolerances?.into_iter().min()?;
    u32::try_from(least).ok()
}

/// Devices of a group that may fail now; none when data of it is lost. A device that is being resilvered is no copy yet.
pub fn group_tolerance(vdev: &Vdev) -> Option<usize> {
    left(vdev, Vdev::complete)
}

/// Whether a group can be read at all. A device that is being resilvered gives what it has.
pub fn group_readable(vdev: &Vdev) -> bool {
    left(vdev, |device| device.state.readable()).is_some()
}

/// Devices of a group that may fail when those that are not good have.
fn left(vdev: &Vdev, good: fn(&Vdev) -> bool) -> Option<usize> {
    if vdev.children.is_empty() {
        return good(vdev).then_some(0);
    }
    let lost = vdev.children.iter().filter(|child| !gives(child, good)).count();
    // A device and its replacement count as one.
    vdev.kind.tolerance(vdev.children.len()).checked_sub(lost)
}

/// Whether a child of a group gives its data.
fn gives(child: &Vdev, good: fn(&Vdev) -> bool) -> bool {
    match child.kind {
        VdevKind::Replacing | VdevKind::Spare => child.children.iter().any(|inner| gives(inner, good)),
        _ => good(child),
    }
}

#[cfg(test)]
mod tests {
    use sigmavault_types::storage::{DeviceState, Errors, Guid, VdevClass};

    use super::*;

    fn vdev(kind: VdevKind, states: &[DeviceState]) -> Vdev {
        let one = |kind, state, children| Vdev {
            id: Guid(1),
            name: String::new(),
            kind,
            class: VdevClass::Data,
            state,
            bytes: 0,
            errors: Errors::default(),
            resilvering: false,
            expansions: 0,
            disk: None,
            children,
        };
        if kind == VdevKind::Disk {
            return one(kind, states[0], Vec::new());
        }
        let children = states.iter().map(|state| one(VdevKind::Disk, *state, Vec::new()));
        one(kind, DeviceState::Online, children.collect())
    }

    #[test]
    fn what_may_fail() {
        use DeviceState::{Degraded, Faulted, Offline, Online, Removed, Unavailable};
        let mirror = |states: &[DeviceState]| vdev(VdevKind::Mirror, states);
        let raidz = |parity, states: &[DeviceState]| vdev(VdevKind::Raidz { parity }, states);
        let cases: [(Vec<Vdev>, Option<u32>); 10] = [
            (vec![vdev(VdevKind::Disk, &[Online])], Some(0)),
            (vec![vdev(VdevKind::Disk, &[Faulted])], None),
            (vec![mirror(&[Online; 2])], Some(1)),
            (vec![mirror(&[Online, Offline])], Some(0)),
            (vec![mirror(&[Removed, Unavailable])], None),
            (vec![mirror(&[Online; 3]), mirror(&[Online, Degraded])], Some(1)),
            (vec![raidz(2, &[Online; 4])], Some(2)),
            (vec![raidz(2, &[Online, Online, Faulted, Faulted])], Some(0)),
            (vec![raidz(1, &[Online, Offline, Offline])], None),
            (
                vec![raidz(2, &[Online; 4]), vdev(VdevKind::Disk, &[Online])],
                Some(0),
            ),
        ];
        for (at, (vdevs, expected)) in cases.iter().enumerate() {
            assert_eq!(may_fail(vdevs), *expected, "case {at}");
        }
        assert_eq!(may_fail(&[]), None);
    }

    #[test]
    fn logs_and_caches_do_not_count_and_a_lost_group_always_does() {
        let mut log = vdev(VdevKind::Disk, &[DeviceState::Removed]);
        log.class = VdevClass::Log;
        let data = vdev(VdevKind::Mirror, &[DeviceState::Online; 2]);
        assert_eq!(may_fail(&[log.clone(), data.clone()]), Some(1));
        log.class = VdevClass::Special;
        assert_eq!(may_fail(&[log.clone(), data.clone()]), None);
        assert_eq!(may_fail(&[data, log]), None);
    }

    #[test]
    fn a_device_that_is_being_replaced_is_one() {
        let mut mirror = vdev(VdevKind::Mirror, &[DeviceState::Online; 2]);
        mirror.children[1] = vdev(VdevKind::Replacing, &[DeviceState::Removed, DeviceState::Online]);
        assert_eq!(may_fail(&[mirror.clone()]), Some(1));
        mirror.children[1].children[1].resilvering = true;
        assert_eq!(may_fail(&[mirror.clone()]), Some(0), "it holds nothing yet");
        mirror.children[0].state = DeviceState::Removed;
        assert_eq!(may_fail(&[mirror.clone()]), None);
        assert!(group_readable(&mirror));
    }
}
