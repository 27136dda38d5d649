//! Executing one action after another, and the mounts and devices that they keep open for later ones.

use std::path::Path;

use sigmavault_host::{dmsetup, mdadm, systemctl, udevadm};
use sigmavault_types::slots::Slot;

use super::copies::{self, Told};
use super::disk::{self, Parts};
use super::error::ExecuteError;
use super::esp::Esp;
use super::held::Held;
use super::keymap::Keymap;
use super::target::{Mounted, StateDevice};
use super::{boot_partition, check, files, pool, readings, setup, users};
use crate::actions::{Action, SetupAction, SlotRef};
use crate::answers::{Keyboard, Secret};
use crate::machine::{Disk, Holder, StopBy};
use crate::plan::PoolPlan;
use crate::progress::Outcome;
use crate::site::Site;

/// The id under which ZFS marks pools.
const HOST_ID: &str = "etc/hostid";

/// An installation under way. Dropped, it closes what it opened, in the order of the fields.
#[derive(Debug)]
pub struct Work<'a> {
    site: &'a Site,
    esp: Option<Esp>,
    target: Option<Mounted>,
    state: Option<StateDevice>,
    parts: Option<Parts>,
    /// The disk that the partitions are on.
    system: Option<Disk>,
    held: Held,
    spare: Option<Slot>,
    keymap: Option<Keymap>,
    /// That of the system that runs, where it is set up.
    root_hash: Option<String>,
    outcome: Outcome,
}

impl<'a> Work<'a> {
    /// At the start.
    pub fn new(site: &'a Site) -> Self {
        Self {
            site,
            esp: None,
            target: None,
            state: None,
            parts: None,
            system: None,
            held: Held::default(),
            spare: None,
            keymap: None,
            root_hash: None,
            outcome: Outcome::default(),
        }
    }

    /// The outcome.
    pub fn outcome(self) -> Outcome {
        self.outcome
    }

    /// The slot that a reference stands for.
    pub fn slot(&self, slot: SlotRef) -> Result<Slot, ExecuteError> {
        let spare = || self.spare.ok_or(ExecuteError::OutOfOrder("which slot boots"));
        match slot {
            SlotRef::Slot(slot) => Ok(slot),
            SlotRef::Spare => spare(),
            SlotRef::Preferred => Ok(spare()?.other()),
        }
    }

    fn parts(&self) -> Result<&Parts, ExecuteError> {
        self.parts
            .as_ref()
            .ok_or(ExecuteError::OutOfOrder("the partitions"))
    }

    fn esp(&self) -> Result<&Esp, ExecuteError> {
        self.esp
            .as_ref()
            .ok_or(ExecuteError::OutOfOrder("the EFI system partition"))
    }

