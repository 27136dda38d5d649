//! The answers.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sigmavault_types::storage::WantedLayout;

use crate::keyboard::XkbLayout;
use crate::select::Selector;
use crate::size::Size;

/// Everything the installer needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Answers {
    /// Language and formats of the installed system, a locale such as `de_DE.UTF-8`.
    #[serde(default = "default_language")]
    pub language: String,
    /// Keyboard.
    #[serde(default)]
    pub keyboard: Keyboard,
    /// Time zone such as `Europe/Berlin`.
    #[serde(default = "default_timezone")]
    pub timezone: String,
    /// The system disk. On the first start of a Raspberry Pi it is the disk that the image was written to, and this can be
    /// left out.
    #[serde(default)]
    pub system: System,
    /// Encryption of the state partition; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// A ZFS pool for data; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// Name on the network and address.
    #[serde(default)]
    pub network: Network,
    /// The administrator; absent only if data is kept, since the users stay then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// What happens at the end.
    #[serde(default)]
    pub finish: Finish,
}

/// One XKB layout, or two of which one is switched to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Keyboard {
    /// Layout, such as `us` or `de`.
    pub layout: String,
    /// Variant, such as `nodeadkeys`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// A second layout for user names, passwords and commands, which need the letters a to z. It is in use at first, and
    /// Alt+Shift switches between both. Absent: `us` when the layout lacks these letters, none otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latin: Option<XkbLayout>,
}

impl Default for Keyboard {
    fn default() -> Self {
        Self {
            layout: "us".to_owned(),
            variant: None,
            latin: None,
        }
    }
}

/// The system disk, and what happens to its contents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct System {
    /// The disk; exactly one, since mirrored system disks are not supported. Left out with `setup`.
    #[serde(default, skip_serializing_if = "Selector::is_empty")]
    pub disk: Selector,
    /// The disk's serial number or WWN again: nothing is written without it. When other disks have the same, or there is
    /// none, the disk's path below `/dev/disk/by-path`. Left out with `setup`, which erases nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// What happens to the disk; absent: `setup` on the first start of a Raspberry Pi, `erase` elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Size of the state partition with a unit (`64G`); absent: the rest of the disk up to 64 GiB,
    /// or all of the rest when that leaves less than 64 GiB free; with `setup` always all of the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_size: Option<Size>,
}

/// What happens to the system disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Everything on it is lost.
    #[default]
    Erase,
    /// An installed SigmaVault gets a new system; its state partition and data stay.
    KeepData,
    /// A Raspberry Pi's disk, written from the image, gets what the image lacks. Nothing on it is lost.
    Setup,
}

impl Mode {
    /// As it is written in an answer file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Erase => "erase",
            Self::KeepData => "keep-data",
            Self::Setup => "setup",
        }
    }
}

/// LUKS2 on the state partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Encryption {
    /// Opens the state partition at boot.
    pub passphrase: Secret,
    /// Make a recovery key: written to the volume that the answers are on, or to memory if the machine stays on.
    #[serde(default = "yes")]
    pub recovery_key: bool,
    /// Let this machine's TPM 2.0 open it with a PIN instead of the passphrase, as long as the firmware's Secure Boot
    /// settings (PCR 7) are the same. It needs `tpm-pin` and `recovery-key`.
    #[serde(default)]
    pub tpm2: bool,
    /// The PIN for the TPM: at least 6 characters, digits or others, asked for at every start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpm_pin: Option<Secret>,
}

/// A ZFS pool for data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pool {
    /// Name.
    #[serde(default = "default_pool_name")]
    pub name: String,
    /// Layout; absent: the one suggested for these disks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<WantedLayout>,
    /// Encrypt it, with a key on the encrypted state partition and on the recovery sheet; absent: when `[encryption]` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypt: Option<bool>,
    /// Its disks; absent: all other disks that are empty, unused and not on USB.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<Selector>,
    /// Serial numbers or WWNs of the pool's disks that hold data, or paths below `/dev/disk/by-path` where several disks
    /// have the same. The data is lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erase: Vec<String>,
}

/// Host name and address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Network {
    /// Name on the network (RFC 1123 label).
    #[serde(default = "default_hostname")]
    pub hostname: String,
    /// A bond, bridge or VLAN; absent: every interface is used by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// A fixed address; absent: DHCP and IPv6 autoconfiguration, on the link or else on every interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            hostname: default_hostname(),
            link: None,
            address: None,
        }
    }
}

