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
const PIN: &str = "encryption.tpm-pin";
const PIN_AGAIN: &str = "encryption.tpm-pin-again";

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
                    "The start asks for a PIN instead of the passphrase: it opens the disk in this machine only, and \
                     the TPM limits guesses. Passphrase and recovery key open it without the TPM.",
                ),
                Field::secret(PIN, "PIN"),
                Field::secret(PIN_AGAIN, "Repeat"),
            ]),
            tpm2: draft.machine.tpm2,
        };
        screen.adapt();
        screen
    }

    /// Shows what the choice asks for.
    fn adapt(&mut self) {
        let wanted = self.wanted();
        let by_tpm = self.by_tpm();
        for (key, shown) in [
            (PASSPHRASE, wanted),
            (AGAIN, wanted),
            // With a TPM there is always one.
            (RECOVERY, wanted && !by_tpm),
            (TPM, wanted && self.tpm2),
            (PIN, by_tpm),
            (PIN_AGAIN, by_tpm),
        ] {
            self.fields.show(key, shown);
        }
        let hint = strength::hint(&self.fields.text(PASSPHRASE));
        self.fields.change(PASSPHRASE, |field| field.hint = hint);
        let hint = strength::pin_hint(&self.fields.text(PIN));
        self.fields.change(PIN, |field| field.hint = hint);
    }

    fn by_tpm(&self) -> bool {
        self.wanted() && self.tpm2 && self.fields.on(TPM)
    }

    fn wanted(&self) -> bool {
        self.fields.chosen(WHETHER) == 1
    }

    fn leave(&mut self, draft: &mut Draft) -> Turn {
        self.fields.clear_problems();
        let by_tpm = self.by_tpm();
        draft.answers.encryption = self.wanted().then(|| Encryption {
            passphrase: Secret(self.fields.text(PASSPHRASE)),
            recovery_key: by_tpm || self.fields.on(RECOVERY),
            tpm2: by_tpm,
            tpm_pin: by_tpm.then(|| Secret(self.fields.text(PIN))),
        });
        if !check(&mut self.fields, draft) {
            return Turn::Stay;
        }
        if self.wanted() && self.fields.text(PASSPHRASE) != self.fields.text(AGAIN) {
            self.fields.problem(AGAIN, "The two passphrases differ.");
        }
        if by_tpm && self.fields.text(PIN) != self.fields.text(PIN_AGAIN) {
            self.fields.problem(PIN_AGAIN, "The two PINs differ.");
        }
        if self.fields.has_problem() {
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
         every start, or a PIN that opens the partition together with this machine's TPM. The TPM takes a few wrong PINs \
         and then none for a while. A changed boot medium could record what is typed. Without passphrase and recovery \
         key nobody can open it on another machine. \
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
