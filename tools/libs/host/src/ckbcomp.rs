//! ckbcomp(1): keymaps of the Linux console, made of XKB layouts.

use std::collections::BTreeSet;

use crate::run::Invocation;

/// Prints the keymap of a layout, as loadkeys(1) takes it: of each key what it gives alone, with shift and with the
/// right Alt key. Several layouts, and their variants, are separated by commas; `options` say what switches between them.
pub fn keymap(layout: &str, variant: &str, options: &str) -> Invocation {
    // A compact keymap of two layouts holds two levels of each, so that signs behind the right Alt key are lost.
    let compact = (!layout.contains(',')).then_some("-compact");
    let model = ["-model", "pc105", layout, variant, options];
    Invocation::new("ckbcomp").args(compact.into_iter().chain(model))
}

/// What each key of a keymap gives, in the order of the keymap's columns; the first one is the key alone.
fn keys(keymap: &str) -> impl Iterator<Item = impl Iterator<Item = &str>> {
    let lines = keymap.lines();
    lines
        .filter_map(|line| line.trim().strip_prefix("keycode ")?.split_once('='))
        .map(|(_, keys)| keys.split_whitespace())
}

/// The character that a keymap's name of it stands for, unless it is a control character.
fn character(key: &str) -> Option<char> {
    // A leading + marks a letter, which Caps Lock changes.
    let code = key.trim_start_matches('+').strip_prefix("U+")?;
    let character = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
    (!character.is_control()).then_some(character)
}

/// The characters that single keys of a keymap give, as far as they are not control characters.
pub fn characters(keymap: &str) -> BTreeSet<char> {
    keys(keymap).flatten().filter_map(character).collect()
}

/// Whether keys of a keymap alone, without shift or right Alt, give all of the letters a to z. Those of a layout for
/// another script do not, and neither do those of the few Latin ones that have some of them behind the right Alt key.
pub fn is_latin(keymap: &str) -> bool {
    let alone: BTreeSet<char> = keys(keymap)
        .filter_map(|mut keys| character(keys.next()?))
        .collect();
    ('a'..='z').all(|letter| alone.contains(&letter))
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
    #[test]
    fn latin_letters_of_a_keymap() {
        let keymap = |letters: &mut dyn Iterator<Item = char>, second: &str| {
            let line = |letter: char| format!("keycode 16 = +U+{:04x} {second}\n", u32::from(letter));
            format!("keymaps 0-4\n{}", letters.map(line).collect::<String>())
        };
        for (keymap, expected) in [
            (keymap(&mut ('a'..='z'), "+U+0041"), true),
            (keymap(&mut ('a'..='z').rev(), ""), true),
            // Azerbaijani: no key gives w.
            (
                keymap(&mut ('a'..='z').filter(|letter| *letter != 'w'), "VoidSymbol"),
                false,
            ),
            // Turkmen: x is behind the right Alt key.
            (
                keymap(&mut ('a'..='z').filter(|letter| *letter != 'x'), "+U+0078"),
                false,
            ),
            // Russian.
            (keymap(&mut ('\u{430}'..='\u{44f}'), "+U+0061"), false),
            (String::new(), false),
        ] {
            assert_eq!(is_latin(&keymap), expected, "{keymap}");
        }
    }

    #[test]
    fn signs_behind_the_right_alt_key_stay() {
        let line = |layout, variant, options| keymap(layout, variant, options).to_string();
        assert_eq!(line("de", "", ""), "ckbcomp -compact -model pc105 de  ");
        assert_eq!(
            line("fr,ru", ",", "grp:alt_shift_toggle"),
            "ckbcomp -model pc105 fr,ru , grp:alt_shift_toggle"
        );
    }
}
