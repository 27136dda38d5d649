//! What happens to the system disk, when something is on it.

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use super::intro::intro;
use crate::answers::Mode;
use crate::draft::Draft;
use crate::machine::Contents;
use crate::ui::fields::{Choice, Field, Fields, Kind, Reply};
use crate::ui::look::Look;
use crate::ui::screen::{Screen, Turn};
use crate::ui::table;

const KEY: &str = "system.mode";

/// What happens to the system disk.
#[derive(Debug)]
pub(crate) struct ModeScreen {
    fields: Fields,
    /// The disk that the choice was made for.
    disk: Option<String>,
}

impl Default for ModeScreen {
    fn default() -> Self {
        Self {
            fields: Fields::new(vec![Field::choice(KEY, "", &[])]),
            disk: None,
        }
    }
}

impl Screen for ModeScreen {
    fn title(&self) -> &'static str {
        "What happens to it"
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        vec![("Up/Down", "choose"), ("Enter", "go on"), ("Esc", "another disk")]
    }

    fn help(&self) -> &'static str {
        "Erasing makes a new partition table; everything on the disk is lost. Keeping data is possible on a disk with \
         a complete SigmaVault system: both system slots are rewritten, and the partition with settings, users, \
         /home and /var stays as it is. Disks of data pools are not touched."
    }

    fn enter(&mut self, draft: &mut Draft) {
        let Some(disk) = draft.disk().cloned() else {
            return;
        };
        let mut options = vec![Choice {
            text: "Erase it. Everything on it is lost.".to_owned(),
            barred: draft.against(&disk, Mode::Erase).map(|bar| bar.to_string()),
        }];
        let mut keeps = false;
        if let Contents::SigmaVault(_) = disk.contents {
            let barred = draft.against(&disk, Mode::KeepData).map(|bar| bar.to_string());
            keeps = barred.is_none();
            options.push(Choice {
                text: "Reinstall the system and keep settings, users and data.".to_owned(),
                barred,
            });
        }
        let kept = draft.mode() == Mode::KeepData;
        // The way that loses nothing is proposed.
        let chosen = usize::from(keeps && (kept || self.disk.as_ref() != Some(&disk.name)));
        self.fields
            .change(KEY, |field| field.kind = Kind::Choice { options, chosen });
        self.disk = Some(disk.name);
    }

    fn handle(&mut self, key: KeyEvent, draft: &mut Draft) -> Turn {
        match self.fields.handle(key) {
            Reply::Used => Turn::Stay,
            Reply::Unused => Turn::Unused,
            Reply::Complete => {
                draft.answers.system.mode = Some(if self.fields.chosen(KEY) == 1 {
                    Mode::KeepData
                } else {
                    Mode::Erase
                });
                Turn::Next
            }
        }
    }

    fn draw(&self, frame: &mut Frame, area: Rect, draft: &Draft, look: Look) {
        let text = draft.disk().map_or_else(String::new, |disk| {
            format!(
                "{}\n{}\n\nWhat shall happen to it?",
                disk.describe(),
                table::describe(disk)
            )
        });
        let below = intro(frame, area, &text);
        self.fields.draw(frame, below, look);
    }
}
