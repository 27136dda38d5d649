//! Actions as lines of text.

use std::fmt;

use super::action::{Action, Reading, SlotRef};
use super::lists::{encrypted, list, names};
use crate::keyboard;
use crate::machine::decimal;
use crate::pool_key;

impl fmt::Display for SlotRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(slot) => write!(f, "slot {}", slot.letter()),
            Self::Spare => f.write_str("the slot that stands by"),
            Self::Preferred => f.write_str("the slot that boots"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CheckDisks { disks } => write!(f, "check that {} did not change", names(disks)),
            Self::Stop { holder } => write!(f, "stop {holder}"),
            Self::ReadFirst { reading } => f.write_str(match reading {
                Reading::Connection { .. } => "have NetworkManager's nmcli read the connection",
                Reading::User { .. } => "have useradd add the administrator to a copy of the system's users",
                Reading::Rules { .. } => "have sudo's visudo read the rule for the administrator",
                Reading::Server { .. } => "have OpenSSH's sshd read the settings of the SSH server",
                Reading::Keys { .. } => "have OpenSSH's ssh-keygen read the SSH keys",
            }),
            Self::MakeKeymap { keyboard, .. } => {
                write!(
                    f,
                    "make the keymap of the unlock prompt: {}",
                    keyboard::named(keyboard)
                )
            }
            Self::WipeDisk { disk } => write!(f, "erase signatures and partition table of {}", disk.path),
            Self::Partition {
                disk,
                partitions,
                passphrase,
            } => {
                let encrypted = encrypted(passphrase.is_some());
                write!(f, "partition {}: {}{encrypted}", disk.path, list(partitions))
            }
            Self::FindPartitions { disk } => write!(f, "find the partitions of {}", disk.path),
            Self::CopySlot { slot, source } => {
                let bytes = decimal(source.root_bytes + source.verity_bytes);
                write!(f, "copy {bytes} of the running system to {slot}")
            }
            Self::VerifySlot { slot, root_hash } => {
                write!(f, "read {slot} back against root hash {root_hash}")
            }
            Self::EnrolTpm { .. } => f.write_str("let the TPM open the state partition with a PIN"),
            Self::MakeRecoveryKey { .. } => f.write_str("make a recovery key for the state partition"),
            Self::OpenState { .. } => f.write_str("unlock the state partition"),
            Self::MountTarget { .. } => f.write_str("mount the new system"),
            Self::WriteFile { path, mode, .. } => write!(f, "write /{path} (mode {mode:o})"),
            Self::Link { path, target } => write!(f, "link /{path} to {target}"),
            Self::CopyHostId => f.write_str("copy /etc/hostid"),
            Self::AddUser { name, .. } => write!(f, "add the user {name}"),
            Self::SetPassword { user, .. } => write!(f, "set the password of {user}"),
            Self::AuthorizeKeys { user, keys } => {
                write!(f, "let {} SSH keys log in as {user}", keys.len())
            }
            Self::EnableUnit { unit } => write!(f, "enable {unit}"),
            Self::MakePoolKey { pool } => {
                let file = pool_key::file(pool);
                write!(f, "make a key of the pool {pool}: /{} (mode 400)", file.display())
            }
            Self::CreatePool { pool } => {
                let encrypted = if pool.encrypted { ", encrypted" } else { "" };
                write!(
                    f,
                    "create the pool {} on {}{encrypted}",
                    pool.name,
                    names(&pool.disks)
                )
            }
            Self::UnmountTarget => f.write_str("unmount the new system"),
            Self::CloseState => f.write_str("lock the state partition"),
            Self::MountEsp => f.write_str("mount the EFI system partition"),
            Self::ChooseSlots => f.write_str("read the boot entries: which slot boots, which stands by"),
            Self::RemoveEntry { slot } => write!(f, "take {slot} out of the boot menu"),
            Self::InstallLoader => f.write_str("install the boot loader"),
            Self::WriteKeymap => f.write_str("write the keymap of the unlock prompt"),
            Self::WriteKernel { slot, .. } => write!(f, "write the kernel image of {slot}"),
            Self::RenameState { disk } => write!(f, "mark the state partition of {} as complete", disk.path),
            Self::WriteEntry { slot, sort_key, .. } => {
                write!(f, "write the boot entry of {slot} ({sort_key})")
            }
            Self::WriteMark { .. } => f.write_str("note which answers have installed the disk"),
            Self::UnmountEsp => f.write_str("unmount the EFI system partition"),
            Self::Setup(action) => action.fmt(f),
            Self::Compare { disk, .. } => write!(f, "compare the partitions of {} with the plan", disk.path),
        }
    }
}
