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
    let root = schema();
    let mut secrets = Vec::new();
    if let Ok(document) = DeTable::parse(text) {
        collect(document.get_ref(), &root, &root, &mut secrets);
    }
    secrets.sort_by_key(|span| span.start);
    let ends = secrets.iter().map(|span| span.start).chain([text.len()]);
    let starts = [0].into_iter().chain(secrets.iter().map(|span| span.end));
    starts
        .zip(ends)
        .filter_map(|(start, end)| text.get(start..end))
        .collect()
}

/// Where the secrets of a table are in the text.
fn collect(table: &DeTable<'_>, schema: &Value, root: &Value, secrets: &mut Vec<Range<usize>>) {
    for (name, value) in table {
        let schema = &schema["properties"][name.get_ref().as_ref()];
        value_of(value, schema, root, secrets);
    }
}

fn value_of(value: &Spanned<DeValue<'_>>, schema: &Value, root: &Value, secrets: &mut Vec<Range<usize>>) {
    let reference = schema["$ref"].as_str();
    if reference == Some(SECRET) {
        secrets.push(value.span());
        return;
    }
    let schema = reference
        .and_then(|path| root.pointer(path.strip_prefix('#')?))
        .unwrap_or(schema);
    match value.get_ref() {
        DeValue::Table(table) => collect(table, schema, root, secrets),
        DeValue::Array(items) => items
            .iter()
            .for_each(|item| value_of(item, &schema["items"], root, secrets)),
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
        assert_eq!(without_secrets("not = an = answer\n"), ["not = an = answer\n"]);
    }
}
