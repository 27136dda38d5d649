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

/// What a screen made of a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Turn {
    /// Used it and stays.
    Stay,
    /// Is filled in: on to the next.
    Next,
    /// Has no use for it.
    Unused,
    /// Keys of this keyboard are wanted from now on.
    Keyboard(Keyboard),
    /// The same, and on to the next.
    KeyboardNext(Keyboard),
    /// The summary was confirmed.
    Install(Box<InstallPlan>),
}

/// One screen.
pub(crate) trait Screen: fmt::Debug + Send {
    /// What stands above it.
    fn title(&self) -> &'static str;
    /// Its keys, for the last line: key and meaning.
    fn keys(&self) -> Vec<(&'static str, &'static str)>;
    /// What F1 shows.
    fn help(&self) -> &'static str;
    /// Called when it comes up, from either side.
    fn enter(&mut self, draft: &mut Draft) {
        let _ = draft;
    }
    /// A key.
    fn handle(&mut self, key: KeyEvent, draft: &mut Draft) -> Turn;
    /// Draws it.
    fn draw(&self, frame: &mut Frame, area: Rect, draft: &Draft, look: Look);
}

/// Puts what stands against these fields beside them; whether there is nothing.
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
