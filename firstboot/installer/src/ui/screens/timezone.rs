//! Time zone.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;

use super::intro::{LIST_KEYS, intro};
use crate::draft::Draft;
use crate::ui::look::Look;
use crate::ui::picker::Picker;
use crate::ui::screen::{Screen, Turn};

/// The time zone.
#[derive(Debug)]
pub(crate) struct TimeZone {
    picker: Picker,
}

impl TimeZone {
    pub(crate) fn new(draft: &Draft) -> Self {
        let zones = draft.machine.timezones.clone();
        let at = zones.iter().position(|zone| *zone == draft.answers.timezone);
        Self {
            picker: Picker::new(zones, at.unwrap_or(0)),
        }
    }
}

impl Screen for TimeZone {
    fn title(&self) -> &'static str {
        "Time zone"
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        LIST_KEYS.to_vec()
    }

    fn help(&self) -> &'static str {
        "Time zones are named after a continent and a large city in them. Type a part of the city's name to find it, \
         such as 'berl'. The clock itself is set by network time."
    }

    fn handle(&mut self, key: KeyEvent, draft: &mut Draft) -> Turn {
        if self.picker.handle(key) {
            return Turn::Stay;
        }
        if key.code != KeyCode::Enter {
            return Turn::Unused;
        }
        if let Some(zone) = draft.machine.timezones.get(self.picker.selected()) {
            draft.answers.timezone.clone_from(zone);
        }
        Turn::Next
    }

    fn draw(&self, frame: &mut Frame, area: Rect, _: &Draft, look: Look) {
        let below = intro(
            frame,
            area,
            "Which city with the same time is near? Type a part of its name.",
        );
        self.picker.draw(frame, below, true, look);
    }
}
