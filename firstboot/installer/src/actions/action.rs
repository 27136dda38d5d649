//! One action of an installation, and stages of them.

use sigmavault_types::slots::Slot;

use super::setup_action::SetupAction;
use crate::answers::{Keyboard, Secret};
use crate::machine::{Disk, Holder, Source};
use crate::once::Mark;
use crate::plan::{Partition, PoolPlan};
use crate::progress::Step;

/// A slot, as far as it is known before the disk is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotRef {
    /// This one.
    Slot(Slot),
    /// The one that can be written first because the other one boots.
    Spare,
    /// The other one.
    Preferred,
}

/// Actions that are reported as one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The step.
    pub heading: Heading,
    /// What is done, in this order.
    pub actions: Vec<Action>,
    /// What came out, in a few words; may be empty.
    pub said: String,
}

/// How a stage is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heading {
    /// Not at all.
    Quiet,
    /// As this step.
    Step(Step),
    /// As the copying of a slot with so many bytes.
    Copy(SlotRef, u64),
    /// As the reading back of a slot with so many bytes.
    Verify(SlotRef, u64),
}

/// A password, or its crypt(5) hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// In clear.
    Plain(Secret),
    /// Its hash.
    Hash(Secret),
}

/// What the new system gets, with the program that reads it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A connection, by `NetworkManager`.
    Connection {
        /// Its text.
        text: String,
        /// The fixed address that must be read from it.
        address: Option<String>,
    },
    /// Rules, by sudo.
    Rules {
        /// Their text.
        text: String,
    },
    /// A new user, by useradd.
    User {
        /// Login name.
        name: String,
        /// Name in full; may be empty.
        full_name: String,
    },
    /// Settings of the SSH server, by itself.
    Server {
        /// Their text, a name and a value a line.
        text: String,
    },
    /// Public keys, by OpenSSH.
    Keys {
        /// The keys, one a line.
        keys: Vec<String>,
    },
}

/// One action. Paths of files are those in the new system. `Display` describes it in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Compares the disks with those that the plan was made for.
    CheckDisks {
        /// Those that are written.
        disks: Vec<Disk>,
    },
    /// Stops what runs on disks that are written.
    Stop {
        /// What is stopped.
        holder: Holder,
    },
    /// Has a program read what the new system gets for it, while nothing is written yet.
    ReadFirst {
        /// What.
        reading: Reading,
    },
    /// Makes the keymap of the prompt for the passphrase, and checks that it types that.
    MakeKeymap {
        /// The keyboard.
        keyboard: Keyboard,
        /// What is typed at the prompt.
        passphrase: Secret,
        /// What is typed there with a TPM.
        tpm_pin: Option<Secret>,
    },
    /// Erases signatures and partition tables.
    WipeDisk {
        /// The disk.
        disk: Disk,
    },
    /// Makes partitions and the file systems in them.
    Partition {
        /// The disk.
        disk: Disk,
        /// Its partitions.
        partitions: Vec<Partition>,
        /// Encrypts the state partition with this passphrase.
        passphrase: Option<Secret>,
    },
    /// Finds the partitions by their names.
    FindPartitions {
        /// The disk.
        disk: Disk,
    },
    /// Copies the system from the medium to a slot.
    CopySlot {
        /// The slot.
        slot: SlotRef,
        /// What is copied.
        source: Source,
    },
    /// Reads a slot back against the root hash.
    VerifySlot {
        /// The slot.
        slot: SlotRef,
        /// The root hash, 64 hexadecimal digits.
        root_hash: String,
    },
    /// Has the TPM open the state partition with a PIN.
    EnrolTpm {
        /// Opens it until then.
        passphrase: Secret,
        /// Opens it together with the TPM.
        pin: Secret,
    },
    /// Makes a recovery key for the state partition.
    MakeRecoveryKey {
        /// Opens it until then.
        passphrase: Secret,
    },
    /// Unlocks the state partition.
    OpenState {
        /// Opens it.
        passphrase: Secret,
    },
    /// Mounts the new system, so that its settings can be written.
    MountTarget {
        /// The slot whose root is mounted: one that nothing else uses.
        slot: Slot,
    },
    /// Writes a text file.
    WriteFile {
        /// Its path.
        path: &'static str,
        /// Its mode.
        mode: u32,
        /// Its text.
        text: String,
    },
    /// Makes a symbolic link.
    Link {
        /// Its path.
        path: &'static str,
        /// Where it leads.
        target: String,
    },
    /// Copies the id under which ZFS marks pools from the running system, if it has one.
    CopyHostId,
    /// Adds the administrator.
    AddUser {
        /// Login name.
        name: String,
        /// Name in full; may be empty.
        full_name: String,
    },
    /// Sets a password.
    SetPassword {
        /// Login name.
        user: String,
        /// The password.
        password: Password,
    },
    /// Lets keys log in by SSH.
    AuthorizeKeys {
        /// Login name.
        user: String,
        /// Public keys, as in an `authorized_keys` file.
        keys: Vec<String>,
    },
    /// Has a unit start at boot.
    EnableUnit {
        /// Its name.
        unit: &'static str,
    },
    /// Makes the key of an encrypted pool and keeps it on the state partition.
    MakePoolKey {
        /// Name of the pool.
        pool: String,
    },
    /// Makes the data pool and leaves it exported.
    CreatePool {
        /// The pool.
        pool: PoolPlan,
    },
    /// Unmounts the new system.
    UnmountTarget,
    /// Locks the state partition.
    CloseState,
    /// Mounts the EFI system partition.
    MountEsp,
    /// Decides by the boot entries which slot is written first.
    ChooseSlots,
    /// Removes a slot from the boot menu.
    RemoveEntry {
        /// The slot.
        slot: SlotRef,
    },
    /// Installs the boot loader.
    InstallLoader,
    /// Writes the keymap of the prompt for the passphrase.
    WriteKeymap,
    /// Copies the kernel image from the medium.
    WriteKernel {
        /// The slot that it starts.
        slot: SlotRef,
        /// The medium.
        source: Source,
    },
    /// Gives the state partition its final name, which marks a complete installation.
    RenameState {
        /// The disk that it is on.
        disk: Disk,
    },
    /// Writes a slot's boot entry with all its tries.
    WriteEntry {
        /// The slot.
        slot: SlotRef,
        /// Version of its system.
        version: String,
        /// Its place in the boot menu (Boot Loader Specification, `sort-key`).
        sort_key: &'static str,
    },
    /// Notes on the EFI system partition which answers have installed the disk.
    WriteMark {
        /// The note.
        mark: Mark,
    },
    /// Unmounts the EFI system partition.
    UnmountEsp,
    /// Does what only the first start of a Raspberry Pi needs.
    Setup(SetupAction),
    /// Compares the partitions with the plan.
    Compare {
        /// The disk.
        disk: Disk,
        /// Its partitions.
        partitions: Vec<Partition>,
    },
}