/// An interface that is made of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Link {
    /// What it is. Its name is `bond0`, `br0`, or `vlan` and the number of the VLAN.
    pub kind: LinkKind,
    /// The interfaces that it is made of, such as `enp1s0`; a VLAN of several is on a bond of them.
    pub interfaces: Vec<String>,
    /// How a bond uses its interfaces, that of a VLAN too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<BondMode>,
    /// Number of the VLAN, from 1 to 4094.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u16>,
}

/// What a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// Several interfaces that stand in for each other.
    Bond,
    /// A switch, to which virtual machines can be connected.
    Bridge,
    /// A part of the network that packets name by its number (IEEE 802.1Q).
    Vlan,
}

/// How a bond uses its interfaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BondMode {
    /// One of them; another one when it fails. Every switch can do it.
    #[default]
    #[serde(rename = "active-backup")]
    ActiveBackup,
    /// All of them, by LACP, which the switch must be set up for.
    #[serde(rename = "802.3ad")]
    Lacp,
    /// All of them, without help of the switch.
    #[serde(rename = "balance-alb")]
    BalanceAlb,
}

impl Link {
    /// The most interfaces that it can be made of.
    pub const MOST: usize = 8;

    /// Its name.
    pub fn name(&self) -> String {
        match self.kind {
            LinkKind::Bond => "bond0".to_owned(),
            LinkKind::Bridge => "br0".to_owned(),
            LinkKind::Vlan => format!("vlan{}", self.id.unwrap_or_default()),
        }
    }

    /// How the bond uses the interfaces, when they form one: the link itself, or what a VLAN of several is on.
    pub fn bond(&self) -> Option<BondMode> {
        let bonded = match self.kind {
            LinkKind::Bond => true,
            LinkKind::Vlan => self.interfaces.len() > 1,
            LinkKind::Bridge => false,
        };
        bonded.then(|| self.mode.unwrap_or_default())
    }
}

impl LinkKind {
    /// As it is written in an answer file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bond => "bond",
            Self::Bridge => "bridge",
            Self::Vlan => "vlan",
        }
    }
}

impl BondMode {
    /// As it is written in an answer file, and by the kernel.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ActiveBackup => "active-backup",
            Self::Lacp => "802.3ad",
            Self::BalanceAlb => "balance-alb",
        }
    }
}

/// A fixed address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Address {
    /// Interface, such as `enp1s0`; with a link, the link's name.
    pub interface: String,
    /// Address with prefix length, such as `192.0.2.10/24`.
    pub address: String,
    /// Router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<std::net::IpAddr>,
    /// Name servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<std::net::IpAddr>,
}

/// The administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Full name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub full_name: String,
    /// Password, in clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Password hash as crypt(5) writes it, instead of the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<Secret>,
    /// Keys that may log in by SSH.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ssh_keys: Vec<String>,
    /// Whether the SSH server runs.
    #[serde(default)]
    pub ssh: bool,
    /// Whether sudo asks for no password. Needed when the only way in is a key, since root has no password.
    #[serde(default)]
    pub sudo_without_password: bool,
}

/// What happens at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Finish {
    /// After success; absent: `reboot` with `setup`, `wait` otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// After a refusal or failure.
    #[serde(default = "wait")]
    pub on_failure: Action,
}

impl Finish {
    /// What happens after success in this mode.
    pub fn after(&self, mode: Mode) -> Action {
        self.action.unwrap_or(match mode {
            // Nothing is left to be taken out of the machine.
            Mode::Setup => Action::Reboot,
            Mode::Erase | Mode::KeepData => Action::Wait,
        })
    }
}

/// What the machine does at the end of the installation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Restarts; from the disk, if the medium is removed or comes later in the boot order.
    Reboot,
    /// Powers off.
    Poweroff,
    /// Stays on.
    #[default]
    Wait,
}

/// Text that is never shown or logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

fn default_language() -> String {
    "C.UTF-8".to_owned()
}

fn default_timezone() -> String {
    "Etc/UTC".to_owned()
}

fn default_hostname() -> String {
    "sigmavault".to_owned()
}

fn default_pool_name() -> String {
    "tank".to_owned()
}

const fn yes() -> bool {
    true
}

const fn wait() -> Action {
    Action::Wait
}
