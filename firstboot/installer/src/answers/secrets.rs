//! The text of answers without its secrets.

use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::schema::schema;

/// How the schema refers to a secret.
const SECRET: &str = "#/$defs/Secret";

/// The pieces of an answer file between its secrets. A text that is no answer file is one piece.
pub fn without_secrets(text: &str) -> Vec<&str> {
    let mut secrets = secrets(text);
    secrets.sort_by_key(|secret| secret.span.start);
    let ends = secrets.iter().map(|secret| secret.span.start).chain([text.len()]);
    let starts = [0]
        .into_iter()
        .chain(secrets.iter().map(|secret| secret.span.end));
    starts
        .zip(ends)
        .filter_map(|(start, end)| text.get(start..end))
        .collect()
}

/// The keys of the secrets that stand in an answer file as they are typed; a hash is none of them.
pub fn typed_secrets(text: &str) -> Vec<String> {
    let keys = secrets(text).into_iter().map(|secret| secret.key);
    keys.filter(|key| !key.ends_with(HASH)).collect()
}

/// How the keys of hashes end.
const HASH: &str = "-hash";

/// A secret in a text.
struct Found {
    key: String,
    span: Range<usize>,
}

/// The secrets of an answer file. A text that is no answer file has none.
fn secrets(text: &str) -> Vec<Found> {
    let root = schema();
    let mut secrets = Vec::new();
    if let Ok(document) = DeTable::parse(text) {
        collect(document.get_ref(), &root, &root, "", &mut secrets);
    }
    secrets
}

fn collect(table: &DeTable<'_>, schema: &Value, root: &Value, path: &str, secrets: &mut Vec<Found>) {
    for (name, value) in table {
        let name = name.get_ref().as_ref();
        let key = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        };
        value_of(value, &schema["properties"][name], root, &key, secrets);
    }
}

fn value_of(value: &Spanned<DeValue<'_>>, schema: &Value, root: &Value, key: &str, secrets: &mut Vec<Found>) {
    let reference = schema["$ref"].as_str();
    if reference == Some(SECRET) {
        secrets.push(Found {
            key: key.to_owned(),
            span: value.span(),
        });
        return;
    }
    let schema = reference
        .and_then(|path| root.pointer(path.strip_prefix('#')?))
        .unwrap_or(schema);
    match value.get_ref() {
        DeValue::Table(table) => collect(table, schema, root, key, secrets),
        DeValue::Array(items) => items
            .iter()
            .for_each(|item| value_of(item, &schema["items"], root, key, secrets)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_cut_out_wherever_they_are_written() {
        let text = "user.password = '''\nsecret-1'''\nencryption = { passphrase = \"secret-2\", tpm2 = true }\n\
                    [system]\ndisk.serial = 'S1'\n";
        assert_eq!(
            without_secrets(text).concat(),
            "user.password = \nencryption = { passphrase = , tpm2 = true }\n[system]\ndisk.serial = 'S1'\n"
        );
        let text = "[user]\nname = 'ada'\npassword-hash = '$y$secret'\n";
        assert_eq!(
            without_secrets(text).concat(),
            "[user]\nname = 'ada'\npassword-hash = \n"
        );
        assert_eq!(typed_secrets(text), [""; 0]);
        let text =
            "encryption = { passphrase = 'a', tpm-pin = 'b' }\n[user]\npassword = 'c'\npassword-hash = 'd'\n";
        let mut keys = typed_secrets(text);
        keys.sort();
        assert_eq!(
            keys,
            ["encryption.passphrase", "encryption.tpm-pin", "user.password"]
        );
        assert_eq!(without_secrets("not = an = answer\n"), ["not = an = answer\n"]);
    }
}
