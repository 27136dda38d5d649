//! The digest of a plan.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sigmavault_types::storage::Plan;

/// What stands before the plan, so that no other signed or approved text can be taken for one.
const DOMAIN: &[u8] = b"sigmavault-plan-v1\0";

/// SHA-256 over `sigmavault-plan-v1`, a zero byte, and the plan as canonical JSON (RFC 8785). A text of 64 hexadecimal digits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// A text that is no [`Digest`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no digest of a plan: it has 64 hexadecimal digits in lower case")]
pub struct ParseDigestError(String);

/// A plan that cannot be written as canonical JSON.
#[derive(Debug, thiserror::Error)]
#[error("the plan cannot be written as canonical JSON: {0}")]
pub struct DigestError(#[from] serde_json::Error);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = ParseDigestError;

    fn try_from(text: String) -> Result<Self, ParseDigestError> {
        let mut bytes = [0; 32];
        let good = text.len() == 64 && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
        for (at, byte) in bytes.iter_mut().enumerate() {
            match text
                .get(2 * at..2 * at + 2)
                .map(|pair| u8::from_str_radix(pair, 16))
            {
                Some(Ok(value)) if good => *byte = value,
                _ => return Err(ParseDigestError(text)),
            }
        }
        Ok(Self(bytes))
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        text.to_owned().try_into()
    }
}

/// The digest of a plan.
pub fn digest(plan: &Plan) -> Result<Digest, DigestError> {
    let json = serde_json_canonicalizer::to_vec(plan)?;
    let mut sum = Sha256::new();
    sum.update(DOMAIN);
    sum.update(json);
    Ok(Digest(sum.finalize().into()))
}

#[cfg(test)]
mod tests {
    use sigmavault_types::storage::{Guid, Plan, Request, Risk, Scrub};

    use super::*;

    fn plan() -> Plan {
        Plan {
            version: 1,
            request: Request::PoolScrub {
                pool: Guid(u64::MAX),
                scrub: Scrub::Start,
            },
            risk: Risk::Harmless,
            steps: Vec::new(),
            changes: Vec::new(),
            touches: Vec::new(),
            loses: Vec::new(),
            space: Vec::new(),
            warnings: Vec::new(),
            confirm: None,
            at_console: false,
            made: 1_764_590_000,
        }
    }

    /// The expected value was computed by hand from the text:
    /// `printf 'sigmavault-plan-v1\0{"at_console":false,...}' | sha256sum`.
    #[test]
    fn a_digest_is_that_of_the_canonical_text() {
        let text = r#"{"at_console":false,"changes":[],"confirm":null,"loses":[],"made":1764590000,"request":{"operation":"pool-scrub","pool":"18446744073709551615","scrub":"start"},"risk":"R1","space":[],"steps":[],"touches":[],"version":1,"warnings":[]}"#;
        assert_eq!(
            serde_json_canonicalizer::to_string(&plan()).unwrap(),
            text,
            "canonical JSON"
        );
        let expected = Sha256::digest([DOMAIN, text.as_bytes()].concat());
        assert_eq!(digest(&plan()).unwrap(), Digest(expected.into()));
    }

    #[test]
    fn one_changed_value_changes_it() {
        let mut other = plan();
        other.confirm = Some("tank".to_owned());
        assert_ne!(digest(&other).unwrap(), digest(&plan()).unwrap());
    }

    #[test]
    fn its_text_is_read_back() {
        let digest = digest(&plan()).unwrap();
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for wrong in [
            "",
            "0",
            &"g".repeat(64),
            &"A".repeat(64),
            &"0".repeat(65),
            &"é".repeat(32),
        ] {
            assert_eq!(wrong.parse::<Digest>(), Err(ParseDigestError(wrong.to_owned())));
        }
    }
}
