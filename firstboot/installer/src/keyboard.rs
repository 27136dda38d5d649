//! Keyboards: which letters a layout types, the second layout of one that lacks the letters a to z, and how both are
//! told to the programs that read keyboard(5).

mod layout;
mod letters;
mod proposal;
#[cfg(test)]
mod tests;

use sigmavault_host::ckbcomp;
use sigmavault_host::run::Run;

use crate::answers::Keyboard;

pub use layout::XkbLayout;
pub use letters::{KnownLetters, Letters};
pub use proposal::propose;

/// The keys that switch between two layouts, for a person.
pub const SWITCH: &str = "Alt+Shift";
/// The option of XKB that makes them switch (xkeyboard-config(7)).
pub const SWITCH_OPTION: &str = "grp:alt_shift_toggle";
/// The layout for Latin letters unless another one is chosen.
pub const LATIN: &str = "us";

impl KnownLetters {
    /// Makes the keymap of each layout of a keyboard that is not known yet, and looks which letters it gives.
    pub fn learn(&mut self, run: &dyn Run, keyboard: &Keyboard) {
        for layout in layouts(keyboard) {
            if self.of(&layout).is_none() {
                let letters = letters(run, &layout);
                self.add([(layout, letters)].into_iter().collect());
            }
        }
    }

    /// The keyboard with the layout for Latin letters that it needs, where none was chosen.
    pub fn completed(&self, keyboard: &Keyboard) -> Keyboard {
        let lacking = self.of(&national(keyboard)) == Some(&Letters::Other);
        let latin = || lacking.then(|| XkbLayout::new(LATIN, None));
        Keyboard {
            latin: keyboard.latin.clone().or_else(latin),
            ..keyboard.clone()
        }
    }
}

fn letters(run: &dyn Run, layout: &XkbLayout) -> Letters {
    let variant = layout.variant.as_deref().unwrap_or_default();
    match run.text(&ckbcomp::keymap(&layout.layout, variant, "")) {
        Ok(keymap) if ckbcomp::is_latin(&keymap) => Letters::Latin,
        Ok(_) => Letters::Other,
        Err(error) => Letters::Unusable(error.last_words()),
    }
}

/// The layout that was asked for, without the one for Latin letters.
pub fn national(keyboard: &Keyboard) -> XkbLayout {
    XkbLayout {
        layout: keyboard.layout.clone(),
        variant: keyboard.variant.clone(),
    }
}

/// The layouts of a keyboard. The first is in use until somebody switches: names, passwords and commands are Latin.
pub fn layouts(keyboard: &Keyboard) -> Vec<XkbLayout> {
    let latin = keyboard.latin.iter().cloned();
    latin.chain([national(keyboard)]).collect()
}

/// The names of the layouts.
pub fn names(keyboard: &Keyboard) -> String {
    let all: Vec<String> = layouts(keyboard).iter().map(ToString::to_string).collect();
    all.join(" with ")
}

/// The layouts, for a person: which one is in use at first, and how to come to the other one.
pub fn named(keyboard: &Keyboard) -> String {
    let national = national(keyboard);
    match &keyboard.latin {
        None => national.to_string(),
        Some(latin) => format!("{latin}; {SWITCH} switches to {national}"),
    }
}

/// A keyboard in XKB's terms: lists that are separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Xkb {
    /// Layouts.
    pub layouts: String,
    /// The variant of each layout; empty for its standard one.
    pub variants: String,
    /// Options.
    pub options: &'static str,
}

impl Xkb {
    /// A keyboard in these terms.
    pub fn of(keyboard: &Keyboard) -> Self {
        let all = layouts(keyboard);
        let list = |each: fn(&XkbLayout) -> &str| all.iter().map(each).collect::<Vec<_>>().join(",");
        Self {
            layouts: list(|layout| &layout.layout),
            variants: list(|layout| layout.variant.as_deref().unwrap_or_default()),
            options: if all.len() > 1 { SWITCH_OPTION } else { "" },
        }
    }

    /// The text of `/etc/default/keyboard` (keyboard(5)). The console reads it, and GNOME by way of
    /// systemd-localed(8), which makes an input source of each layout.
    pub fn file(&self) -> String {
        format!(
            "XKBMODEL=\"pc105\"\nXKBLAYOUT=\"{}\"\nXKBVARIANT=\"{}\"\nXKBOPTIONS=\"{}\"\nBACKSPACE=\"guess\"\n",
            self.layouts, self.variants, self.options
        )
    }
}
