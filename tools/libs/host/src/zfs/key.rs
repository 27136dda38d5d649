//! Keys of encrypted datasets: zfs-load-key(8), -unload-key, -change-key. A key comes by standard input, from a descriptor, or
//! from a file: never as an argument, and never in the environment.

use super::command::{option, settings, zfs};
use crate::run::Invocation;

/// Where a key comes from.
#[derive(Clone, Copy, Default)]
pub enum Key<'a> {
    /// These bytes: a passphrase, 64 hexadecimal digits, or 32 raw bytes, as the dataset's `keyformat` says.
    Bytes(&'a [u8]),
    /// The dataset's own `keylocation`, which is a file or a server.
    #[default]
    Location,
}

impl Key<'_> {
    /// A call that reads this key from its standard input, when it is bytes.
    pub(crate) fn given_to(self, invocation: Invocation) -> Invocation {
        match self {
            Self::Bytes(bytes) => invocation.secret_input(bytes),
            Self::Location => invocation,
        }
    }
}

impl std::fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes(<secret>)",
            Self::Location => "Location",
        })
    }
}

/// Loads the key of an encryption root. With `check_only`, says whether it is the right one; the dataset may be open.
pub fn load(root: &str, key: Key<'_>, check_only: bool) -> Invocation {
    let load = zfs("load-key").args(option(check_only, "-n"));
    match key {
        // A file's name goes for every format; `prompt` reads one line, which a raw key need not be.
        Key::Bytes(bytes) => load
            .args(["-L", "file:///dev/stdin", "--", root])
            .secret_input(bytes),
        Key::Location => load.args(["--", root]),
    }
}

/// Unloads the key of an encryption root; with `recursive`, of those below it too. Its file systems are unmounted before.
pub fn unload(root: &str, recursive: bool) -> Invocation {
    zfs("unload-key").args(option(recursive, "-r")).args(["--", root])
}

/// Changes the key of an encryption root, or makes a dataset one. Its key is loaded. Properties are `keyformat`,
/// `keylocation` and `pbkdf2iters`; with [`Key::Bytes`], `keylocation` is `prompt` afterwards.
pub fn change(root: &str, properties: &[(&str, &str)], key: Key<'_>) -> Invocation {
    let change = zfs("change-key").args(settings(properties));
    match key {
        Key::Bytes(bytes) => change
            .args(["-o", "keylocation=prompt", "--", root])
            .secret_input(bytes),
        Key::Location => change.args(["--", root]),
    }
}

/// Lets a dataset inherit the key of the one above it.
pub fn inherit(dataset: &str) -> Invocation {
    zfs("change-key").args(["-i", "--", dataset])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let secret = Key::Bytes(b"correct horse");
        for (invocation, line, input) in [
            (
                load("tank/diary", secret, false),
                "load-key -L file:///dev/stdin -- tank/diary",
                &b"correct horse"[..],
            ),
            (load("-a", Key::Location, true), "load-key -n -- -a", b""),
            (unload("tank", true), "unload-key -r -- tank", b""),
            (
                change("tank", &[("keyformat", "passphrase")], secret),
                "change-key -o keyformat=passphrase -o keylocation=prompt -- tank",
                b"correct horse",
            ),
            (inherit("tank/a"), "change-key -i -- tank/a", b""),
        ] {
            assert_eq!(invocation.quoted(), format!("zfs {line}"));
            assert_eq!(invocation.standard_input().bytes(), input);
        }
        assert_eq!(format!("{secret:?}"), "Bytes(<secret>)");
    }
}
