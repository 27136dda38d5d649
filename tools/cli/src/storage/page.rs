//! What a command prints, for a person and for a program.

use serde::Serialize;
use serde_json::Value;
use sigmavault_facts::terminal::printable_json;

use crate::output::json;

/// What a command prints.
pub struct Page {
    value: Value,
    /// Safe for a terminal, with colours.
    sheet: String,
}

impl Page {
    pub fn new(value: &impl Serialize, sheet: String) -> anyhow::Result<Self> {
        Ok(Self {
            value: serde_json::to_value(value)?,
            sheet,
        })
    }

    /// The page as it is printed once.
    pub fn bytes(&self, as_json: bool) -> anyhow::Result<Vec<u8>> {
        if as_json {
            json(&self.value)
        } else {
            Ok(self.sheet.clone().into_bytes())
        }
    }

    /// The page as one of many: JSON takes one line.
    pub fn one_of_many(&self, as_json: bool) -> Vec<u8> {
        if as_json {
            let line = printable_json(&self.value.to_string()) + "\n";
            line.into_bytes()
        } else {
            self.sheet.clone().into_bytes()
        }
    }
}
