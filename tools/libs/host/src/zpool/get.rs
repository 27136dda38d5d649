//! Properties of pools: zpool-get(8), zpoolprops(7).

use serde::Deserialize;

use super::command::zpool;
use crate::property::Properties;
use crate::run::Invocation;
use crate::{ParseError, json};

/// Asks for properties of a pool; `all` is a name for all of them, those of features included.
pub fn get(pool: &str, properties: &[&str]) -> Invocation {
    zpool("get")
        .args(["-j", "-p"])
        .arg(properties.join(","))
        .args(["--", pool])
}

/// Sets a property of a pool (zpool-set(8)).
pub fn set(pool: &str, property: &str, value: &str) -> Invocation {
    zpool("set").arg(format!("{property}={value}")).arg(pool)
}

/// The properties of pools, by their names, that [`get`] printed.
pub fn parse(text: &str) -> Result<Vec<(String, Properties)>, ParseError> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default, deserialize_with = "json::members")]
        pools: Vec<(String, Printed)>,
    }
    #[derive(Deserialize)]
    struct Printed {
        #[serde(default)]
        properties: Properties,
    }
    let answer: Answer = json::parse("zpool", text)?;
    let pools = answer.pools.into_iter();
    Ok(pools.map(|(name, pool)| (name, pool.properties)).collect())
}
