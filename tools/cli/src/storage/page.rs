//! What a command prints, for a person and for a program.

use serde::Serialize;
use serde_json::Value;
use sigmavault_facts::terminal::{printable_json, printable_lines};

use crate::output::{json, tell};

/// What a command prints.
pub struct Page {
    value: Value,
    /// Safe for a terminal, with colours.
    sheet: String,
    /// What a person should know about it.
    note: Option<String>,
}

impl Page {
    pub fn new(value: &impl Serialize, sheet: String) -> anyhow::Result<Self> {
        Ok(Self {
            value: serde_json::to_value(value)?,
            sheet,
            note: None,
        })
    }

    /// The page with a note for a person.
    pub fn with_note(self, note: Option<String>) -> Self {
        Self { note, ..self }
    }

    /// The page as it is printed once. The note goes to standard error.
    pub fn bytes(&self, as_json: bool) -> anyhow::Result<Vec<u8>> {
        if let Some(note) = &self.note {
            tell(note);
        }
        if as_json {
            json(&self.value)
        } else {
            Ok(self.sheet.clone().into_bytes())
        }
    }

    /// The page as one of many: JSON takes one line, and the note stands above a sheet.
    pub fn one_of_many(&self, as_json: bool) -> Vec<u8> {
        if as_json {
            let line = printable_json(&self.value.to_string()) + "\n";
            return line.into_bytes();
        }
        let note = self.note.as_ref();
        let note = note.map_or_else(String::new, |note| printable_lines(note) + "\n");
        (note + &self.sheet).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_many_is_a_line_of_json_or_a_sheet_with_its_note() {
        let page = Page::new(&["a\u{1b}", "b"], "Things      a\n".to_owned()).unwrap();
        assert_eq!(page.one_of_many(true), b"[\"a\\u001b\",\"b\"]\n");
        assert_eq!(page.one_of_many(false), b"Things      a\n");
        let page = page.with_note(Some("note: old\u{1b}".to_owned()));
        assert_eq!(page.one_of_many(false), b"note: old\\u{1b}\nThings      a\n");
    }
}
