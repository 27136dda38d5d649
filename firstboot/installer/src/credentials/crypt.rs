//! Password hashes as crypt(5) writes them: the methods that libxcrypt uses for new passwords, with the exact length
//! and alphabet of their parts. A hash that crypt(3) can never give matches no password, so that nobody can log in.

use std::fmt;

/// The alphabet of crypt(5), in the order of its values.
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The alphabet of bcrypt, in the order of its values.
const BCRYPT: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// The longest salt of yescrypt and scrypt.
const SALT_MAX: usize = 86;

/// A method of hashing passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `$y$`.
    Yescrypt,
    /// `$gy$`.
    GostYescrypt,
    /// `$7$`.
    Scrypt,
    /// `$2b$`, `$2a$` and `$2y$`.
    Bcrypt,
    /// `$6$`.
    Sha512,
    /// `$5$`.
    Sha256,
}

/// The methods by their prefixes.
const PREFIXES: [(&str, Method); 8] = [
    ("$y$", Method::Yescrypt),
    ("$gy$", Method::GostYescrypt),
    ("$7$", Method::Scrypt),
    ("$2b$", Method::Bcrypt),
    ("$2a$", Method::Bcrypt),
    ("$2y$", Method::Bcrypt),
    ("$6$", Method::Sha512),
    ("$5$", Method::Sha256),
];

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yescrypt => "yescrypt",
            Self::GostYescrypt => "gost-yescrypt",
            Self::Scrypt => "scrypt",
            Self::Bcrypt => "bcrypt",
            Self::Sha512 => "sha512crypt",
            Self::Sha256 => "sha256crypt",
        })
    }
}

/// Why no password matches a hash. It never repeats the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// No known prefix.
    #[error(
        "is not a hash as crypt(5) writes it; one begins with $y$, $gy$, $7$, $2b$, $6$ or $5$; make one with `mkpasswd`"
    )]
    Unknown,
    /// A mark that locks an account.
    #[error("locks the account ('!' or '*' stands where the hash begins): give the hash alone")]
    Locked,
    /// A method that is broken.
    #[error("is of a method that is no longer safe (DES, MD5 or SHA-1); make one with `mkpasswd`")]
    Weak,
    /// The parameters.
    #[error("is no {0} hash: its parameters, behind the method, are wrong or missing; copy all of it")]
    Parameters(Method),
    /// The salt.
    #[error("is no {0} hash: its salt is empty, too long, or has wrong characters; copy all of it")]
    Salt(Method),
    /// The length of the sum.
    #[error("is no {method} hash: its last part has {found} characters, not {expected}; copy all of it")]
    Length {
        /// The method.
        method: Method,
        /// Characters that it has.
        found: usize,
        /// Characters that it must have.
        expected: usize,
    },
    /// The letters of the sum.
    #[error("is no {0} hash: its last part has characters that the method never writes; copy it again")]
    Sum(Method),
}

/// Whether a password can match this hash.
pub fn check(hash: &str) -> Result<Method, HashError> {
    let (rest, method) = PREFIXES
        .iter()
        .find_map(|(prefix, method)| Some((hash.strip_prefix(prefix)?, *method)))
        .ok_or_else(|| unknown(hash))?;
    match method {
        Method::Yescrypt | Method::GostYescrypt => yescrypt(method, rest),
        Method::Scrypt => scrypt(rest),
        Method::Bcrypt => bcrypt(rest),
        Method::Sha512 => sha(method, rest, 86, 3),
        Method::Sha256 => sha(method, rest, 43, 15),
    }?;
    Ok(method)
}

fn unknown(hash: &str) -> HashError {
    let des = hash.len() == 13 && values(hash, ALPHABET).is_some();
    if hash.starts_with(['!', '*']) {
        HashError::Locked
    } else if des
        || ["$1$", "$md5", "$sha1$", "$3$", "_"]
            .iter()
            .any(|weak| hash.starts_with(weak))
    {
        HashError::Weak
    } else {
        HashError::Unknown
    }
}

/// `PARAMETERS$SALT$SUM`.
fn yescrypt(method: Method, rest: &str) -> Result<(), HashError> {
    let (parameters, rest) = rest.split_once('$').ok_or(HashError::Parameters(method))?;
    let (salt, text) = rest.split_once('$').ok_or(HashError::Salt(method))?;
    values(parameters, ALPHABET)
        .and_then(|values| yescrypt_parameters(&values))
        .ok_or(HashError::Parameters(method))?;
    let salt = values(salt, ALPHABET).ok_or(HashError::Salt(method))?;
    if salt.is_empty() || salt.len() > SALT_MAX || !whole_bytes(&salt) {
        return Err(HashError::Salt(method));
    }
    // 256 bits in letters of 6, the lowest first: the last letter has 4.
    sum(method, text, 43, ALPHABET, |last| last <= 15)
}

/// Flavour, cost and block size; then threads and time, where a mask says so (`yescrypt_r` in yescrypt). What needs a
/// ROM, or flavours that libxcrypt was built without, gives no hash.
fn yescrypt_parameters(values: &[u8]) -> Option<()> {
    let (flavour, rest) = number(values, 0)?;
    let (cost, rest) = number(rest, 1)?;
    let (_, mut rest) = number(rest, 1)?;
    if ![0, 1, 47].contains(&flavour) || !(2..=31).contains(&cost) {
        return None;
    }
    if !rest.is_empty() {
        let (mask, behind) = number(rest, 1)?;
        rest = behind;
        if mask > 3 {
            return None;
        }
        for (bit, least) in [(1, 2), (2, 1)] {
            if mask & bit != 0 {
                rest = number(rest, least)?.1;
            }
        }
    }
    rest.is_empty().then_some(())
}

