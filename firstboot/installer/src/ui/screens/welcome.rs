//! The first screen: what this is, and the language of the installed system.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;

use super::intro::{LIST_KEYS, intro};
use crate::draft::Draft;
use crate::ui::look::Look;
use crate::ui::picker::Picker;
use crate::ui::screen::{Screen, Turn};

/// Names of languages by their ISO 639-1 code.
const LANGUAGES: [(&str, &str); 40] = [
    ("ar", "Arabic"),
    ("bg", "Bulgarian"),
    ("ca", "Catalan"),
    ("cs", "Czech"),
    ("da", "Danish"),
    ("de", "German"),
    ("el", "Greek"),
    ("en", "English"),
    ("eo", "Esperanto"),
    ("es", "Spanish"),
    ("et", "Estonian"),
    ("eu", "Basque"),
    ("fa", "Persian"),
    ("fi", "Finnish"),
    ("fr", "French"),
    ("ga", "Irish"),
    ("gl", "Galician"),
    ("he", "Hebrew"),
    ("hi", "Hindi"),
    ("hr", "Croatian"),
    ("hu", "Hungarian"),
    ("id", "Indonesian"),
    ("is", "Icelandic"),
    ("it", "Italian"),
    ("ja", "Japanese"),
    ("ko", "Korean"),
    ("lt", "Lithuanian"),
    ("lv", "Latvian"),
    ("nb", "Norwegian"),
    ("nl", "Dutch"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("ro", "Romanian"),
    ("ru", "Russian"),
    ("sk", "Slovak"),
    ("sl", "Slovenian"),
    ("sv", "Swedish"),
    ("tr", "Turkish"),
    ("uk", "Ukrainian"),
    ("zh", "Chinese"),
];

/// The first screen.
#[derive(Debug)]
pub(crate) struct Welcome {
    picker: Picker,
}

impl Welcome {
    pub(crate) fn new(draft: &Draft) -> Self {
        let locales = &draft.machine.locales;
        let at = locales
            .iter()
            .position(|locale| *locale == draft.answers.language);
        Self {
            picker: Picker::new(
                locales.iter().map(|locale| describe(locale)).collect(),
                at.unwrap_or(0),
            ),
        }
    }
}

/// `German (DE)`, then the locale.
fn describe(locale: &str) -> String {
    let tag = locale.split(['.', '@']).next().unwrap_or(locale);
    let (language, country) = tag.split_once('_').unwrap_or((tag, ""));
    let name = match LANGUAGES.iter().find(|(code, _)| *code == language) {
        Some((_, name)) if country.is_empty() => (*name).to_owned(),
        Some((_, name)) => format!("{name} ({country})"),
        None if matches!(language, "C" | "POSIX") => "English, neutral formats".to_owned(),
        None => tag.to_owned(),
    };
    format!("{name:32} {locale}")
}

impl Screen for Welcome {
    fn title(&self) -> &'static str {
        "Welcome"
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        LIST_KEYS[..3].to_vec()
    }

    fn help(&self) -> &'static str {
        "The language is that of the installed system: its messages, and how it writes dates and numbers. This \
         installer speaks English only."
    }

    fn handle(&mut self, key: KeyEvent, draft: &mut Draft) -> Turn {
        if self.picker.handle(key) {
            return Turn::Stay;
        }
        if key.code != KeyCode::Enter {
            return Turn::Unused;
        }
        if let Some(locale) = draft.machine.locales.get(self.picker.selected()) {
            draft.answers.language.clone_from(locale);
        }
        Turn::Next
    }

    fn draw(&self, frame: &mut Frame, area: Rect, draft: &Draft, look: Look) {
        let below = intro(
            frame,
            area,
            &format!(
                "{} A few questions come first; nothing is written before the summary at the end is confirmed. F1 explains \
                 each screen.\n\nLanguage of the installed system:",
                draft.aim()
            ),
        );
        self.picker.draw(frame, below, true, look);
    }
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn locales_have_names() {
        for (locale, name) in [
            ("de_DE.UTF-8", "German (DE)"),
            ("eo.UTF-8", "Esperanto"),
            ("C.UTF-8", "English, neutral formats"),
            ("tlh_AQ.UTF-8", "tlh_AQ"),
        ] {
            assert_eq!(describe(locale).split("  ").next(), Some(name));
        }
    }
}
