//! Output for programs, and texts from others on the terminal.

use std::fmt::Display;

use sigmavault_facts::terminal::{printable_json, printable_lines};

/// Indented JSON and a newline. It may be looked at on a terminal, so deceptive characters are escaped.
pub fn json(facts: &impl serde::Serialize) -> anyhow::Result<Vec<u8>> {
    let text = printable_json(&serde_json::to_string_pretty(facts)?) + "\n";
    Ok(text.into_bytes())
}

/// Text for a person that no colours are in.
pub fn plain(text: &str) -> Vec<u8> {
    printable_lines(text).into_bytes()
}

/// Tells a person something on standard error.
pub fn tell(text: impl Display) {
    eprintln!("{}", printable_lines(&text.to_string()));
}