/// A number of variable length (`decode64_uint32` in yescrypt), and what stands behind it.
fn number(values: &[u8], least: u32) -> Option<(u32, &[u8])> {
    let (first, mut rest) = values.split_first()?;
    let first = u32::from(*first);
    let (mut start, mut end, mut more, mut bits, mut value) = (0_u32, 47_u32, 0_u32, 0_u32, least);
    while first > end {
        value += (end + 1 - start) << bits;
        start = end + 1;
        end = start + (62 - end) / 2;
        more += 1;
        bits += 6;
    }
    value += (first - start) << bits;
    for _ in 0..more {
        let (next, behind) = rest.split_first()?;
        rest = behind;
        bits -= 6;
        value += u32::from(*next) << bits;
    }
    Some((value, rest))
}

/// Whether letters of 6 bits, the lowest first, hold whole bytes, four letters for three of them (`decode64` in
/// yescrypt).
fn whole_bytes(values: &[u8]) -> bool {
    match values.chunks(4).next_back() {
        Some(&[_, second]) => second < 4,
        Some(&[_, _, third]) => third < 16,
        Some([_]) => false,
        Some(_) | None => true,
    }
}

/// One letter for the cost, five for the block size, five for the threads, then the salt: `PARAMETERS SALT$SUM`.
fn scrypt(rest: &str) -> Result<(), HashError> {
    let method = Method::Scrypt;
    let (settings, text) = rest.split_once('$').ok_or(HashError::Salt(method))?;
    let settings = values(settings, ALPHABET).ok_or(HashError::Salt(method))?;
    let (parameters, salt) = settings
        .split_at_checked(11)
        .ok_or(HashError::Parameters(method))?;
    let nothing = |part: &[u8]| part.iter().all(|value| *value == 0);
    if parameters[0] == 0 || nothing(&parameters[1..6]) || nothing(&parameters[6..]) {
        return Err(HashError::Parameters(method));
    }
    if salt.is_empty() || salt.len() > SALT_MAX {
        return Err(HashError::Salt(method));
    }
    sum(method, text, 43, ALPHABET, |last| last <= 15)
}

/// `COST$` and 22 letters of salt with 31 of the sum behind them.
fn bcrypt(rest: &str) -> Result<(), HashError> {
    let method = Method::Bcrypt;
    let (cost, rest) = rest.split_once('$').ok_or(HashError::Parameters(method))?;
    let digits = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || !cost.parse::<u8>().is_ok_and(|cost| (4..=31).contains(&cost)) {
        return Err(HashError::Parameters(method));
    }
    let (salt, text) = rest.split_at_checked(22).ok_or(HashError::Salt(method))?;
    // 128 bits in letters of 6, the highest first: the last letter has 2 of them, and crypt(3) writes it so.
    let salt = values(salt, BCRYPT).ok_or(HashError::Salt(method))?;
    if salt.last().is_none_or(|last| !last.is_multiple_of(16)) {
        return Err(HashError::Salt(method));
    }
    sum(method, text, 31, BCRYPT, |last| last.is_multiple_of(4))
}

/// `SALT$SUM`, or `rounds=NUMBER$SALT$SUM`. `most` is the highest value of the sum's last letter.
fn sha(method: Method, rest: &str, length: usize, most: u8) -> Result<(), HashError> {
    let rest = match rest.strip_prefix("rounds=") {
        None => rest,
        Some(rest) => {
            let (rounds, rest) = rest.split_once('$').ok_or(HashError::Parameters(method))?;
            let plain = !rounds.starts_with('0') && rounds.bytes().all(|byte| byte.is_ascii_digit());
            match rounds.parse::<u32>() {
                Ok(rounds) if plain && (1000..=999_999_999).contains(&rounds) => rest,
                _ => return Err(HashError::Parameters(method)),
            }
        }
    };
    let (salt, text) = rest.split_once('$').ok_or(HashError::Salt(method))?;
    // A longer one is cut off by crypt(3), so that its result is another text.
    let letters = salt
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b":;*!\\".contains(&byte));
    if !(1..=16).contains(&salt.len()) || !letters {
        return Err(HashError::Salt(method));
    }
    sum(method, text, length, ALPHABET, |last| last <= most)
}

/// The last part: its length, its letters, and what its last letter may be.
fn sum(
    method: Method,
    text: &str,
    expected: usize,
    alphabet: &[u8; 64],
    last: impl Fn(u8) -> bool,
) -> Result<(), HashError> {
    let found = text.chars().count();
    if found != expected {
        return Err(HashError::Length {
            method,
            found,
            expected,
        });
    }
    let values = values(text, alphabet).ok_or(HashError::Sum(method))?;
    if values.last().copied().is_some_and(last) {
        Ok(())
    } else {
        Err(HashError::Sum(method))
    }
}

/// The values of letters of an alphabet; none when one is not of it.
fn values(text: &str, alphabet: &[u8; 64]) -> Option<Vec<u8>> {
    let value = |byte: u8| {
        let place = alphabet.iter().position(|letter| *letter == byte)?;
        u8::try_from(place).ok()
    };
    text.bytes().map(value).collect()
}

#[cfg(test)]
#[path = "crypt_tests.rs"]
mod tests;
