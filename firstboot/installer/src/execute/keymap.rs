//! The keymap of the prompt that asks for the passphrase at every start: made and checked before anything is written,
//! put beside the kernel images at the end.

use sigmavault_host::run::Run;
use sigmavault_host::{ckbcomp, loadkeys};

use super::error::ExecuteError;
use crate::answers::{Keyboard, Secret};
use crate::keyboard::{self, Xkb};

/// A keymap of the console, with the name of its layout in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap(String);

impl Keymap {
    /// The keymap of a keyboard, once the console's own reader takes it and keys of it type the passphrase, on any of
    /// its layouts.
    pub fn make(run: &dyn Run, keyboard: &Keyboard, passphrase: &Secret) -> Result<Self, ExecuteError> {
        let layout = keyboard::names(keyboard);
        let xkb = Xkb::of(keyboard);
        let refused = |reason: String| ExecuteError::Keymap {
            layout: layout.clone(),
            reason,
        };
        let keymap = run
            .text(&ckbcomp::keymap(&xkb.layouts, &xkb.variants, xkb.options))
            .map_err(|error| refused(error.last_words()))?;
        let text = format!("# keyboard: {}\n{keymap}", keyboard::named(keyboard));
        run.succeed(&loadkeys::check(&text))
            .map_err(|error| refused(error.last_words()))?;
        if types(&keymap, &passphrase.0) {
            Ok(Self(text))
        } else {
            Err(ExecuteError::Untypable { layout })
        }
    }

    /// Whether keys of it type the PIN of the TPM too.
    pub fn check_pin(&self, keyboard: &Keyboard, pin: &Secret) -> Result<(), ExecuteError> {
        if types(&self.0, &pin.0) {
            Ok(())
        } else {
            Err(ExecuteError::UntypablePin {
                layout: keyboard::names(keyboard),
            })
        }
    }

    /// The keymap, as loadkeys(1) reads it.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Signs that a dead key gives together with the space bar, by the keymap's name of the dead key.
const DEAD: [(&str, char); 5] = [
    ("dead_acute", '\''),
    ("dead_circumflex", '^'),
    ("dead_diaeresis", '"'),
    ("dead_grave", '`'),
    ("dead_tilde", '~'),
];

/// Whether a text can be typed by keys of a keymap.
fn types(keymap: &str, text: &str) -> bool {
    let mut characters = ckbcomp::characters(keymap);
    let dead = |key: &str| keymap.split_whitespace().any(|word| word == key);
    characters.extend(
        DEAD.into_iter()
            .filter(|(key, _)| dead(key))
            .map(|(_, sign)| sign),
    );
    text.chars().all(|character| characters.contains(&character))
}

#[cfg(test)]
mod tests {
    use sigmavault_host::run::{Invocation, Output, Scripted};

    use super::*;
    use crate::answers::XkbLayout;

    /// A keyboard with three keys, of which one is dead.
    const GERMAN: &str = "keymaps 0-3\nkeycode 21 = +U+007a +U+005a\nkeycode 26 = +U+00fc +U+00dc\nkeycode 41 = dead_circumflex U+00b0\n";

    fn keyboard(variant: Option<&str>) -> Keyboard {
        Keyboard {
            layout: "de".into(),
            variant: variant.map(str::to_owned),
            latin: None,
        }
    }

    #[test]
    fn a_passphrase_is_typed_by_keys_of_the_layout() {
        for (text, expected) in [
            ("zZüÜ^°", true),
            ("zy", false),
            ("é", false),
            ("ж", false),
            ("", true),
        ] {
            assert_eq!(types(GERMAN, text), expected, "{text}");
        }
    }

    #[test]
    fn the_layout_is_named_in_front() {
        let run = Scripted(|invocation: &Invocation| {
            let compile = invocation.program() == "ckbcomp";
            Output::success(if compile { GERMAN } else { "" })
        });
        let make = |variant, text: &str| Keymap::make(&run, &keyboard(variant), &Secret(text.to_owned()));
        assert_eq!(
            make(Some("nodeadkeys"), "zz").unwrap().text(),
            format!("# keyboard: de (nodeadkeys)\n{GERMAN}")
        );
        let keymap = make(None, "zz").unwrap();
        keymap.check_pin(&keyboard(None), &Secret("ZüZ".into())).unwrap();
        let error = keymap
            .check_pin(&keyboard(None), &Secret("zyz".into()))
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the PIN of the TPM has a character that the keyboard layout de")
        );
        let error = make(None, "zyz").unwrap_err().to_string();
        assert!(
            error.starts_with("the passphrase has a character that the keyboard layout de"),
            "{error}"
        );
        // The message must not give parts of it away.
        assert!(!error.contains("'y'"), "{error}");
    }

    #[test]
    fn both_layouts_type_the_passphrase() {
        let run = Scripted(|invocation: &Invocation| match invocation.to_string().as_str() {
            // Of two layouts, what the keys of the second one give stands behind what those of the first one give.
            "ckbcomp -model pc105 us,ru , grp:alt_shift_toggle" => {
                Output::success("keymaps 0-127\nkeycode 16 = +U+0071 +U+0051 +U+0439 +U+0419\n")
            }
            line if line.starts_with("loadkeys") => Output::success(""),
            line => Output::failure(1, format!("{line}?\n")),
        });
        let russian = Keyboard {
            layout: "ru".into(),
            variant: None,
            latin: Some(XkbLayout::new("us", None)),
        };
        let make = |text: &str| Keymap::make(&run, &russian, &Secret(text.to_owned()));
        let keymap = make("qQйЙ").unwrap();
        assert!(
            keymap
                .text()
                .starts_with("# keyboard: us; Alt+Shift switches to ru\nkeymaps 0-127\n"),
            "{}",
            keymap.text()
        );
        let error = make("qz").unwrap_err().to_string();
        assert!(error.contains("the keyboard layout us with ru gives"), "{error}");
    }

    #[test]
    fn a_layout_that_the_console_cannot_take() {
        for program in ["ckbcomp", "loadkeys"] {
            let run = Scripted(move |invocation: &Invocation| {
                if invocation.program() == program {
                    Output::failure(1, "no such symbols\n")
                } else {
                    Output::success(GERMAN)
                }
            });
            let error = Keymap::make(&run, &keyboard(None), &Secret("zz".into())).unwrap_err();
            assert!(
                error.to_string().starts_with(
                    "the keyboard layout de cannot be used at the prompt for the passphrase: no such symbols"
                ),
                "{error}"
            );
        }
    }
}
