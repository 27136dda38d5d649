//! What a screen is.

use std::fmt;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use super::fields::Fields;
use super::look::Look;
use crate::answers::Keyboard;
use crate::draft::Draft;
use crate::plan::{InstallPlan, Refusal};

/// What a screen did with a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Turn {
    /// Used it and stays.
    Stay,
    /// Is complete: on to the next screen.
    Next,
    /// Did not use it.
    Unused,
    /// Used it; the keyboard layout changes.
    Keyboard(Keyboard),
    /// The summary was confirmed.
    Install(Box<InstallPlan>),
}

/// One screen.
pub(crate) trait Screen: fmt::Debug + Send {
    /// Its title.
    fn title(&self) -> &'static str;
    /// Its keys, for the last line: key and meaning.
    fn keys(&self) -> Vec<(&'static str, &'static str)>;
    /// Its help, shown by F1.
    fn help(&self) -> &'static str;
    /// Called when it comes up, from either side.
    fn enter(&mut self, draft: &mut Draft) {
        let _ = draft;
    }
    /// Called when it is known which letters the keyboard gives that it asked for; whether it is complete now.
    fn learned(&mut self, draft: &mut Draft) -> bool {
        let _ = draft;
        false
    }
    /// A key.
    fn handle(&mut self, key: KeyEvent, draft: &mut Draft) -> Turn;
    /// Draws it.
    fn draw(&self, frame: &mut Frame, area: Rect, draft: &Draft, look: Look);
}

/// Shows refusals beside their fields; whether there are none.
pub(crate) fn check(fields: &mut Fields, draft: &Draft) -> bool {
    for refusal in draft.refusals() {
        if let Refusal::Answer { key, reason } = refusal
            && fields.keys().contains(&key.as_str())
        {
            fields.problem(&key, &reason);
        }
    }
    !fields.has_problem()
}
