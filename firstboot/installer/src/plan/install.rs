//! The plan and its parts.

use serde::Serialize;
use sigmavault_storage_core::layout::Layout;

use crate::answers::{Mode, Network, Secret, User};
use crate::identity::Named;
use crate::machine::{Disk, Present, Source};
use crate::once::Fingerprint;

/// Everything that an installation does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct InstallPlan {
    /// The system disk.
    pub disk: Disk,
    /// What happens to it.
    pub mode: Mode,
    /// What is copied.
    pub source: Source,
    /// Its partitions, in order; in a setup those that are added.
    pub partitions: Vec<Partition>,
    /// What is on the disk, in a setup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup: Option<SetupPlan>,
    /// LUKS2 on the state partition.
    pub encryption: Option<EncryptionPlan>,
    /// The data pool.
    pub pool: Option<PoolPlan>,
    /// Settings written to the state partition; absent when data is kept.
    pub settings: Option<Settings>,
    /// The answers that it was made from, when they are a file; the disk gets a mark of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<Fingerprint>,
}

impl InstallPlan {
    /// As made from these answers.
    #[must_use]
    pub fn by(self, answers: Fingerprint) -> Self {
        Self {
            answers: Some(answers),
            ..self
        }
    }
}

/// What is on a disk that is set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SetupPlan {
    /// Partitions of the image, which stay.
    pub kept: Vec<Present>,
    /// Partitions of a setup that was not completed, which are removed.
    pub stale: Vec<Present>,
}

/// One partition of the system disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Partition {
    /// Which definition in `/usr/lib/sigmavault/repart.d` it is, without `.conf`, such as `20-root-a`.
    pub definition: String,
    /// GPT name.
    pub label: String,
    /// Bytes.
    pub bytes: u64,
}

/// LUKS2 on the state partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EncryptionPlan {
    /// Passphrase.
    #[serde(skip)]
    pub passphrase: Secret,
    /// Make a recovery key.
    pub recovery_key: bool,
    /// Enrol the TPM, with this PIN.
    #[serde(rename = "tpm2", serialize_with = "whether")]
    pub tpm_pin: Option<Secret>,
}

/// Of a secret only whether there is one.
#[allow(clippy::ref_option, reason = "serde passes the field by reference")]
fn whether<S: serde::Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(secret.is_some())
}

/// The data pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PoolPlan {
    /// Name.
    pub name: String,
    /// Where it is mounted.
    pub mountpoint: String,
    /// Whether it is encrypted, with a key on the state partition, which is encrypted then too.
    pub encrypted: bool,
    /// Its disks; the layout's indices count in them.
    pub disks: Vec<Disk>,
    /// How they are arranged.
    pub layout: Layout,
}

/// The settings of the installed system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    /// Locale.
    pub language: String,
    /// XKB layout.
    pub keyboard: crate::answers::Keyboard,
    /// Time zone.
    pub timezone: String,
    /// Host name and address.
    pub network: Network,
    /// Administrator.
    #[serde(skip)]
    pub user: User,
}

/// Whether the confirmation is checked: the summary shows a plan before it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// `system.confirm` must name the disk, in a file that nobody compares with the disks of this start.
    Required,
    /// `system.confirm` was typed by a person who sees the disks.
    Typed,
    /// It is asked for later, from a person who sees the disks.
    Later,
}

impl Confirmation {
    /// When the disks were named.
    pub(super) const fn named(self) -> Named {
        match self {
            Self::Required => Named::Before,
            Self::Typed | Self::Later => Named::Now,
        }
    }
}
