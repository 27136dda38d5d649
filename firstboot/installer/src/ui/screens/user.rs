//! The administrator.

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use super::intro::intro;
use crate::answers::{Secret, User};
use crate::draft::Draft;
use crate::ui::fields::{Field, Fields, Reply};
use crate::ui::look::Look;
use crate::ui::screen::{Screen, Turn, check};
use crate::ui::strength;

const NAME: &str = "user.name";
const FULL_NAME: &str = "user.full-name";
const PASSWORD: &str = "user.password";
const AGAIN: &str = "user.again";
const SSH: &str = "user.ssh";

/// The administrator.
#[derive(Debug)]
pub(crate) struct UserScreen {
    fields: Fields,
}

impl UserScreen {
    pub(crate) fn new() -> Self {
        Self {
            fields: Fields::new(vec![
                Field::text(NAME, "User name", "").hint("For logging in: lowercase letters and digits."),
                Field::text(FULL_NAME, "Name in full", "").hint("May be empty."),
                Field::secret(PASSWORD, "Password"),
                Field::secret(AGAIN, "Repeat"),
                Field::switch(SSH, "Log in by SSH", false).hint("Can be switched on later."),
            ]),
        }
    }

    fn leave(&mut self, draft: &mut Draft) -> Turn {
        self.fields.clear_problems();
        draft.answers.user = Some(User {
            name: self.fields.text(NAME).trim().to_owned(),
            full_name: self.fields.text(FULL_NAME).trim().to_owned(),
            password: Some(Secret(self.fields.text(PASSWORD))),
            password_hash: None,
            ssh_keys: Vec::new(),
            ssh: self.fields.on(SSH),
            sudo_without_password: false,
        });
        if !check(&mut self.fields, draft) {
            return Turn::Stay;
        }
        if self.fields.text(PASSWORD) != self.fields.text(AGAIN) {
            self.fields.problem(AGAIN, "The two passwords differ.");
            return Turn::Stay;
        }
        Turn::Next
    }
}

impl Screen for UserScreen {
    fn title(&self) -> &'static str {
        "Administrator"
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        self.fields.help()
    }

    fn help(&self) -> &'static str {
        "This user can do everything after typing the password. There is no password for root. With SSH off the \
         machine takes logins at its own keyboard and screen only."
    }

    fn handle(&mut self, key: KeyEvent, draft: &mut Draft) -> Turn {
        let reply = self.fields.handle(key);
        let password = self.fields.text(PASSWORD);
        let hint = if password.is_empty() {
            String::new()
        } else {
            strength::hint(&password)
        };
        self.fields.change(PASSWORD, |field| field.hint = hint);
        match reply {
            Reply::Used => Turn::Stay,
            Reply::Unused => Turn::Unused,
            Reply::Complete => self.leave(draft),
        }
    }

    fn draw(&self, frame: &mut Frame, area: Rect, _: &Draft, look: Look) {
        let below = intro(frame, area, "Who administers this machine?");
        self.fields.draw(frame, below, look);
    }
}
