//! One profile file, read and checked by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Fault, FaultKind};
use super::grammar::{self, Kind};
use super::schema::{self, KEYS, Key, Shape};

/// A value as text, and the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The value.
    pub text: String,
    /// Line, from 1.
    pub line: usize,
}

/// One file: the values it sets and the mistakes in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Name of the profile.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// Values by index into [`KEYS`]; one item for a key that holds one.
    pub values: BTreeMap<usize, Values>,
    /// Mistakes.
    pub faults: Vec<Fault>,
}

/// What one file gives to one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    /// Line of the key.
    pub line: usize,
    /// Its values.
    pub items: Vec<Item>,
}

impl Layer {
    /// Reads a file's text. Never fails: what is wrong is in `faults`, and what is right is kept.
    pub fn parse(name: &str, file: &Path, text: &str) -> Self {
        let mut reader = Reader {
            text,
            layer: Self {
                name: name.to_owned(),
                file: file.to_owned(),
                values: BTreeMap::new(),
                faults: Vec::new(),
            },
        };
        if !grammar::is_profile_name(name) {
            reader.fault_at(1, FaultKind::BadName(name.to_owned()));
        }
        match DeTable::parse(text) {
            Ok(document) => reader.top(document.get_ref()),
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start);
                reader.fault(start, FaultKind::Syntax(error.message().to_owned()));
            }
        }
        let mut layer = reader.layer;
        layer.faults.sort_by_key(|fault| fault.line);
        layer
    }

    /// The values of a key; none when the file does not set it.
    pub fn items(&self, section: &str, name: &str) -> &[Item] {
        let index = schema::index(section, name);
        let values = index.and_then(|index| self.values.get(&index));
        values.map_or(&[], |values| values.items.as_slice())
    }
}

struct Reader<'a> {
    text: &'a str,
    layer: Layer,
}

impl Reader<'_> {
    fn top(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = name.get_ref().as_ref();
            if schema::is_section(key) {
                match value.get_ref() {
                    DeValue::Table(section) => {
                        for (name, value) in section {
                            self.entry(key, name, value);
                        }
                    }
                    other => self.wrong_type(name.span().start, key, "a section", other),
                }
            } else {
                self.entry("", name, value);
            }
        }
    }

    fn entry(&mut self, section: &str, name: &Spanned<impl AsRef<str>>, value: &Spanned<DeValue<'_>>) {
        let at = name.span().start;
        let name = name.get_ref().as_ref();
        let index = schema::index(section, name);
        let Some((index, key)) = index.and_then(|index| Some((index, KEYS.get(index)?))) else {
            let nearest = schema::nearest_key(section, name);
            self.fault(
                at,
                FaultKind::UnknownKey {
                    key: schema::path(section, name),
                    nearest,
                },
            );
            return;
        };
        let mut items = Vec::new();
        match (key.shape, value.get_ref()) {
            (Shape::Many | Shape::OneOrMany, DeValue::Array(list)) => {
                for value in list {
                    items.extend(self.item(key, value));
                }
            }
            (Shape::One | Shape::OneOrMany, _) => items.extend(self.item(key, value)),
            (Shape::Many, other) => self.wrong_type(at, &key.path(), "a list of strings", other),
        }
        let line = self.line(at);
        self.layer.values.insert(index, Values { line, items });
    }

    fn item(&mut self, key: &Key, value: &Spanned<DeValue<'_>>) -> Option<Item> {
        let at = value.span().start;
        let text = match (key.kind, value.get_ref()) {
            (Kind::Flag, DeValue::Boolean(flag)) => flag.to_string(),
            (Kind::Number, DeValue::Integer(number)) => {
                let parsed = u64::from_str_radix(number.as_str(), number.radix()).ok();
                // In MiB, so that the size in bytes fits too.
                let Some(number) = parsed.filter(|number| (1..1 << 40).contains(number)) else {
                    let allowed = "use a whole number above zero".to_owned();
                    let kind = FaultKind::BadValue {
                        key: key.path(),
                        value: number.to_string(),
                        allowed,
                    };
                    self.fault(at, kind);
                    return None;
                };
                number.to_string()
            }
            (Kind::Flag, other) => {
                self.wrong_type(at, &key.path(), "true or false", other);
                return None;
            }
            (Kind::Number, other) => {
                self.wrong_type(at, &key.path(), "a whole number", other);
                return None;
            }
            (_, DeValue::String(text)) => text.to_string(),
            (_, other) => {
                let expected = if key.shape == Shape::Many {
                    "a list of strings"
                } else {
                    "a string"
                };
                self.wrong_type(at, &key.path(), expected, other);
                return None;
            }
        };
        if let Some(allowed) = key.kind.objection(&text) {
            self.fault(
                at,
                FaultKind::BadValue {
                    key: key.path(),
                    value: text,
                    allowed,
                },
            );
            return None;
        }
        Some(Item {
            text,
            line: self.line(at),
        })
    }

    fn wrong_type(&mut self, at: usize, key: &str, expected: &str, found: &DeValue<'_>) {
        let found = match found.type_str() {
            name @ ("array" | "integer") => format!("an {name}"),
            name => format!("a {name}"),
        };
        self.fault(
            at,
            FaultKind::WrongType {
                key: key.to_owned(),
                expected: expected.to_owned(),
                found,
            },
        );
    }

    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or(self.text.as_bytes());
        before.split(|byte| *byte == b'\n').count()
    }

    fn fault(&mut self, at: usize, kind: FaultKind) {
        self.fault_at(self.line(at), kind);
    }

    fn fault_at(&mut self, line: usize, kind: FaultKind) {
        let file = self.layer.file.clone();
        self.layer.faults.push(Fault { file, line, kind });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_know_their_lines() {
        let text = "description = \"x\"\n\n[system]\npackages = [\n  \"samba\",\n  \"nano\",\n]\n";
        let layer = Layer::parse("x", Path::new("x.toml"), text);
        assert_eq!(layer.faults, []);
        let packages = KEYS
            .iter()
            .position(|key| key.path() == "system.packages")
            .unwrap();
        let item = |text: &str, line| Item {
            text: text.to_owned(),
            line,
        };
        assert_eq!(
            layer.values[&packages],
            Values {
                line: 4,
                items: vec![item("samba", 5), item("nano", 6)]
            }
        );
        assert_eq!(layer.items("", "description"), [item("x", 1)]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(name in ".*", text in "(?s).*") {
            Layer::parse(&name, Path::new("x.toml"), &text);
        }

        #[test]
        fn no_toml_makes_it_panic(
            section in "(|\\[(kernel|system|boot|budget|vm|x)\\])",
            key in "(arch|packages|iso-mib|memory|source|abstract|[a-z-]{1,9})",
            value in "(true|-?[0-9]{1,30}|0x[0-9a-f]{1,20}|\"[^\"\\\\\n]{0,20}\"|\\[\"[a-z/*. ]{0,9}\", 3\\]|\\{a=1\\}|1.5|1979-05-27)",
        ) {
            Layer::parse("x", Path::new("x.toml"), &format!("{section}\n{key} = {value}\n"));
        }
    }
}
