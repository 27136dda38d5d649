//! Public keys as sshd(8) of the image reads them in `authorized_keys`: label and data agree, and the data is a key
//! (RFC 4253, RFC 5656, RFC 8709, and OpenSSH's PROTOCOL.u2f).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The least bits of an RSA key.
const RSA_BITS: usize = 2048;
/// The most that OpenSSL takes.
const RSA_BITS_MAX: usize = 16384;

/// A type of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ed25519,
    Rsa,
    /// Its curve, and the bytes of a coordinate.
    Ecdsa(&'static str, usize),
    /// Ed25519 on a security key.
    SkEd25519,
    /// ECDSA on a security key.
    SkEcdsa,
}

/// The types that sshd accepts, by their names.
const KINDS: [(&str, Kind); 7] = [
    ("ssh-ed25519", Kind::Ed25519),
    ("ssh-rsa", Kind::Rsa),
    ("ecdsa-sha2-nistp256", Kind::Ecdsa("nistp256", 32)),
    ("ecdsa-sha2-nistp384", Kind::Ecdsa("nistp384", 48)),
    ("ecdsa-sha2-nistp521", Kind::Ecdsa("nistp521", 66)),
    ("sk-ssh-ed25519@openssh.com", Kind::SkEd25519),
    ("sk-ecdsa-sha2-nistp256@openssh.com", Kind::SkEcdsa),
];

/// Why nobody could log in with a key. It repeats no more of it than the name of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A private key.
    #[error(
        "is a private key, which nobody else should ever see: give the one line of the .pub file, and make a new key"
    )]
    Private,
    /// More than one line.
    #[error("has several lines: give each public key as an item of the list")]
    Lines,
    /// A control character.
    #[error("has a control character: give the one line of the .pub file as it is")]
    Control,
    /// Options before the type.
    #[error(
        "has options before the type of the key, which are not taken: give the key alone; options can be written to ~/.ssh/authorized_keys after the installation"
    )]
    Options,
    /// A certificate.
    #[error(
        "is a certificate, which sshd does not take as a key: give the one line of the .pub file of the key itself"
    )]
    Certificate,
    /// A type that sshd no longer takes.
    #[error("is a DSA key, which sshd no longer takes: make one with `ssh-keygen -t ed25519`")]
    Dsa,
    /// No known type.
    #[error(
        "does not begin with a key type that sshd takes ({}): give the one line of the .pub file",
        names()
    )]
    Type,
    /// No data behind the type.
    #[error("has nothing behind its type: give the one line of the .pub file")]
    NoData,
    /// The data is no base64.
    #[error("is cut off or changed (its data is not base64): copy the one line of the .pub file again")]
    Base64,
    /// The data ends too early, goes on too long, or is no key.
    #[error("is cut off or changed (its data is no {0} key): copy the one line of the .pub file again")]
    Data(&'static str),
    /// Label and data disagree.
    #[error(
        "says {label} and holds a key of another type ({data}): copy the one line of the .pub file again"
    )]
    Label {
        /// What it says.
        label: &'static str,
        /// What the data says.
        data: String,
    },
    /// An RSA key that is too weak.
    #[error("is an RSA key of {0} bits, fewer than {RSA_BITS}: make one with `ssh-keygen -t ed25519`")]
    Weak(usize),
    /// An RSA key that OpenSSL does not take.
    #[error("is an RSA key of {0} bits, more than {RSA_BITS_MAX}: make one with `ssh-keygen -t ed25519`")]
    Long(usize),
}

fn names() -> String {
    KINDS.map(|(name, _)| name).join(", ")
}

/// Whether somebody can log in with this key: a line of `authorized_keys` without options.
pub fn check(line: &str) -> Result<(), KeyError> {
    let line = line.trim();
    if line.contains("PRIVATE KEY") {
        return Err(KeyError::Private);
    }
    if line.contains(['\n', '\r']) {
        return Err(KeyError::Lines);
    }
    if line.contains(|letter: char| letter.is_control() && letter != '\t') {
        return Err(KeyError::Control);
    }
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let first = words.next().ok_or(KeyError::Type)?;
    let (label, kind) = KINDS
        .into_iter()
        .find(|(name, _)| *name == first)
        .ok_or_else(|| not_a_type(first, line))?;
    let coded = words.next().ok_or(KeyError::NoData)?;
    let data = STANDARD.decode(coded).map_err(|_| KeyError::Base64)?;
    holds(label, kind, &data)
}

fn not_a_type(first: &str, line: &str) -> KeyError {
    if first == "ssh-dss" {
        KeyError::Dsa
    } else if first.contains("-cert-v0") {
        KeyError::Certificate
    } else if KINDS
        .iter()
        .any(|(name, _)| line.split([' ', '\t']).skip(1).any(|word| word == *name))
    {
        KeyError::Options
    } else {
        KeyError::Type
    }
}

/// Whether data is a key of this type and nothing else.
fn holds(label: &'static str, kind: Kind, data: &[u8]) -> Result<(), KeyError> {
    let wrong = || KeyError::Data(label);
    let mut fields = Fields(data);
    let name = fields.next().ok_or_else(wrong)?;
    if name != label.as_bytes() {
        let printable = name.iter().all(u8::is_ascii_graphic) && (1..=64).contains(&name.len());
        return Err(match std::str::from_utf8(name) {
            Ok(data) if printable => KeyError::Label {
                label,
                data: data.to_owned(),
            },
            _ => wrong(),
        });
    }
    let good = match kind {
        Kind::Ed25519 => fields.next().is_some_and(|key| key.len() == 32),
        Kind::SkEd25519 => fields.next().is_some_and(|key| key.len() == 32) && fields.application(),
        Kind::Ecdsa(curve, bytes) => fields.point(curve, bytes),
        Kind::SkEcdsa => fields.point("nistp256", 32) && fields.application(),
        Kind::Rsa => {
            let exponent = fields.positive().ok_or_else(wrong)?;
            let modulus = fields.positive().ok_or_else(wrong)?;
            let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
            let length = bits(modulus);
            if length < RSA_BITS {
                return Err(KeyError::Weak(length));
            }
            if length > RSA_BITS_MAX {
                return Err(KeyError::Long(length));
            }
            odd(exponent) && bits(exponent) > 1 && odd(modulus)
        }
    };
    if good && fields.0.is_empty() {
        Ok(())
    } else {
        Err(wrong())
    }
}

fn bits(number: &[u8]) -> usize {
    let first = number.first().map_or(0, |byte| byte.leading_zeros());
    (number.len() * 8).saturating_sub(usize::try_from(first).unwrap_or_default())
}

/// The fields of a key: four bytes of length, then so many bytes.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (field, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }

    /// A positive number without needless zeros before it (RFC 4251, `mpint`), without the zero that its sign needs.
    fn positive(&mut self) -> Option<&'a [u8]> {
        match self.next()? {
            [0, number @ ..] if number.first().is_some_and(|byte| byte & 0x80 != 0) => Some(number),
            number if number.first().is_some_and(|byte| (1..0x80).contains(byte)) => Some(number),
            _ => None,
        }
    }

    /// A curve and a point on it, written out in full.
    fn point(&mut self, curve: &str, bytes: usize) -> bool {
        self.next() == Some(curve.as_bytes())
            && self
                .next()
                .is_some_and(|point| point.len() == 1 + 2 * bytes && point[0] == 4)
    }

    /// What a security key's key is for.
    fn application(&mut self) -> bool {
        self.next().is_some_and(|name| !name.is_empty())
    }
}

#[cfg(test)]
#[path = "ssh_key_tests.rs"]
mod tests;
