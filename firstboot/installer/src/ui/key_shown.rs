//! The screens of the keys that an installation has made: each is shown once.

use crossterm::event::{KeyCode, KeyEvent};
use qrcode::{Color as Module, EcLevel, QrCode};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::ending::Done;
use super::look::Look;
use super::text::wrap;
use crate::pool_key::PoolKey;
use crate::progress::Outcome;

type Keys = &'static [(&'static str, &'static str)];

/// Columns of the text beside the QR code.
const WIDTH: usize = 36;
/// Said where the QR code has no room.
const NO_CODE: &str = "A larger terminal with UTF-8 shows it as a QR code too.";
/// Asked before a key goes.
const SURE: &str = "Is it in a safe place? y goes on and the key is gone from here.";

/// A key, and how it stands on the screen.
#[derive(Debug)]
enum Page {
    /// The recovery key of the state partition.
    State(String),
    /// The key of the data pool.
    Pool(PoolKey),
}

impl Page {
    /// What the QR code says.
    fn code(&self) -> &str {
        match self {
            Self::State(key) => key,
            Self::Pool(key) => &key.digits().0,
        }
    }

    /// What it opens.
    fn about(&self) -> String {
        match self {
            Self::State(_) => {
                "This key opens the encrypted part of the disk when the passphrase is lost.".to_owned()
            }
            Self::Pool(key) => format!(
                "This key opens the data pool {} when the system disk is lost.",
                key.pool
            ),
        }
    }

    /// The key.
    fn key(&self) -> Vec<String> {
        match self {
            Self::State(key) => groups(key),
            Self::Pool(key) => {
                let lines = key.lines().into_iter();
                lines.map(|(line, check)| format!("{line}  ({check})")).collect()
            }
        }
    }

    /// What to do with it.
    fn use_of(&self) -> Vec<String> {
        match self {
            Self::State(_) => vec![
                "Write it down or take a picture of it, and keep it away from this machine.".to_owned(),
                "It is shown only now and kept nowhere else.".to_owned(),
            ],
            Self::Pool(key) => vec![
                "Write it down or take a picture of it. In brackets: a check of the line (F1).".to_owned(),
                format!(
                    "To use it:\nzpool import -fN {pool}\nzfs load-key -L prompt {pool}\nzfs mount -a",
                    pool = key.pool
                ),
                "It is shown only now.".to_owned(),
            ],
        }
    }
}

/// Keys, each shown once.
#[derive(Debug)]
pub(crate) struct KeyShown {
    /// The one that is shown, and those after it.
    pages: Vec<Page>,
    done: Option<Done>,
    sure: bool,
}

impl KeyShown {
    pub(crate) const TITLE: &'static str = "Recovery key";
    pub(crate) const KEYS: Keys = &[("Enter", "I have it")];
    pub(crate) const HELP: &'static str = "The recovery key opens the encrypted part of the system disk when the \
        passphrase is forgotten or the TPM does not open it. It is kept nowhere else. The key of a data pool opens the \
        pool on another system when the system disk, which has it too, is lost: its 64 digits are typed without spaces. \
        In brackets after a line is how the SHA-256 of its 16 digits begins (printf DIGITS | sha256sum). Write the keys \
        down or photograph them, and keep them away from this machine.";

    /// The first screen after an installation: of its keys, if it made some, before the final one.
    pub(crate) fn of(outcome: &Outcome) -> Option<Self> {
        let state = outcome.recovery_key.clone().map(Page::State);
        let pool = outcome.pool_key.clone().map(Page::Pool);
        let pages: Vec<Page> = state.into_iter().chain(pool).collect();
        (!pages.is_empty()).then_some(Self {
            pages,
            done: None,
            sure: false,
        })
    }

    /// With the screen that follows.
    pub(crate) fn before(self, done: Done) -> Self {
        Self {
            done: Some(done),
            ..self
        }
    }

    /// The final screen, once the person has every key.
    pub(crate) fn handle(&mut self, key: KeyEvent) -> Option<Done> {
        match key.code {
            KeyCode::Enter if !self.sure => self.sure = true,
            KeyCode::Char('y' | 'Y') if self.sure => {
                self.sure = false;
                self.pages.remove(0);
                return if self.pages.is_empty() {
                    self.done.take()
                } else {
                    None
                };
            }
            _ => self.sure = false,
        }
        None
    }

