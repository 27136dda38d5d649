//! Stable names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The 64-bit number by which ZFS knows a pool, a vdev, a dataset or a snapshot for as long as it exists. It is a text of decimal
/// digits on the wire, since programs that read numbers of JSON as floating point would change it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Guid(pub u64);

/// A text that is no [`Guid`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseGuidError(String);

impl fmt::Display for ParseGuidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "'{}' is no GUID: a GUID of ZFS is a decimal number from 0 to 18446744073709551615",
            self.0
        )
    }
}

impl std::error::Error for ParseGuidError {}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guid({})", self.0)
    }
}

impl FromStr for Guid {
    type Err = ParseGuidError;

    fn from_str(text: &str) -> Result<Self, ParseGuidError> {
        // u64 takes a plus sign, which would give one GUID two texts.
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.map(Self).ok_or_else(|| ParseGuidError(text.to_owned()))
    }
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
mod schema {
    use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
    use utoipa::openapi::{RefOr, Schema};

    impl utoipa::PartialSchema for super::Guid {
        fn schema() -> RefOr<Schema> {
            let object = ObjectBuilder::new()
                .schema_type(SchemaType::new(Type::String))
                .pattern(Some("^[0-9]{1,20}$"))
                .description(Some(
                    "The 64-bit number of a pool, vdev, dataset or snapshot, in decimal digits.",
                ));
            RefOr::T(Schema::Object(object.build()))
        }
    }

    impl utoipa::ToSchema for super::Guid {}
}

/// What tells a disk from all others and stays with it: `wwn:` and its world-wide name; without one `serial:` and its model and serial
/// number; without those `path:` and where it is attached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct DiskId(pub String);

impl fmt::Display for DiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<&str> for DiskId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_text_and_keeps_all_its_bits() {
        let guid = Guid(u64::MAX);
        let text = serde_json::to_string(&guid).unwrap();
        assert_eq!(text, "\"18446744073709551615\"");
        assert_eq!(serde_json::from_str::<Guid>(&text).unwrap(), guid);
        for wrong in ["", "+1", "-1", "0x10", "18446744073709551616", "1 "] {
            assert_eq!(
                wrong.parse::<Guid>(),
                Err(ParseGuidError(wrong.to_owned())),
                "{wrong}"
            );
        }
        assert!(serde_json::from_str::<Guid>("1").is_err());
    }
}
