//! Keys of encrypted datasets that are loaded from files when the machine starts.

use std::path::{Path, PathBuf};

use crate::run::Invocation;

/// What the location of a key in a file begins with.
const FILE: &str = "file://";

/// Lists every file system and volume of the imported pools with what is known of its key.
pub fn list_keys() -> Invocation {
    Invocation::new("zfs")
        .args(["list", "-H", "-t", "filesystem,volume"])
        .args(["-o", "name,encryptionroot,keylocation,keystatus"])
}

/// A file system or volume with a key of its own, which opens what lies below it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionRoot {
    /// Name, that of the pool first.
    pub name: String,
    /// The file that its key is loaded from; none when somebody types the key, or a server gives it.
    pub key_file: Option<PathBuf>,
    /// Whether its key is loaded.
    pub loaded: bool,
}

impl EncryptionRoot {
    /// The pool that it is in.
    pub fn pool(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }
}

/// The encryption roots among what [`list_keys`] printed.
pub fn parse_keys(text: &str) -> Vec<EncryptionRoot> {
    let root = |line: &str| {
        let mut words = line.split('\t');
        let (name, root, location, status) = (words.next()?, words.next()?, words.next()?, words.next()?);
        (!name.is_empty() && name == root).then(|| EncryptionRoot {
            name: name.to_owned(),
            key_file: location.strip_prefix(FILE).map(PathBuf::from),
            loaded: status == "available",
        })
    };
    text.lines().filter_map(root).collect()
}

/// Loads a key from where it is said to be.
pub fn load_key(root: &str) -> Invocation {
    Invocation::new("zfs").args(["load-key", root])
}

/// Says in which file the key is from now on.
pub fn set_key_file(root: &str, file: &Path) -> Invocation {
    Invocation::new("zfs")
        .arg("set")
        .arg(format!("keylocation={}", location(file)))
        .arg(root)
}

/// The value of `keylocation` (zfsprops(7)) for a key in a file; its path is absolute.
pub fn location(file: &Path) -> String {
    format!("{FILE}{}", file.display())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn roots_and_not_what_inherits() {
        let text = "tank\ttank\tfile:///etc/sigmavault/keys/tank.key\tavailable\n\
            tank/photos\ttank\tnone\tavailable\n\
            tank/diary\ttank/diary\tprompt\tunavailable\n\
            plain\t-\tnone\t-\n\
            \n";
        let root = |name: &str, key_file: Option<&str>, loaded| EncryptionRoot {
            name: name.to_owned(),
            key_file: key_file.map(PathBuf::from),
            loaded,
        };
        let found = parse_keys(text);
        assert_eq!(
            found,
            [
                root("tank", Some("/etc/sigmavault/keys/tank.key"), true),
                root("tank/diary", None, false),
            ]
        );
        assert_eq!(found[1].pool(), "tank");
    }

    #[test]
    fn invocations() {
        assert_eq!(
            list_keys().quoted(),
            "zfs list -H -t filesystem,volume -o name,encryptionroot,keylocation,keystatus"
        );
        assert_eq!(load_key("tank").quoted(), "zfs load-key tank");
        assert_eq!(
            set_key_file("tank", Path::new("/etc/keys/tank.key")).quoted(),
            "zfs set keylocation=file:///etc/keys/tank.key tank"
        );
    }

    proptest! {
        #[test]
        fn no_output_panics(text in "(\t|file://|tank|-|available|\\PC|\n){0,40}") {
            let _ = parse_keys(&text);
        }
    }
}
