//! Disks that fail, and actions that are cut off.

use sigmavault_types::storage::{DeviceState, DiskId, DiskUse, Guid};

use super::Simulator;
use super::fault::Fault;

impl Simulator {
    /// Sets what happens to the next actions, in order.
    pub fn set_faults(&mut self, faults: Vec<Fault>) {
        self.faults = faults;
        self.faults.reverse();
    }

    pub(super) fn next_fault(&mut self) -> Option<Fault> {
        self.faults.pop()
    }

    /// Pulls a disk out.
    pub fn pull(&mut self, disk: &DiskId) {
        let Some(at) = self.world.disks.iter().position(|found| found.id == *disk) else {
            return;
        };
        let found = self.world.disks.remove(at);
        self.pulled.push(found);
        self.each_device(disk, |device| device.state = DeviceState::Removed);
        self.count();
    }

    /// Puts a pulled disk back. A device that it was comes back with what it missed, if its pool is imported.
    pub fn put_back(&mut self, disk: &DiskId) {
        let Some(at) = self.pulled.iter().position(|found| found.id == *disk) else {
            return;
        };
        let found = self.pulled.remove(at);
        self.world.disks.push(found);
        let mut back = Vec::new();
        self.each_device(disk, |device| {
            if device.state == DeviceState::Removed {
                device.state = DeviceState::Online;
                back.push(device.id);
            }
        });
        // Nothing was written to a pool that was not imported.
        let pools = self.world.pools.iter().filter(|pool| pool.imported);
        let written: Vec<Guid> = pools
            .flat_map(|pool| pool.all_vdevs().into_iter().map(|vdev| vdev.id))
            .collect();
        back.retain(|device| written.contains(device));
        self.resilver(&back);
        self.count();
    }

    /// Damages blocks of a disk: its devices show checksum errors at the next scrub.
    pub fn damage(&mut self, disk: &DiskId) {
        self.each_device(disk, |device| {
            device.errors.checksum += 1;
        });
    }

    /// Attaches a new disk with something on it, or nothing.
    pub fn attach_disk(&mut self, disk: sigmavault_types::storage::Disk) {
        self.world.disks.push(disk);
    }

    /// What is on a disk.
    pub(super) fn set_use(&mut self, disk: &DiskId, in_use: &DiskUse) {
        let disks = self.world.disks.iter_mut().chain(&mut self.pulled);
        for found in disks.filter(|found| found.id == *disk) {
            found.in_use = in_use.clone();
        }
    }
}