    /// Root of the new system, while it is mounted.
    fn root(&self) -> Result<&'static Path, ExecuteError> {
        match self.target {
            Some(_) => Ok(Mounted::root()),
            None => Err(ExecuteError::OutOfOrder("the new system")),
        }
    }

    /// The disk that the partitions are on.
    fn system(&self) -> Result<&Disk, ExecuteError> {
        self.system
            .as_ref()
            .ok_or(ExecuteError::OutOfOrder("the system disk"))
    }

    fn check_disks(&mut self, disks: &[Disk]) -> Result<(), ExecuteError> {
        check::disks(self.site, disks)?;
        self.held = Held::take(self.site, disks)?;
        Ok(())
    }

    fn stop(&mut self, holder: &Holder) -> Result<(), ExecuteError> {
        let run = self.site.run();
        run.succeed(&match holder.stop {
            StopBy::Mdadm => mdadm::stop(&holder.path),
            StopBy::Dmsetup => dmsetup::remove(&holder.name),
        })?;
        run.succeed(&udevadm::settle())?;
        self.held.claim_free(self.site)
    }

    fn find_partitions(&mut self, disk: &Disk) -> Result<(), ExecuteError> {
        self.held.hand_over(self.site, disk)?;
        self.parts = Some(disk::parts(self.site.run(), disk)?);
        self.system = Some(disk.clone());
        Ok(())
    }

    fn create_pool(&mut self, pool: &PoolPlan) -> Result<(), ExecuteError> {
        for disk in &pool.disks {
            self.held.hand_over(self.site, disk)?;
        }
        pool::create(self.site, pool, self.root()?)
    }

    fn make_keymap(
        &mut self,
        keyboard: &Keyboard,
        passphrase: &Secret,
        tpm_pin: Option<&Secret>,
    ) -> Result<(), ExecuteError> {
        let keymap = Keymap::make(self.site.run(), keyboard, passphrase)?;
        if let Some(pin) = tpm_pin {
            keymap.check_pin(keyboard, pin)?;
        }
        self.keymap = Some(keymap);
        Ok(())
    }

    fn mount_target(&mut self, slot: Slot) -> Result<(), ExecuteError> {
        let parts = self.parts()?;
        let state = self.state.as_ref();
        let state = state.map_or(parts.state.as_str(), StateDevice::path);
        self.target = Some(Mounted::assemble(self.site, parts, slot, state)?);
        Ok(())
    }

    fn copy_host_id(&self) -> Result<(), ExecuteError> {
        let from = Path::new("/").join(HOST_ID);
        if self.site.files().exists(&from) {
            files::copy(self.site, &from, &self.root()?.join(HOST_ID))?;
        }
        Ok(())
    }

    fn check_boot(&mut self, disk: &Disk, root_hash: &str) -> Result<(), ExecuteError> {
        self.root_hash = Some(root_hash.to_owned());
        let device = disk::first_boot_part(self.site.run(), disk)?;
        boot_partition::check(self.site, &device, root_hash)
    }

    fn leave_setup(&self, slot: Slot) -> Result<(), ExecuteError> {
        let root_hash = self.root_hash.as_deref();
        let root_hash = root_hash.ok_or(ExecuteError::OutOfOrder("the root hash"))?;
        boot_partition::leave_setup(self.site, self.parts()?.boot(slot)?, root_hash)
    }

    fn write_keymap(&self) -> Result<(), ExecuteError> {
        let keymap = self.keymap.as_ref();
        self.esp()?
            .write_keymap(keymap.ok_or(ExecuteError::OutOfOrder("the keymap"))?)
    }

    /// Executes an action of a Raspberry Pi's first start.
    fn perform_setup(&mut self, action: &SetupAction, told: Told<'_>) -> Result<(), ExecuteError> {
        let site = self.site;
        match action {
            SetupAction::CheckBoot { disk, root_hash } => self.check_boot(disk, root_hash),
            SetupAction::OwnTable { disk, stale, renewed } => {
                self.held.hand_over(site, disk)?;
                setup::own_table(site.run(), disk, stale, renewed)
            }
            SetupAction::AddPartitions {
                disk,
                kept,
                partitions,
                passphrase,
            } => {
                self.held.check(site, disk)?;
                setup::add(site, disk, kept, partitions, passphrase.as_ref())
            }
            SetupAction::WriteSettingsImage => {
                let boot = self.parts()?.boot(Slot::A)?;
                boot_partition::write_settings(site, boot, self.keymap.as_ref())
            }
            SetupAction::CopyBoot { bytes } => {
                let parts = self.parts()?;
                boot_partition::copy(site, parts.boot(Slot::A)?, parts.boot(Slot::B)?, *bytes, told)
            }
            SetupAction::WriteVersion { slot, version } => self.esp()?.write_version(*slot, version),
            SetupAction::LeaveSetup { slot } => self.leave_setup(*slot),
        }
    }

    /// Executes an action. `told` is called with the bytes done of a long one.
    pub fn perform(&mut self, action: &Action, told: Told<'_>) -> Result<(), ExecuteError> {
        let site = self.site;
        site.note(&format!("- {action}"));
        match action {
            Action::CheckDisks { disks } => self.check_disks(disks),
            Action::ReadFirst { reading } => readings::read(site, reading),
            Action::Stop { holder } => self.stop(holder),
            Action::MakeKeymap {
                keyboard,
                passphrase,
                tpm_pin,
            } => self.make_keymap(keyboard, passphrase, tpm_pin.as_ref()),
            Action::Setup(action) => self.perform_setup(action, told),
            Action::WipeDisk { disk } => {
                self.held.hand_over(site, disk)?;
                disk::wipe(site.run(), disk)
            }
            Action::Partition {
                disk,
                partitions,
                passphrase,
            } => {
                self.held.hand_over(site, disk)?;
                disk::partition(site, disk, partitions, passphrase.as_ref())
            }
            Action::FindPartitions { disk } => self.find_partitions(disk),
            Action::CopySlot { slot, source } => {
                self.held.check(site, self.system()?)?;
                copies::write(site, self.parts()?, self.slot(*slot)?, source, told)
            }
            Action::VerifySlot { slot, root_hash } => {
                copies::verify(site, self.parts()?, self.slot(*slot)?, root_hash, told)
            }
            Action::EnrolTpm { passphrase, pin } => {
                disk::enrol_tpm(site, &self.parts()?.state, passphrase, pin)
            }
            Action::MakeRecoveryKey { passphrase } => {
                let key = disk::make_recovery_key(site, &self.parts()?.state, passphrase)?;
                self.outcome.recovery_key = Some(key);
                Ok(())
            }
            Action::OpenState { passphrase } => {
                self.state = Some(StateDevice::open(site, &self.parts()?.state, passphrase)?);
                Ok(())
            }
            Action::CloseState => self.state.take().map_or(Ok(()), StateDevice::close),
            Action::RenameState { disk } => {
                self.held.check(site, disk)?;
                disk::rename_state(site.run(), disk)
            }
            Action::Compare { disk, partitions } => disk::compare(site.run(), disk, partitions),
            Action::MountTarget { slot } => self.mount_target(*slot),
            Action::WriteFile { path, mode, text } => {
                files::write(site, &self.root()?.join(path), text, *mode)
            }
            Action::Link { path, target } => files::link(site, &self.root()?.join(path), target),
            Action::CopyHostId => self.copy_host_id(),
            Action::AddUser { name, full_name } => users::add(site, self.root()?, name, full_name),
            Action::SetPassword { user, password } => users::set_password(site, self.root()?, user, password),
            Action::AuthorizeKeys { user, keys } => users::authorize(site, self.root()?, user, keys),
            Action::EnableUnit { unit } => {
                site.run().succeed(&systemctl::enable_below(self.root()?, unit))?;
                Ok(())
            }
            Action::MakePoolKey { pool } => {
                self.outcome.pool_key = Some(pool::make_key(site, pool, self.root()?)?);
                Ok(())
            }
            Action::CreatePool { pool } => self.create_pool(pool),
            Action::UnmountTarget => self.target.take().map_or(Ok(()), Mounted::close),
            Action::MountEsp => {
                self.esp = Some(Esp::mount(site, &self.parts()?.esp)?);
                Ok(())
            }
            Action::ChooseSlots => {
                self.spare = Some(self.esp()?.less_wanted());
                Ok(())
            }
            Action::RemoveEntry { slot } => self.esp()?.remove_entry(self.slot(*slot)?),
            Action::InstallLoader => {
                let note = self.esp()?.install_loader()?;
                self.outcome.notes.extend(note);
                Ok(())
            }
            Action::WriteKeymap => self.write_keymap(),
            Action::WriteKernel { slot, source } => self.esp()?.write_kernel(self.slot(*slot)?, source),
            Action::WriteEntry {
                slot,
                version,
                sort_key,
            } => self.esp()?.write_entry(self.slot(*slot)?, version, sort_key),
            Action::WriteMark { mark } => self.esp()?.write_mark(mark),
            Action::UnmountEsp => self.esp.take().map_or(Ok(()), Esp::close),
        }
    }
}