    pub(crate) fn draw(&self, frame: &mut Frame, area: Rect, look: Look) {
        let Some(page) = self.pages.first() else {
            return;
        };
        let code = QrCode::with_error_correction_level(page.code().as_bytes(), EcLevel::L).ok();
        let picture = code.map(|code| picture(&code, look)).filter(|lines| {
            let width = lines.first().map_or(0, Line::width);
            lines.len() <= usize::from(area.height) && width + WIDTH + 2 <= usize::from(area.width)
        });
        let mut texts = wrap(&page.about(), WIDTH);
        texts.push(String::new());
        let key_at = texts.len();
        texts.extend(page.key());
        let key_end = texts.len();
        for text in page.use_of() {
            texts.push(String::new());
            texts.extend(wrap(&text, WIDTH));
        }
        let question = wrap(SURE, WIDTH);
        let hint = wrap(NO_CODE, WIDTH);
        let needed = texts.len() + hint.len() + question.len() + 2;
        if picture.is_none() && needed <= usize::from(area.height) {
            texts.push(String::new());
            texts.extend(hint);
        }
        texts.push(String::new());
        let ask_at = texts.len();
        if self.sure {
            texts.extend(question);
        }
        let lines: Vec<Line> = texts
            .into_iter()
            .enumerate()
            .map(|(index, text)| match index {
                _ if (key_at..key_end).contains(&index) => Line::styled(text, look.chosen()),
                _ if index >= ask_at => Line::styled(text, look.warning()),
                _ => Line::raw(text),
            })
            .collect();
        frame.render_widget(Paragraph::new(lines), Rect { width: 37, ..area });
        if let Some(picture) = picture {
            let width = picture.first().map_or(0, Line::width);
            let width = u16::try_from(width).unwrap_or(area.width);
            let place = Rect::new(area.right() - width, area.y, width, area.height);
            frame.render_widget(Paragraph::new(picture), place);
        }
    }
}

/// A recovery key in lines of four groups.
fn groups(key: &str) -> Vec<String> {
    let parts: Vec<&str> = key.split('-').collect();
    let count = parts.chunks(4).len();
    parts
        .chunks(4)
        .enumerate()
        .map(|(index, four)| format!("{}{}", four.join("-"), if index + 1 < count { "-" } else { "" }))
        .collect()
}

/// A QR code, light on dark as scanners want it: two modules a character, or two characters a module in ASCII.
fn picture(code: &QrCode, look: Look) -> Vec<Line<'static>> {
    const QUIET: usize = 2;
    let width = code.width();
    let colours = code.to_colors();
    let dark = |x: usize, y: usize| {
        (QUIET..width + QUIET).contains(&x)
            && (QUIET..width + QUIET).contains(&y)
            && colours[(y - QUIET) * width + x - QUIET] == Module::Dark
    };
    let side = width + 2 * QUIET;
    if look.unicode {
        let style = if look.colour {
            Style::new().fg(Color::White).bg(Color::Black)
        } else {
            Style::new()
        };
        let line = |y: usize| -> String {
            (0..side)
                .map(|x| match (dark(x, y), dark(x, y + 1) || y + 1 >= side) {
                    (false, false) => '█',
                    (false, true) => '▀',
                    (true, false) => '▄',
                    (true, true) => ' ',
                })
                .collect()
        };
        return (0..side)
            .step_by(2)
            .map(|y| Line::styled(line(y), style))
            .collect();
    }
    (0..side)
        .map(|y| {
            let spans = (0..side).map(|x| {
                let style = if dark(x, y) { Style::new() } else { look.focus() };
                ratatui::text::Span::styled("  ", style)
            });
            Line::from(spans.collect::<Vec<_>>())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_key_stands_in_lines_of_four_groups() {
        let key = "cccccccc-dddddddd-eeeeeeee-ffffffff-gggggggg-hhhhhhhh-iiiiiiii-jjjjjjjj";
        assert_eq!(
            groups(key),
            [
                "cccccccc-dddddddd-eeeeeeee-ffffffff-",
                "gggggggg-hhhhhhhh-iiiiiiii-jjjjjjjj"
            ]
        );
    }

    #[test]
    fn the_qr_code_of_a_recovery_key_fits_beside_its_text() {
        let code = QrCode::with_error_correction_level([b'c'; 71], EcLevel::L).unwrap();
        let lines = picture(
            &code,
            Look {
                unicode: true,
                colour: false,
            },
        );
        assert_eq!((lines[0].width(), lines.len()), (37, 19));
    }
}
