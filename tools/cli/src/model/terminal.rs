//! Questions on a terminal.

use std::io::{self, BufRead, IsTerminal as _, Write};

use sigmavault_facts::terminal::printable_lines;

use super::error::ModelError;
use super::place::Place;

/// Whether a person can be asked.
pub fn somebody_there(place: &Place) -> bool {
    !place.as_json && io::stdin().is_terminal()
}

/// Asks for confirmation with "yes".
pub fn ask(question: &str, input: &mut dyn BufRead, output: &mut dyn Write) -> Result<bool, ModelError> {
    write!(output, "{} Type yes to go on: ", printable_lines(question))
        .and_then(|()| output.flush())
        .map_err(ModelError::Ask)?;
    let mut typed = String::new();
    input.read_line(&mut typed).map_err(ModelError::Ask)?;
    Ok(typed.trim() == "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_do_not_act_on_the_terminal() {
        let mut said = Vec::new();
        ask("Take \x1b[2J\u{202e}?\nSure?", &mut &b""[..], &mut said).unwrap();
        assert_eq!(
            String::from_utf8(said).unwrap(),
            "Take \\u{1b}[2J\\u{202e}?\nSure? Type yes to go on: "
        );
    }

    #[test]
    fn only_yes_is_yes() {
        for (typed, expected) in [
            ("yes\n", true),
            (" yes \n", true),
            ("y\n", false),
            ("", false),
            ("no\n", false),
        ] {
            let mut said = Vec::new();
            assert_eq!(
                ask("Sure?", &mut typed.as_bytes(), &mut said).unwrap(),
                expected,
                "{typed:?}"
            );
            assert_eq!(said, b"Sure? Type yes to go on: ");
        }
    }
}
