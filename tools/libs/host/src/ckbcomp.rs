//! ckbcomp(1): keymaps of the Linux console, made of XKB layouts.

use crate::run::Invocation;

/// Prints the keymap of a layout, as loadkeys(1) takes it: of each key what it gives alone, with shift and with the
/// right Alt key. Several layouts, and their variants, are separated by commas.
pub fn keymap(layout: &str, variant: &str, options: &str) -> Invocation {
    Invocation::new("ckbcomp").args(["-compact", "-model", "pc105", layout, variant, options])
}

/// The characters that single keys of a keymap give, as far as they are not control characters.
pub fn characters(keymap: &str) -> std::collections::BTreeSet<char> {
    keymap
        .lines()
        .filter_map(|line| line.trim().strip_prefix("keycode ")?.split_once('='))
        .flat_map(|(_, keys)| keys.split_whitespace())
        // A leading + marks a letter, which Caps Lock changes.
        .filter_map(|key| key.trim_start_matches('+').strip_prefix("U+"))
        .filter_map(|code| char::from_u32(u32::from_str_radix(code, 16).ok()?))
        .filter(|character| !character.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_of_a_keymap() {
        let keymap = "keymaps 0-4,6\n# keycode 9 = U+0039\nkeycode 2 = U+0031 U+0021 U+00b9 Meta_one\n\
                      keycode 13 = dead_acute dead_grave\nkeycode 14 = U+007f BackSpace U+d800 U+zz\n\
                      \tkeycode 21 = +U+007a +U+005a U+2190 Control_z\nshift keycode 22 = U+0075\n";
        let found: String = characters(keymap).into_iter().collect();
        assert_eq!(found, "!1Zz\u{b9}\u{2190}");
    }
}
