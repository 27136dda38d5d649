//! Answer files for the installer.

use serde::Serialize;
use sigmavault_vm::Credential;

use crate::error::Error;

/// The credential by which the installer finds its answers.
const CREDENTIAL: &str = "sigmavault.answers";
/// Administrator of every installation.
pub const USER: &str = "ada";
/// Password of the administrator.
pub const PASSWORD: &str = "correct horse 7";
/// Passphrase of encrypted state partitions.
pub const PASSPHRASE: &str = "battery staple 9";
/// PIN of the TPM that opens them.
pub const PIN: &str = "271828";
/// Name on the network.
pub const HOSTNAME: &str = "vault-7";

/// Answers, as the installer reads them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Answers {
    /// Keyboard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyboard: Option<Keyboard>,
    /// Where the system goes.
    pub system: System,
    /// Encryption of the state partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// Data pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// Name on the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// Administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// What happens at the end.
    pub finish: Finish,
}

/// Keyboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Keyboard {
    /// XKB layout.
    pub layout: String,
}

/// System disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct System {
    /// Selector.
    pub disk: Selector,
    /// Serial number once more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// What happens to the disk.
    pub mode: Mode,
}

/// Which disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selector {
    /// By serial number.
    Serial(String),
    /// By bus.
    Bus(String),
    /// By a path below `/dev`.
    Path(String),
}

/// What happens to the system disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Everything on it is lost.
    Erase,
    /// State partition and data stay.
    KeepData,
}

/// LUKS2 on the state partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Encryption {
    /// Passphrase.
    pub passphrase: String,
    /// Let the TPM open it.
    pub tpm2: bool,
    /// With this PIN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpm_pin: Option<String>,
    /// Make a recovery key.
    pub recovery_key: bool,
}

/// Data pool, of all disks that are left unless disks are named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pool {
    /// Name.
    pub name: String,
    /// How its disks are arranged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<&'static str>,
    /// What may be lost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub erase: Vec<String>,
    /// Its disks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<Selector>,
}

/// Name on the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Network {
    /// Name on the network.
    pub hostname: String,
}

/// Administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct User {
    /// Login name.
    pub name: String,
    /// Password.
    pub password: String,
}

/// What happens at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finish {
    /// After success.
    pub action: Action,
    /// Otherwise.
    pub on_failure: Action,
}

/// What the machine does when the installer has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Switches itself off.
    Poweroff,
    /// Starts again.
    Reboot,
    /// Stays as it is.
    Wait,
}

impl Answers {
    /// An installation on the disk of this serial number, everything on it lost, after which the machine waits.
    pub fn erase(serial: &str) -> Self {
        Self {
            keyboard: None,
            system: System {
                disk: Selector::Serial(serial.to_owned()),
                confirm: Some(serial.to_owned()),
                mode: Mode::Erase,
            },
            encryption: None,
            pool: None,
            network: Some(Network {
                hostname: HOSTNAME.to_owned(),
            }),
            user: Some(User {
                name: USER.to_owned(),
                password: PASSWORD.to_owned(),
            }),
            finish: Finish {
                action: Action::Wait,
                on_failure: Action::Wait,
            },
        }
    }

    /// A new system on the disk of this serial number, users and data kept.
    pub fn keep_data(serial: &str) -> Self {
        let mut answers = Self {
            network: None,
            user: None,
            ..Self::erase(serial)
        };
        answers.system.mode = Mode::KeepData;
        answers
    }

    /// With an encrypted state partition.
    #[must_use]
    pub fn encrypted(mut self) -> Self {
        self.encryption = Some(Encryption {
            passphrase: PASSPHRASE.to_owned(),
            tpm2: false,
            tpm_pin: None,
            recovery_key: false,
        });
        self
    }

    /// With a PIN for the TPM that opens the encrypted state partition.
    #[must_use]
    pub fn with_pin(mut self) -> Self {
        if let Some(encryption) = &mut self.encryption {
            encryption.tpm2 = true;
            encryption.tpm_pin = Some(PIN.to_owned());
        }
        self
    }

    /// With a recovery key for the encrypted state partition. The answers must be on a volume that can be written to.
    #[must_use]
    pub fn with_recovery_key(mut self) -> Self {
        if let Some(encryption) = &mut self.encryption {
            encryption.recovery_key = true;
        }
        self
    }

    /// With this passphrase, typed on a keyboard of this layout.
    #[must_use]
    pub fn typed(mut self, layout: &str, passphrase: &str) -> Self {
        self.keyboard = Some(Keyboard {
            layout: layout.to_owned(),
        });
        self.encryption = Some(Encryption {
            passphrase: passphrase.to_owned(),
            tpm2: false,
            tpm_pin: None,
            recovery_key: false,
        });
        self
    }

    /// After success the machine does this.
    #[must_use]
    pub fn then(mut self, action: Action) -> Self {
        self.finish.action = action;
        self
    }

    /// Without the confirmation.
    #[must_use]
    pub fn unconfirmed(mut self) -> Self {
        self.system.confirm = None;
        self
    }

    /// The credential that carries them.
    pub fn credential(&self) -> Result<Credential, Error> {
        Ok(Credential {
            name: CREDENTIAL.to_owned(),
            value: self.text()?,
        })
    }

    /// The text of an answer file.
    pub fn text(&self) -> Result<String, Error> {
        Ok(toml::to_string(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_file() {
        let answers = Answers::erase("SV-1")
            .encrypted()
            .with_pin()
            .then(Action::Poweroff);
        let credential = answers.credential().unwrap();
        assert_eq!(credential.name, "sigmavault.answers");
        let expected = r#"[system]
confirm = "SV-1"
mode = "erase"

[system.disk]
serial = "SV-1"

[encryption]
passphrase = "battery staple 9"
tpm2 = true
tpm-pin = "271828"
recovery-key = false

[network]
hostname = "vault-7"

[user]
name = "ada"
password = "correct horse 7"

[finish]
action = "poweroff"
on-failure = "wait"
"#;
        assert_eq!(credential.value, expected);
    }

    #[test]
    fn a_pool_of_named_disks() {
        let disks = [Selector::Serial("A".into()), Selector::Path("/dev/sdb".into())];
        let answers = Answers {
            pool: Some(Pool {
                name: "tank".to_owned(),
                layout: Some("mirror"),
                erase: vec!["A".to_owned()],
                disks: disks.into(),
            }),
            ..Answers::keep_data("SV-1")
        };
        let text = answers.text().unwrap();
        let expected = "[pool]\nname = \"tank\"\nlayout = \"mirror\"\nerase = [\"A\"]\n\n[[pool.disks]]\nserial = \"A\"\n\n\
                        [[pool.disks]]\npath = \"/dev/sdb\"\n";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn data_kept_and_unconfirmed() {
        let mut answers = Answers::keep_data("SV-1").unconfirmed();
        answers.system.disk = Selector::Bus("virtio".into());
        assert_eq!(
            answers.credential().unwrap().value,
            "[system]\nmode = \"keep-data\"\n\n[system.disk]\nbus = \"virtio\"\n\n[finish]\naction = \"wait\"\non-failure = \"wait\"\n"
        );
    }

    #[test]
    fn everything_that_is_typed_can_be() {
        for text in [USER, PASSWORD, PASSPHRASE, PIN, HOSTNAME] {
            let typed = |character| sigmavault_vm::keyboard::keys(character).is_some();
            assert!(text.chars().all(typed), "{text}");
        }
    }
}
