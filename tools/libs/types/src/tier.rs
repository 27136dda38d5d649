//! Language model tiers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which language models a machine runs, from least to most demanding.
///
/// The order is meaningful: a profile bounds the choice with a least and a most demanding tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Tier {
    /// The smallest model: about 0.4 GB of weights.
    #[serde(rename = "draft-350m")]
    Draft350m,
    /// A ternary model of 7 to 8 billion parameters: about 2.3 GB of weights.
    #[serde(rename = "bitnet-7b")]
    Bitnet7b,
    /// [`Tier::Bitnet7b`] and a Mamba hybrid for long texts.
    #[serde(rename = "bitnet-7b+mamba")]
    Bitnet7bMamba,
}

impl Tier {
    /// Every tier, from least to most demanding.
    pub const ALL: [Self; 3] = [Self::Draft350m, Self::Bitnet7b, Self::Bitnet7bMamba];

    /// The name used in files, on the wire and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft350m => "draft-350m",
            Self::Bitnet7b => "bitnet-7b",
            Self::Bitnet7bMamba => "bitnet-7b+mamba",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An unknown tier; the message lists the known ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownTier(
    /// The name as it was given.
    pub String,
);

impl fmt::Display for UnknownTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "there is no model tier {:?}; use one of {}",
            self.0,
            Tier::ALL.map(Tier::name).join(", ")
        )
    }
}

impl std::error::Error for UnknownTier {}

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Self, UnknownTier> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.name() == text)
            .ok_or_else(|| UnknownTier(text.to_owned()))
    }
}

/// What decided the tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TierSource {
    /// Memory and processor, by the rule.
    Rule,
    /// The rule's answer lay outside what the image's profile allows.
    Profile,
    /// The administrator's setting in `/etc/sigmavault/ryzan.toml`.
    Override,
}

/// The tier that was chosen, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TierChoice {
    /// The tier to run.
    pub tier: Tier,
    /// What decided it.
    pub source: TierSource,
    /// Whether the administrator's setting decided.
    pub overridden: bool,
    /// What the hardware alone would have given.
    pub by_hardware: Tier,
    /// One sentence for the administrator.
    pub reason: String,
    /// Settings that were ignored and hardware that will be slow, one sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_json_and_text() {
        for (tier, name) in [
            (Tier::Draft350m, "draft-350m"),
            (Tier::Bitnet7b, "bitnet-7b"),
            (Tier::Bitnet7bMamba, "bitnet-7b+mamba"),
        ] {
            assert_eq!(tier.to_string(), name);
            assert_eq!(name.parse(), Ok(tier));
            assert_eq!(serde_json::to_string(&tier).unwrap(), format!("\"{name}\""));
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        assert_eq!(
            "bitnet".parse::<Tier>().unwrap_err().to_string(),
            "there is no model tier \"bitnet\"; use one of draft-350m, bitnet-7b, bitnet-7b+mamba"
        );
    }

    #[test]
    fn tiers_are_ordered_by_demand() {
        assert!(Tier::Draft350m < Tier::Bitnet7b && Tier::Bitnet7b < Tier::Bitnet7bMamba);
    }
}
