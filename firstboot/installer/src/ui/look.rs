//! What the terminal can show: colours, and characters beyond ASCII.

use std::env;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Lines, blocks and letters beyond ASCII.
    pub unicode: bool,
    /// Colours.
    pub colour: bool,
}

impl Look {
    /// As TERM, the locale and `NO_COLOR` say.
    pub fn of_environment() -> Self {
        Self::from_variables(|name| env::var(name).ok())
    }

    /// The same, of variables given.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(set)
            .unwrap_or_default()
            .to_lowercase();
        // Terminals of the VT series and their kin: colour sequences written for others mean blinking there.
        let plain = ["vt", "dumb", "ansi"].iter().any(|kin| term.starts_with(kin)) || term.is_empty();
        Self {
            unicode: !plain && (locale.ends_with("utf-8") || locale.ends_with("utf8")),
            colour: !plain && set("NO_COLOR").is_none(),
        }
    }

    fn coloured(self, colour: Color) -> Style {
        if self.colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    /// Headings.
    pub(crate) fn title(self) -> Style {
        self.coloured(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// What the keys act on.
    #[expect(clippy::unused_self, reason = "one of a family")]
    pub(crate) fn focus(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// What is chosen in a list that the keys do not act on.
    #[expect(clippy::unused_self, reason = "one of a family")]
    pub(crate) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What cannot be chosen, and hints.
    pub(crate) fn faint(self) -> Style {
        self.coloured(Color::DarkGray)
    }

    /// Mistakes, and data that gets lost.
    pub(crate) fn alarm(self) -> Style {
        // The dark red of the Linux console is hardly read on black, and bold does not lighten it there.
        self.coloured(Color::LightRed).add_modifier(Modifier::BOLD)
    }

    /// Things to know.
    pub(crate) fn warning(self) -> Style {
        self.coloured(Color::Yellow)
    }

    /// What went well.
    pub(crate) fn good(self) -> Style {
        self.coloured(Color::Green)
    }

    /// Puts ASCII characters where others stand, on terminals that have no others.
    pub(crate) fn apply(self, buffer: &mut Buffer) {
        if self.unicode {
            return;
        }
        for cell in &mut buffer.content {
            if !cell.symbol().is_ascii() {
                let plain = cell.symbol().chars().next().map_or(' ', ascii);
                cell.set_char(plain);
            }
        }
    }
}

/// The nearest ASCII character.
const fn ascii(character: char) -> char {
    match character {
        '─' | '–' | '—' => '-',
        '│' => '|',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => '+',
        '█' | '▓' => '#',
        '░' | '▒' | '·' | '…' => '.',
        'ä' | 'á' | 'à' | 'â' | 'ã' | 'å' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'î' | 'ï' => 'i',
        'ö' | 'ó' | 'ô' | 'õ' | 'ø' => 'o',
        'ü' | 'ú' | 'û' => 'u',
        'ç' => 'c',
        'ñ' => 'n',
        character if character.is_ascii() => character,
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(variables: &[(&str, &str)]) -> Look {
        Look::from_variables(|name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn terminals_and_locales() {
        let cases = [
            (
                &[("TERM", "xterm-256color"), ("LANG", "de_DE.UTF-8")][..],
                (true, true),
            ),
            (&[("TERM", "linux"), ("LANG", "C.UTF-8")], (true, true)),
            (&[("TERM", "linux"), ("LANG", "C")], (false, true)),
            (&[("TERM", "linux")], (false, true)),
            (&[("TERM", "vt220"), ("LANG", "C.UTF-8")], (false, false)),
            (&[("TERM", "vt100")], (false, false)),
            (
                &[("TERM", "xterm"), ("LANG", "C.UTF-8"), ("LC_ALL", "POSIX")],
                (false, true),
            ),
            (
                &[("TERM", "xterm"), ("LC_CTYPE", "en_US.utf8"), ("NO_COLOR", "1")],
                (true, false),
            ),
            (&[], (false, false)),
        ];
        for (variables, (unicode, colour)) in cases {
            assert_eq!(look(variables), Look { unicode, colour }, "{variables:?}");
        }
    }
}
