//! Encryption of the state partition.

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use super::intro::intro;
use crate::answers::{Encryption, Secret};
use crate::draft::Draft;
use crate::ui::fields::{Field, Fields, Reply};
use crate::ui::look::Look;
use crate::ui::screen::{Screen, Turn, check};
use crate::ui::strength;

const WHETHER: &str = "encryption";
const PASSPHRASE: &str = "encryption.passphrase";
const AGAIN: &str = "encryption.again";
const RECOVERY: &str = "encryption.recovery-key";
const TPM: &str = "encryption.tpm2";

/// Encryption of the state partition.
#[derive(Debug)]
pub(crate) struct EncryptionScreen {
    fields: Fields,
    tpm2: bool,
}

impl EncryptionScreen {
    pub(crate) fn new(draft: &Draft) -> Self {
        let mut screen = Self {
            fields: Fields::new(vec![
                Field::choice(
                    WHETHER,
                    "Encryption",
                    &["None: anyone with the disk can read it", "With a passphrase"],
                ),
                Field::secret(PASSPHRASE, "Passphrase"),
                Field::secret(AGAIN, "Repeat"),
                Field::switch(RECOVERY, "Recovery key", true)
                    .hint("A second, random key, shown once at the end."),
                Field::switch(TPM, "Open by TPM 2.0", false).hint(
                    "This machine starts without the passphrase. A disk taken out of it stays closed; \
                     whoever has the machine itself can start it, or another system on it, and read the state.",
                ),
            ]),
            tpm2: draft.machine.tpm2,
        };
        screen.adapt();
        screen
    }

    /// Shows what the choice asks for.
    fn adapt(&mut self) {
        let wanted = self.wanted();
        for key in [PASSPHRASE, AGAIN, RECOVERY] {
            self.fields.show(key, wanted);
        }
        self.fields.show(TPM, wanted && self.tpm2);
        let hint = strength::hint(&self.fields.text(PASSPHRASE));
        self.fields.change(PASSPHRASE, |field| field.hint = hint);
    }

    fn wanted(&self) -> bool {
        self.fields.chosen(WHETHER) == 1
    }

    fn leave(&mut self, draft: &mut Draft) -> Turn {
        self.fields.clear_problems();
        draft.answers.encryption = self.wanted().then(|| Encryption {
            passphrase: Secret(self.fields.text(PASSPHRASE)),
            recovery_key: self.fields.on(RECOVERY),
            tpm2: self.tpm2 && self.fields.on(TPM),
        });
        if !check(&mut self.fields, draft) {
            return Turn::Stay;
        }
        if self.wanted() && self.fields.text(PASSPHRASE) != self.fields.text(AGAIN) {
            self.fields.problem(AGAIN, "The two passphrases differ.");
            return Turn::Stay;
        }
        Turn::Next
    }
}

impl Screen for EncryptionScreen {
    fn title(&self) -> &'static str {
        "Encryption"
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        self.fields.help()
    }

    fn help(&self) -> &'static str {
        "The partition with settings, users, /home and /var is encrypted (LUKS2). The system itself is the same on \
         every machine and is not secret; its root hash reveals damage, not the work of somebody who has the disk, because \
         nothing is signed yet. The passphrase is asked at \
         every start unless the TPM opens the partition. Without passphrase and recovery key nobody can open it. \
         A data pool made now is encrypted too, with a key that lies there and is shown once at the end."
    }

    fn enter(&mut self, draft: &mut Draft) {
        self.tpm2 = draft.machine.tpm2;
        self.adapt();
    }

    fn handle(&mut self, key: KeyEvent, draft: &mut Draft) -> Turn {
        let reply = self.fields.handle(key);
        self.adapt();
        match reply {
            Reply::Used => Turn::Stay,
            Reply::Unused => Turn::Unused,
            Reply::Complete => self.leave(draft),
        }
    }

    fn draw(&self, frame: &mut Frame, area: Rect, _: &Draft, look: Look) {
        let below = intro(
            frame,
            area,
            "Shall settings, users and their files on the system disk be encrypted?",
        );
        self.fields.draw(frame, below, look);
    }
}
