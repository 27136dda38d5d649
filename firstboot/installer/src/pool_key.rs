//! The key of an encrypted data pool: made once, kept in a file on the encrypted state, and shown on the recovery sheet.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use crate::answers::Secret;

/// The folder of the keys on the installed system. It survives a factory reset of settings and system.
const FOLDER: &str = "etc/sigmavault/keys";
/// Where random bytes come from; the kernel gives none before its generator is seeded (random(4)).
pub const RANDOM: &str = "/dev/random";
/// Bytes of a key for AES-256.
const BYTES: usize = 32;
/// Digits of a line of the sheet.
const LINE: usize = 16;
/// Digits of a line's check.
const CHECK: usize = 4;

/// A key and the pool that it opens. `Debug` does not show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolKey {
    /// Name of the pool.
    pub pool: String,
    digits: Secret,
}

impl PoolKey {
    /// A new one, of random bytes of the kernel.
    pub fn make(pool: &str) -> io::Result<Self> {
        let mut bytes = [0; BYTES];
        File::open(RANDOM)?.read_exact(&mut bytes)?;
        Ok(Self::of(pool, bytes))
    }

    /// Made of these bytes.
    pub fn of(pool: &str, bytes: [u8; BYTES]) -> Self {
        Self {
            pool: pool.to_owned(),
            digits: Secret(hexadecimal(&bytes)),
        }
    }

    /// Its 64 hexadecimal digits, as ZFS reads them from a file (`keyformat=hex`, zfsprops(7)).
    pub fn digits(&self) -> &Secret {
        &self.digits
    }

    /// The digits as they are written down: four lines of four groups, each with its check, the first four digits of the
    /// SHA-256 of the line's sixteen digits. `printf DIGITS | sha256sum` shows which line was mistyped.
    pub fn lines(&self) -> Vec<(String, String)> {
        let line = |digits: &[u8]| {
            let groups = digits.chunks(4).map(String::from_utf8_lossy);
            let mut check = hexadecimal(&Sha256::digest(digits));
            check.truncate(CHECK);
            (groups.collect::<Vec<_>>().join(" "), check)
        };
        self.digits.0.as_bytes().chunks(LINE).map(line).collect()
    }
}

/// The file with the key of this pool, below the root of the installed system.
pub fn file(pool: &str) -> PathBuf {
    PathBuf::from(FOLDER).join(format!("{pool}.key"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_checks() {
        let bytes: Vec<u8> = (0..32).collect();
        let key = PoolKey::of("tank", bytes.try_into().unwrap());
        assert_eq!(
            key.digits().0,
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        );
        // printf 0001020304050607 | sha256sum
        let expected = [
            ("0001 0203 0405 0607", "5e9b"),
            ("0809 0a0b 0c0d 0e0f", "b14b"),
            ("1011 1213 1415 1617", "df9e"),
            ("1819 1a1b 1c1d 1e1f", "6570"),
        ];
        assert_eq!(
            key.lines(),
            expected.map(|(line, check)| (line.to_owned(), check.to_owned()))
        );
        assert!(!format!("{key:?}").contains("0001"));
        assert_eq!(file("tank").to_str(), Some("etc/sigmavault/keys/tank.key"));
    }

    #[test]
    fn no_two_are_the_same() {
        let [one, other] = [(); 2].map(|()| PoolKey::make("tank").unwrap());
        assert_eq!(one.digits().0.len(), 64);
        assert_ne!(one, other);
    }
}
