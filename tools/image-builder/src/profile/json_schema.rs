//! The JSON schema of profiles, from the table of keys: editors complete and check TOML files by it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::error::ProfileError;
use super::grammar::Kind;
use super::needed;
use super::schema::{Inherit, KEYS, Key, Shape};

/// Name of the schema's file beside the profiles.
pub const FILE: &str = "profile.schema.json";
/// The first line of a profile, by which the language server Taplo finds the schema.
pub const DIRECTIVE: &str = "#:schema ./profile.schema.json";

/// The schema as text.
pub fn text() -> Result<String, ProfileError> {
    Ok(serde_json::to_string_pretty(&sorted(schema()))? + "\n")
}

/// The same with the names of each object in their order: `serde_json` keeps another one when a program that it is compiled with asks
/// for that.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let entries: BTreeMap<String, Value> = map.into_iter().collect();
            entries
                .into_iter()
                .map(|(name, value)| (name, sorted(value)))
                .collect()
        }
        Value::Array(list) => list.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// JSON Schema draft 7, the newest that editors of TOML read.
fn schema() -> Value {
    let mut top = properties("");
    let mut sections: Vec<&str> = KEYS.iter().map(|key| key.section).collect();
    sections.dedup();
    for section in sections.into_iter().filter(|section| !section.is_empty()) {
        top.insert(section.to_owned(), object(&properties(section)));
    }
    let mut schema = object(&top);
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = "Hardware profile of SigmaVault NAS OS".into();
    // What is missing is told by `profiles check`: a parent may have it.
    schema["required"] = json!(["description"]);
    schema
}

fn object(properties: &Map<String, Value>) -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

fn properties(section: &str) -> Map<String, Value> {
    let keys = KEYS.iter().filter(|key| key.section == section);
    keys.map(|key| (key.name.to_owned(), property(key))).collect()
}

fn property(key: &Key) -> Value {
    let mut property = match key.shape {
        Shape::One => value(key.kind),
        Shape::Many => json!({"type": "array", "items": value(key.kind)}),
        Shape::OneOrMany => json!({"anyOf": [value(key.kind), {"type": "array", "items": value(key.kind)}]}),
    };
    let inherited = match key.inherit {
        Inherit::Own => " Not inherited.",
        Inherit::Replace => " Replaces the parent's.",
        Inherit::Append => " Added to the parent's.",
    };
    property["description"] = format!("{}{inherited}", key.about).into();
    property
}

/// What a value looks like. The reader of profiles says more: these patterns accept what it accepts, and refuse most of what it
/// refuses.
fn value(kind: Kind) -> Value {
    let pattern = |pattern: &str| json!({"type": "string", "pattern": pattern});
    match kind {
        Kind::Text => pattern("\\S"),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Number => json!({"type": "integer", "minimum": 1}),
        Kind::Choice(names) => json!({"type": "string", "enum": names}),
        Kind::Memory => pattern("^[0-9]+[MGT]$"),
        Kind::Profile => pattern("^[a-z][a-z0-9-]*$"),
        Kind::Package => pattern("^[a-z0-9][a-z0-9+.-]+(/[a-z0-9][a-z0-9-]*)?$"),
        Kind::RemovedPackage => {
            json!({"type": "string", "pattern": "^[a-z0-9][a-z0-9+.-]+$", "not": {"enum": needed::PACKAGES}})
        }
        Kind::Module => pattern("^[a-z0-9][a-z0-9_-]*$"),
        Kind::ModulePattern => pattern("^[A-Za-z0-9_.*?+-][A-Za-z0-9_./*?+-]*$"),
        Kind::RemovedPath => pattern("^(/[A-Za-z0-9._+@:*?-]+)+$"),
        Kind::Argument => pattern("^[!#-&(-~]+$"),
        Kind::Host => pattern("^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
        Kind::Word => pattern("^[!-~]+$"),
        Kind::Path => pattern("^(/[A-Za-z0-9._+@:-]+)+$"),
        Kind::DeviceTree => pattern("^([A-Za-z0-9_-]+/)*[A-Za-z0-9._,-]+\\.dtb(=[A-Za-z0-9._,-]+\\.dtb)?$"),
        Kind::HardwareId => pattern("^[a-z_-]+:[!-~]+$"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_committed_schema_is_the_programs() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../profiles")
            .join(FILE);
        let made = text().unwrap();
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&file, &made).unwrap();
        }
        assert!(
            std::fs::read_to_string(&file).unwrap_or_default() == made,
            "profiles/{FILE} differs from the keys of profiles; make it again: UPDATE_SCHEMA=1 cargo test -p \
             sigmavault-image-builder the_committed_schema"
        );
    }
}
