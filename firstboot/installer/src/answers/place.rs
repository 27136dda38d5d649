//! Places in an answer file.

use std::fmt;

use toml::de::DeTable;

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl Place {
    /// The place of a byte of a text.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before: String = text
            .char_indices()
            .take_while(|(index, _)| *index < offset)
            .map(|(_, letter)| letter)
            .collect();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// The place of the answer with this key, such as `user.ssh-keys[1]`; of the table that lacks it, when it is
    /// missing.
    pub fn of_answer(text: &str, key: &str) -> Option<Self> {
        let document = DeTable::parse(text).ok()?;
        let mut names = key.split('.').flat_map(parts);
        let Part::Name(first) = names.next()? else {
            return None;
        };
        let mut found = document.get_ref().get(first)?;
        for part in names {
            let below = match part {
                Part::Name(name) => found.get_ref().get(name),
                Part::Item(number) => found.get_ref().get(number),
            };
            let Some(below) = below else { break };
            found = below;
        }
        Some(Self::of(text, found.span().start))
    }
}

/// A part of a key.
#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    Name(&'a str),
    Item(usize),
}

/// `ssh-keys[1]` is a name and the number of an item.
fn parts(name: &str) -> impl Iterator<Item = Part<'_>> {
    let (name, item) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
        Some((name, number)) => (name, number.parse().ok()),
        None => (name, None),
    };
    std::iter::once(Part::Name(name)).chain(item.map(Part::Item))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# ä\nsystem.mode = 'erase'\n[user]\nname = 'root'\nssh-keys = [\n  'ä', 'b',\n]\n[pool]\n";

    #[test]
    fn places_of_answers() {
        for (key, expected) in [
            ("system.mode", Some("line 2, column 15")),
            ("user.name", Some("line 4, column 8")),
            ("user.ssh-keys[0]", Some("line 6, column 3")),
            ("user.ssh-keys[1]", Some("line 6, column 8")),
            // One that is missing is missing in its table.
            ("user.ssh-keys[2]", Some("line 5, column 12")),
            ("user.password", Some("line 3, column 1")),
            ("pool", Some("line 8, column 1")),
            ("network.hostname", None),
            ("", None),
        ] {
            let place = Place::of_answer(TEXT, key).map(|place| place.to_string());
            assert_eq!(place.as_deref(), expected, "{key}");
        }
        assert_eq!(Place::of_answer("[", "user"), None);
    }
}
