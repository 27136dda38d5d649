use std::collections::BTreeMap;

use sigmavault_host::run::{Invocation, Output, Scripted};

use super::*;
use crate::machine::KeyboardLayout;

/// Locales of the image, as `localectl list-locales` prints them (locales-all 2.41).
const LOCALES: &str = include_str!("../../tests/keyboards/locales.txt");
/// Layouts and variants of xkb-data 2.42, each with whether the keymap that ckbcomp 1.242 makes of it has the letters a to
/// z: `layout=latin variant=other`, a line for each layout.
const LAYOUTS: &str = include_str!("../../tests/keyboards/layouts.txt");
/// The keyboard that goes with each locale.
const PROPOSALS: &str = include_str!("../../tests/keyboards/proposals.txt");

fn keyboard(layout: &str, variant: Option<&str>, latin: Option<XkbLayout>) -> Keyboard {
    Keyboard {
        layout: layout.into(),
        variant: variant.map(str::to_owned),
        latin,
    }
}

/// The layouts of the image, and the letters of each of them and of their variants.
fn image() -> (Vec<KeyboardLayout>, KnownLetters) {
    let mut layouts = Vec::new();
    let mut letters = Vec::new();
    for line in LAYOUTS.lines() {
        let mut names = line.split(' ').map(|word| {
            let (name, letters) = word.split_once('=').unwrap();
            let letters = match letters {
                "latin" => Letters::Latin,
                "other" => Letters::Other,
                "unusable" => Letters::Unusable("no such file".into()),
                other => panic!("{other}"),
            };
            (name.to_owned(), letters)
        });
        let (layout, of_layout) = names.next().unwrap();
        let variants: Vec<(String, Letters)> = names.collect();
        letters.push((XkbLayout::new(&layout, None), of_layout));
        let of_variants = variants.iter().cloned();
        letters.extend(of_variants.map(|(name, letters)| (XkbLayout::new(&layout, Some(&name)), letters)));
        layouts.push(KeyboardLayout {
            name: layout,
            description: String::new(),
            variants: variants
                .into_iter()
                .map(|(name, _)| (name, String::new()))
                .collect(),
        });
    }
    (layouts, letters.into_iter().collect())
}

#[test]
fn every_locale_of_the_image_gets_a_keyboard_that_types_latin() {
    let (layouts, letters) = image();
    let mut found = Vec::new();
    for locale in LOCALES.lines() {
        let layout = propose(locale, &layouts).unwrap_or_else(|| XkbLayout::new(LATIN, None));
        let keyboard = letters.completed(&keyboard(&layout.layout, layout.variant.as_deref(), None));
        let first = &super::layouts(&keyboard)[0];
        assert_eq!(letters.of(first), Some(&Letters::Latin), "{locale}: {first}");
        found.push(format!("{locale:24} {}", named(&keyboard)));
    }
    if std::env::var_os("UPDATE_PROPOSALS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keyboards/proposals.txt");
        std::fs::write(path, found.join("\n") + "\n").unwrap();
        return;
    }
    let expected: Vec<&str> = PROPOSALS.lines().collect();
    assert_eq!(found, expected);
}

#[test]
fn what_people_have_on_their_keys() {
    let (layouts, _) = image();
    for (locale, expected) in [
        ("ru_RU.UTF-8", "ru"),
        ("ru_UA.UTF-8", "ru"),
        ("el_CY.UTF-8", "gr"),
        ("ar_SA.UTF-8", "ara"),
        ("en_IN", "us"),
        ("hi_IN", "in"),
        ("ta_IN", "in (tam)"),
        ("en_CA.UTF-8", "us"),
        ("fr_CA.UTF-8", "ca"),
        ("en_IL", "us"),
        ("he_IL.UTF-8", "il"),
        ("en_GB.UTF-8", "gb"),
        ("en_US.UTF-8", "us"),
        ("es_MX.UTF-8", "latam"),
        ("es_ES.UTF-8", "es"),
        ("fr_CH.UTF-8", "ch (fr)"),
        ("de_CH.UTF-8", "ch"),
        ("nl_NL.UTF-8", "us"),
        ("sr_RS", "rs"),
        ("sr_RS@latin", "rs (latin)"),
        ("ca_ES@valencia", "es (cat)"),
        ("ms_MY.UTF-8", "us"),
    ] {
        let found = propose(locale, &layouts).map(|layout| layout.to_string());
        assert_eq!(found.as_deref(), Some(expected), "{locale}");
    }
    for locale in ["C.UTF-8", "eo", "tlh_AQ", "", "@", "_", "de_"] {
        assert_eq!(propose(locale, &layouts), None, "{locale}");
    }
    assert_eq!(propose("de_DE.UTF-8", &[]), None, "an image without layouts");
}

