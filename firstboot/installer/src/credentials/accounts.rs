//! Users and groups of the image, and names for a new user.

use std::fmt;

use serde::{Deserialize, Serialize};
use sigmavault_facts::Files;

/// The longest name that useradd(8) takes.
const NAME_MAX: usize = 32;
/// Names that images have, for a check that knows no image.
const ALWAYS: [&str; 58] = [
    "root",
    "daemon",
    "bin",
    "sys",
    "sync",
    "games",
    "man",
    "lp",
    "mail",
    "news",
    "uucp",
    "proxy",
    "www-data",
    "backup",
    "list",
    "irc",
    "nobody",
    "nogroup",
    "adm",
    "tty",
    "disk",
    "kmem",
    "dialout",
    "fax",
    "voice",
    "cdrom",
    "floppy",
    "tape",
    "sudo",
    "audio",
    "dip",
    "operator",
    "src",
    "shadow",
    "utmp",
    "video",
    "sasl",
    "plugdev",
    "staff",
    "users",
    "input",
    "kvm",
    "render",
    "sgx",
    "crontab",
    "netdev",
    "messagebus",
    "polkitd",
    "sshd",
    "avahi",
    "colord",
    "geoclue",
    "rtkit",
    "gdm",
    "tss",
    "uuidd",
    "sigmavault",
    "live",
];
/// Prefixes of the names of services, which may come with a later version of the system.
const BEGINNINGS: [&str; 3] = ["systemd-", "sigmavault-", "gnome-"];

/// Names of the users and groups that an image has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Accounts {
    /// Users.
    pub users: Vec<String>,
    /// Groups.
    pub groups: Vec<String>,
}

/// What has a name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A user of the image.
    User,
    /// A group of the image.
    Group,
    /// Services, whose names begin like this.
    Services,
    /// The system, whatever the image.
    System,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "is a user of the system",
            Self::Group => "is a group of the system, and the user's own group has the user's name",
            Self::Services => "begins like the names of the system's services",
            Self::System => "belongs to the system",
        })
    }
}

/// Why a name is not one for a new user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Letters or length.
    #[error(
        "'{0}' is not a user name: begin with a lowercase letter, followed by lowercase letters, digits, _ and -, at most {NAME_MAX} in all"
    )]
    Form(String),
    /// Something has it.
    #[error("'{name}' {holder}: take another")]
    Taken {
        /// The name.
        name: String,
        /// What has it.
        holder: Holder,
    },
}

impl Accounts {
    /// From the text of passwd(5) and group(5).
    pub fn parse(passwd: &str, group: &str) -> Self {
        let names = |text: &str| -> Vec<String> {
            let first = |line: &str| line.split(':').next().map(str::trim).map(str::to_owned);
            let named = |name: &String| !name.is_empty() && !name.starts_with('#');
            text.lines().filter_map(first).filter(named).collect()
        };
        Self {
            users: names(passwd),
            groups: names(group),
        }
    }

    /// Those of a system with these files.
    pub fn of(files: &Files) -> Self {
        let text = |path: &str| files.text(path).unwrap_or_default();
        Self::parse(&text("/etc/passwd"), &text("/etc/group"))
    }

    /// What has this name.
    pub fn holder(&self, name: &str) -> Option<Holder> {
        let among = |names: &[String]| names.iter().any(|known| known == name);
        if among(&self.users) {
            Some(Holder::User)
        } else if among(&self.groups) {
            Some(Holder::Group)
        } else if ALWAYS.contains(&name) {
            Some(Holder::System)
        } else {
            let services = BEGINNINGS.iter().any(|beginning| name.starts_with(beginning));
            services.then_some(Holder::Services)
        }
    }

    /// Whether a user of this name can be added, with a group of the same name.
    pub fn check_new(&self, name: &str) -> Result<(), NameError> {
        let mut bytes = name.bytes();
        let good = bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
            && name.len() <= NAME_MAX;
        if !good {
            return Err(NameError::Form(name.to_owned()));
        }
        match self.holder(name) {
            None => Ok(()),
            Some(holder) => Err(NameError::Taken {
                name: name.to_owned(),
                holder,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Accounts {
        Accounts::parse(
            "root:x:0:0:root:/root:/bin/bash\nsaned:x:110:112::/var/lib/saned:/usr/sbin/nologin\n\n",
            "root:x:0:\nscanner:x:111:saned\nsaned:x:112:\n#old:x:1:\n",
        )
    }

    #[test]
    fn names_of_the_image() {
        let image = image();
        assert_eq!(image.users, ["root", "saned"]);
        assert_eq!(image.groups, ["root", "scanner", "saned"]);
        for (name, holder) in [
            ("saned", Some(Holder::User)),
            ("scanner", Some(Holder::Group)),
            ("sudo", Some(Holder::System)),
            ("systemd-x", Some(Holder::Services)),
            ("anna", None),
            ("scanner2", None),
        ] {
            assert_eq!(image.holder(name), holder, "{name}");
        }
        assert_eq!(Accounts::default().holder("scanner"), None);
    }

    #[test]
    fn why_a_name_is_refused() {
        let refused = |name: &str| image().check_new(name).unwrap_err().to_string();
        assert_eq!(
            refused("scanner"),
            "'scanner' is a group of the system, and the user's own group has the user's name: take another"
        );
        assert_eq!(refused("saned"), "'saned' is a user of the system: take another");
        assert!(refused("Anna").starts_with("'Anna' is not a user name"));
        assert_eq!(image().check_new(&"a".repeat(32)), Ok(()));
        assert!(image().check_new(&"a".repeat(33)).is_err());
    }
}
