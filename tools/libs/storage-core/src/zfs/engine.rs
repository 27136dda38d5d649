//! The engine that runs the commands of ZFS.

use sigmavault_host::run::{Invocation, RunError};
use sigmavault_host::{systemd_run, udevadm};
use sigmavault_plan::subject;
use sigmavault_types::storage::{Action, DeviceState, Resource, World};

use super::keys::Keys;
use super::standing::Standing;
use super::surface::Surface;
use super::{read, refused};
use crate::commands;
use crate::engine::{Engine, EngineError, Secret};

/// Seconds that udev is given to show the disks.
const SETTLE: u32 = 30;

/// ZFS on this machine.
#[derive(Debug)]
pub struct Zfs {
    surface: Surface,
    /// What was read last.
    last: World,
}

impl Zfs {
    /// ZFS on this machine. Nothing is read yet.
    pub fn new(surface: Surface) -> Self {
        Self {
            surface,
            last: World::default(),
        }
    }

    fn standing(&self) -> Standing<'_> {
        Standing::of(&self.surface.state)
    }

    /// Runs a command that changes something.
    fn run(&self, action: &Action, invocation: &Invocation) -> Result<(), EngineError> {
        let outside = needs_the_manager(action).then(|| systemd_run::by_manager(invocation));
        let invocation = outside.as_ref().unwrap_or(invocation);
        let Err(error) = self.surface.writer.succeed(invocation) else {
            return Ok(());
        };
        if !takes_disks(action) || !refused::may_be_early(&error) {
            return Err(refused::error(action, &self.last, &error));
        }
        // On a machine with much to do, udev shows a new partition too late, or still looks at one that is to go: a second try succeeds.
        self.settle();
        let again = self.surface.writer.succeed(invocation);
        again
            .map(drop)
            .map_err(|error| refused::error(action, &self.last, &error))
    }

    fn settle(&self) {
        // A timeout is no error: the command says what is missing.
        let _: Result<_, RunError> = self.surface.writer.run(&udevadm::settle_within(SETTLE));
    }

    /// Commands for a pool that waits for its disks would hang for good, in the kernel.
    fn refuse_suspended(&self, action: &Action) -> Result<(), EngineError> {
        let may_go_on = matches!(action, Action::ClearErrors { .. } | Action::OnlineDevice { .. });
        let name = pool_of(action, &self.last);
        let pool = name.and_then(|name| self.last.imported(&name));
        match pool {
            Some(pool) if pool.state == DeviceState::Suspended && !may_go_on => {
                Err(EngineError::Suspended(pool.name.clone()))
            }
            _ => Ok(()),
        }
    }
}

impl Engine for Zfs {
    fn world(&mut self) -> Result<World, EngineError> {
        let mut world = read::world(&self.surface, &self.last)?;
        self.standing().add_to(&mut world)?;
        self.last = world.clone();
        Ok(world)
    }

    fn perform(&mut self, action: &Action, secret: Option<&Secret>) -> Result<(), EngineError> {
        if self.standing().take(action)? {
            return Ok(());
        }
        self.refuse_suspended(action)?;
        if takes_disks(action) {
            self.settle();
        }
        let keys = Keys::new(&self.surface.files, self.surface.new_key);
        let made = keys.make_for(action)?;
        for invocation in commands::invocations(action, &self.last, secret) {
            let ran = self.run(action, &invocation);
            if let (Err(_), Some(made)) = (&ran, &made) {
                Keys::take_back(made);
            }
            ran?;
        }
        if takes_disks(action) || matches!(action, Action::DestroyPool { .. }) {
            self.settle();
        }
        keys.retire(action, &self.last);
        Ok(())
    }
}

/// Whether file systems are mounted or unmounted for it. The service's own mounts would be seen by nobody else, and its unmounting would leave
/// them mounted everywhere else.
const fn needs_the_manager(action: &Action) -> bool {
    matches!(
        action,
        Action::Mount { .. }
            | Action::Unmount { .. }
            | Action::CreatePool { .. }
            | Action::CloneSnapshot { .. }
            | Action::RenameDataset { .. }
            | Action::DestroyDataset { .. }
            | Action::DestroyPool { .. }
            | Action::ExportPool { .. }
            | Action::SetProperties { .. }
            | Action::InheritProperty { .. }
            | Action::DestroySnapshots { .. }
            | Action::Rollback { .. }
    )
}

/// Whether partitions of disks come or go for it.
const fn takes_disks(action: &Action) -> bool {
    matches!(
        action,
        Action::EraseDisk { .. }
            | Action::CreatePool { .. }
            | Action::AddVdevs { .. }
            | Action::AttachDisk { .. }
            | Action::ReplaceDevice { .. }
            | Action::ExpandRaidz { .. }
    )
}

/// The name of the pool that an action changes; none for what needs no pool that is there.
fn pool_of(action: &Action, world: &World) -> Option<String> {
    if matches!(action, Action::CreatePool { .. } | Action::ImportPool { .. }) {
        return None;
    }
    match subject(action, world) {
        Resource::Pool(name) => Some(name),
        Resource::Dataset(name) | Resource::Snapshot(name) | Resource::Changes(name) => {
            name.split(['/', '@']).next().map(str::to_owned)
        }
        Resource::Disk(_) | Resource::Policy(_) => None,
    }
}
