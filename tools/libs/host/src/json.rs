//! Reading the JSON that zpool(8) and zfs(8) print with `-j`.
//!
//! It is version 0.1 of their schema. Numbers come as numbers or, without `--json-int` and in places with it, as
//! strings; what is not known is `"-"`. Objects keep their order, which is that of the vdevs and datasets.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::ParseError;

/// The major version of the schema that is read here.
const MAJOR: u64 = 0;

/// Reads the answer of `program`.
pub fn parse<T: DeserializeOwned>(program: &'static str, text: &str) -> Result<T, ParseError> {
    #[derive(Deserialize)]
    struct Answer {
        output_version: Version,
    }
    #[derive(Deserialize)]
    struct Version {
        vers_major: u64,
    }
    let wrong = |reason: String| ParseError { program, reason };
    let answer: Answer = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let major = answer.output_version.vers_major;
    if major != MAJOR {
        return Err(wrong(format!(
            "version {major} of its JSON, of which only {MAJOR} is known"
        )));
    }
    serde_json::from_str(text).map_err(|error| wrong(error.to_string()))
}

/// A scalar as text: numbers in decimal, all 64 bits of them.
pub fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text,
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    })
}

/// A number, or a string with one; none for `-`.
pub fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let text = text(from)?;
    if matches!(text.as_str(), "-" | "" | "none") {
        return Ok(None);
    }
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(D::Error::custom(format_args!("{text:?} is no whole number"))),
    }
}

/// A number that is 0 where none is printed.
pub fn count<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    Ok(number(from)?.unwrap_or(0))
}

/// A flag, printed as itself, as a number or as a word.
pub fn truth<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(!matches!(
        text(from)?.as_str(),
        "0" | "false" | "off" | "no" | "-" | ""
    ))
}

/// Unix seconds; none for 0, which ZFS prints for what has not happened.
pub fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    Ok(number(from)?.filter(|time| *time != 0))
}

/// The members of an object in their order.
pub fn members<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Vec<(String, T)>, D::Error> {
    struct Members<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
        type Value = Vec<(String, T)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    from.deserialize_map(Members(PhantomData))
}

/// The values of an object in their order.
pub fn values<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(members(from)?.into_iter().map(|(_, value)| value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Answer {
        #[serde(deserialize_with = "members")]
        pools: Vec<(String, Pool)>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Pool {
        #[serde(deserialize_with = "number")]
        guid: Option<u64>,
    }

    fn answer(pools: &str) -> Result<Answer, String> {
        let text = format!(r#"{{"output_version": {{"vers_major": 0, "vers_minor": 1}}, "pools": {pools}}}"#);
        parse("zpool", &text).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_and_order() {
        let read = answer(r#"{"b": {"guid": 18446744073709551615}, "a": {"guid": "7"}, "c": {"guid": "-"}}"#);
        let pools: Vec<(String, Option<u64>)> = read
            .unwrap()
            .pools
            .into_iter()
            .map(|(name, pool)| (name, pool.guid))
            .collect();
        assert_eq!(
            pools,
            [
                ("b".to_owned(), Some(u64::MAX)),
                ("a".to_owned(), Some(7)),
                ("c".to_owned(), None)
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = answer(r#"{"a": {"guid": "2.81G"}}"#).unwrap_err();
        assert_eq!(
            error,
            "zpool printed something unexpected: \"2.81G\" is no whole number at line 1 column 87"
        );
        let other = r#"{"output_version": {"vers_major": 1}}"#;
        assert_eq!(
            parse::<Answer>("zpool", other).unwrap_err().to_string(),
            "zpool printed something unexpected: version 1 of its JSON, of which only 0 is known"
        );
    }
}
