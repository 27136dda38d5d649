//! Properties of pools and datasets (zpoolprops(7), zfsprops(7)), as `-j` prints them.

use serde::Deserialize;

use crate::json;

/// The value of a property, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Property {
    /// The value: numbers in decimal when exact ones were asked for (`-p`), `-` where there is none.
    #[serde(deserialize_with = "json::text")]
    pub value: String,
    /// Where it comes from.
    #[serde(default)]
    pub source: Source,
}

impl Property {
    /// The value; none for `-`.
    pub fn text(&self) -> Option<&str> {
        Some(self.value.as_str()).filter(|value| *value != "-")
    }

    /// The value as a number; none where it is not one, as `none` is for a quota.
    pub fn number(&self) -> Option<u64> {
        self.value.parse().ok()
    }

    /// Whether the value is `on`, `yes` or `1`; none where it is none of these or their opposites.
    pub fn flag(&self) -> Option<bool> {
        match self.value.as_str() {
            "on" | "yes" | "1" => Some(true),
            "off" | "no" | "0" => Some(false),
            _ => None,
        }
    }

    /// A ratio with two decimals, such as `1.53` or `1.53x`, in hundredths.
    pub fn hundredths(&self) -> Option<u64> {
        let (whole, part) = self.value.trim_end_matches('x').split_once('.')?;
        let (whole, part): (u64, u64) = match part.len() {
            1 => (whole.parse().ok()?, part.parse::<u64>().ok()? * 10),
            2 => (whole.parse().ok()?, part.parse().ok()?),
            _ => return None,
        };
        whole.checked_mul(100)?.checked_add(part)
    }
}

/// Where the value of a property comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Printed")]
pub enum Source {
    /// It is no setting, but a fact.
    #[default]
    Fact,
    /// Nobody has set it.
    Default,
    /// It was set here.
    Local,
    /// It was set by an option of the mount, until the next one.
    Temporary,
    /// It was set on the dataset of this name, above.
    Inherited(String),
    /// It came with a received stream.
    Received,
}

#[derive(Deserialize)]
struct Printed {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: String,
}

impl From<Printed> for Source {
    fn from(printed: Printed) -> Self {
        match printed.kind.as_str() {
            "DEFAULT" => Self::Default,
            "LOCAL" => Self::Local,
            "TEMPORARY" => Self::Temporary,
            "INHERITED" => Self::Inherited(printed.data),
            "RECEIVED" => Self::Received,
            _ => Self::Fact,
        }
    }
}

/// Properties in the order in which they were printed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Properties(#[serde(deserialize_with = "json::members")] pub Vec<(String, Property)>);

impl Properties {
    /// The property of this name.
    pub fn get(&self, name: &str) -> Option<&Property> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// The text of a property; none where it was not printed or is `-`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.text()
    }

    /// A property as a number; none where it was not printed or is no number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.number()
    }

    /// A property as a flag; none where it was not printed or is none.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name)?.flag()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_of_a_value() {
        let property = |value: &str| Property {
            value: value.to_owned(),
            source: Source::Fact,
        };
        for (value, text, number, flag, hundredths) in [
            ("-", None, None, None, None),
            ("none", Some("none"), None, None, None),
            (
                "18446744073709551615",
                Some("18446744073709551615"),
                Some(u64::MAX),
                None,
                None,
            ),
            ("on", Some("on"), None, Some(true), None),
            ("0", Some("0"), Some(0), Some(false), None),
            ("1.00", Some("1.00"), None, None, Some(100)),
            ("12.5x", Some("12.5x"), None, None, Some(1250)),
            (
                "184467440737095516.16",
                Some("184467440737095516.16"),
                None,
                None,
                None,
            ),
        ] {
            let read = property(value);
            assert_eq!(
                (read.text(), read.number(), read.flag(), read.hundredths()),
                (text, number, flag, hundredths),
                "{value}"
            );
        }
    }
}