#[test]
fn every_exception_is_a_layout_of_the_image() {
    let (layouts, letters) = image();
    for (key, layout, variant) in proposal::OTHERS {
        let layout = XkbLayout::new(layout, Some(variant).filter(|name| !name.is_empty()));
        assert!(
            matches!(letters.of(&layout), Some(Letters::Latin | Letters::Other)),
            "{key}: {layout}"
        );
    }
    let keys: BTreeMap<&str, usize> = proposal::OTHERS.iter().map(|(key, _, _)| (*key, 1)).collect();
    assert_eq!(keys.len(), proposal::OTHERS.len(), "a key stands there once");
    assert!(layouts.len() > 90);
}

#[test]
fn a_layout_without_latin_letters_gets_a_second_one() {
    let known = |layout: &str, letters| {
        [(XkbLayout::new(layout, None), letters)]
            .into_iter()
            .collect::<KnownLetters>()
    };
    let wanted = keyboard("ru", None, None);
    let us = XkbLayout::new("us", None);
    assert_eq!(known("ru", Letters::Other).completed(&wanted).latin, Some(us));
    assert_eq!(known("ru", Letters::Latin).completed(&wanted), wanted);
    assert_eq!(
        known("gr", Letters::Other).completed(&wanted),
        wanted,
        "nobody asked about it"
    );
    let chosen = keyboard("ru", None, Some(XkbLayout::new("de", Some("neo"))));
    assert_eq!(known("ru", Letters::Other).completed(&chosen), chosen);
    let too = keyboard("de", None, Some(XkbLayout::new("us", None)));
    assert_eq!(
        known("de", Letters::Latin).completed(&too),
        too,
        "it may be wanted"
    );
}

#[test]
fn letters_come_from_the_keymap() {
    let run = Scripted(|invocation: &Invocation| {
        let letters = match invocation.to_string().as_str() {
            "ckbcomp -compact -model pc105 us  " => 'a'..='z',
            "ckbcomp -compact -model pc105 ru phonetic " => 'а'..='я',
            _ => return Output::failure(2, "Can not find file \"symbols/xx\"\n"),
        };
        let line = |letter: char| format!("keycode 16 = +U+{:04x}\n", u32::from(letter));
        Output::success(letters.map(line).collect::<String>())
    });
    let us = XkbLayout::new("us", None);
    let mut known = KnownLetters::default();
    known.learn(&run, &keyboard("ru", Some("phonetic"), Some(us.clone())));
    known.learn(&run, &keyboard("xx", None, None));
    assert_eq!(known.of(&us), Some(&Letters::Latin));
    assert_eq!(
        known.of(&XkbLayout::new("ru", Some("phonetic"))),
        Some(&Letters::Other)
    );
    assert_eq!(
        known.of(&XkbLayout::new("xx", None)),
        Some(&Letters::Unusable("Can not find file \"symbols/xx\"".into()))
    );
    assert_eq!(known.of(&XkbLayout::new("ru", None)), None);
}

#[test]
fn files_and_names() {
    let us = |variant| Some(XkbLayout::new("us", variant));
    for (keyboard, file, expected) in [
        (
            keyboard("de", Some("nodeadkeys"), None),
            "XKBLAYOUT=\"de\"\nXKBVARIANT=\"nodeadkeys\"\nXKBOPTIONS=\"\"",
            "de (nodeadkeys)",
        ),
        (
            keyboard("ru", None, us(None)),
            "XKBLAYOUT=\"us,ru\"\nXKBVARIANT=\",\"\nXKBOPTIONS=\"grp:alt_shift_toggle\"",
            "us; Alt+Shift switches to ru",
        ),
        (
            keyboard("ru", Some("phonetic"), us(None)),
            "XKBLAYOUT=\"us,ru\"\nXKBVARIANT=\",phonetic\"\nXKBOPTIONS=\"grp:alt_shift_toggle\"",
            "us; Alt+Shift switches to ru (phonetic)",
        ),
        (
            keyboard("gr", None, us(Some("dvorak"))),
            "XKBLAYOUT=\"us,gr\"\nXKBVARIANT=\"dvorak,\"\nXKBOPTIONS=\"grp:alt_shift_toggle\"",
            "us (dvorak); Alt+Shift switches to gr",
        ),
    ] {
        let text = Xkb::of(&keyboard).file();
        assert_eq!(text, format!("XKBMODEL=\"pc105\"\n{file}\nBACKSPACE=\"guess\"\n"));
        assert_eq!(named(&keyboard), expected);
    }
}
