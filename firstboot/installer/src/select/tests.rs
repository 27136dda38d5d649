use proptest::prelude::*;

use super::*;
use crate::machine::Contents;

fn disk(name: &str, model: &str, serial: Option<&str>, bus: &str, bytes: u64) -> Disk {
    Disk {
        name: name.to_owned(),
        path: format!("/dev/{name}"),
        links: vec![
            format!("/dev/disk/by-path/{name}"),
            format!("/dev/disk/by-id/{name}"),
        ],
        model: model.to_owned(),
        serial: serial.map(str::to_owned),
        wwn: serial.map(|serial| format!("wwn-{serial}")),
        subsystem: None,
        paths: Vec::new(),
        bus: bus.to_owned(),
        bytes,
        rotational: false,
        sector: 512,
        in_use: None,
        holders: Vec::new(),
        contents: Contents::Empty,
    }
}

fn disks() -> Vec<Disk> {
    vec![
        disk("nvme0n1", "Samsung SSD 980", Some("S1"), "nvme", 500_000_000_000),
        disk("sda", "WDC WD40EFRX", Some("W1"), "sata", 4_000_000_000_000),
        disk("sdb", "WDC WD40EFRX", Some("W2"), "sata", 4_000_000_000_000),
        disk("sdc", "", None, "usb", 16_000_000_000),
    ]
}

/// What a selector, written as in an answer file, chooses.
fn choose(selector: &str) -> Result<String, String> {
    let selector: Selector = toml::from_str(selector).expect("a selector");
    let disks = disks();
    let all: Vec<&Disk> = disks.iter().collect();
    let chosen = selector.choose(&all);
    chosen
        .map(|disk| disk.name.clone())
        .map_err(|error| error.to_string())
}

#[test]
fn exactly_one() {
    for (selector, expected) in [
        ("serial = 'W2'", "sdb"),
        ("wwn = 'wwn-W1'", "sda"),
        ("model = '*ssd*'", "nvme0n1"),
        ("model = 'samsung ssd 980'", "nvme0n1"),
        ("model = ''", "sdc"),
        ("bus = 'NVMe'", "nvme0n1"),
        ("path = '/dev/sda'", "sda"),
        ("path = '/dev/disk/by-id/sdb'", "sdb"),
        ("max-size = '100G'", "sdc"),
        ("min-size = '100G'\nmax-size = '1T'", "nvme0n1"),
        ("model = 'WDC*'\nserial = 'W1'", "sda"),
    ] {
        assert_eq!(choose(selector), Ok(expected.to_owned()), "{selector}");
    }
}

#[test]
fn sizes_include_their_bounds() {
    let one = [disk("sda", "", None, "", 64 << 30)];
    let found = |least, most| {
        let selector = Selector {
            min_size: Some(Size(least)),
            max_size: Some(Size(most)),
            ..Selector::default()
        };
        selector.choose(&[&one[0]]).is_ok()
    };
    assert!(found(64 << 30, 64 << 30));
    assert!(!found((64 << 30) + 1, u64::MAX));
    assert!(!found(0, (64 << 30) - 1));
}

#[test]
fn none_tells_what_is_there() {
    assert_eq!(
        choose("serial = 'X'\nmodel = 'WDC*'"),
        Err("no disk matches serial = \"X\", model = \"WDC*\"
  nvme0n1  500 GB  nvme  Samsung SSD 980  S1
  sda  4.00 TB  sata  WDC WD40EFRX  W1
  sdb  4.00 TB  sata  WDC WD40EFRX  W2
  sdc  16.0 GB  usb  no model  no serial number"
            .to_owned())
    );
    let serial = Selector {
        serial: Some("X".to_owned()),
        ..Selector::default()
    };
    assert_eq!(
        serial.choose(&[]).map_err(|error| error.to_string()),
        Err("no disk matches serial = \"X\"\n  there is no disk to choose from".to_owned())
    );
}

#[test]
fn several_tells_which() {
    assert_eq!(
        choose("model = 'WDC*'\nmin-size = '1T'"),
        Err(
            "2 disks match model = \"WDC*\", min-size = \"1T\"; add what tells them apart, such as the serial number
  sda  4.00 TB  sata  WDC WD40EFRX  W1
  sdb  4.00 TB  sata  WDC WD40EFRX  W2"
                .to_owned()
        )
    );
}

#[test]
fn an_empty_selector_matches_nothing() {
    let one = [disk("sda", "", None, "", 1)];
    assert_eq!(Selector::default().choose(&[&one[0]]), Err(SelectError::Empty));
}

#[test]
fn globs() {
    for (pattern, text, expected) in [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("**", "abc", true),
        ("a*", "abc", true),
        ("*c", "abc", true),
        ("a*c", "abc", true),
        ("a*a", "a", false),
        ("*ab*ab*", "abab", true),
        ("*ab*ab*", "abaab", true),
        ("*aba*aba", "ababa", false),
        ("ABC", "abc", true),
        ("a.c", "abc", false),
        ("ä*", "Äb", true),
    ] {
        assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
    }
}

/// Tries every way in which `*` can stand for something.
fn naive(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|skipped| naive(rest, &text[skipped..])),
        Some((letter, rest)) => text.first() == Some(letter) && naive(rest, &text[1..]),
    }
}

proptest! {
    #[test]
    fn glob_agrees_with_trying_everything(pattern in "[ab*]{0,9}", text in "[ab]{0,9}") {
        let letters = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(glob(&pattern, &text), naive(&letters(&pattern), &letters(&text)));
    }

    #[test]
    fn glob_takes_any_text(pattern in any::<String>(), text in any::<String>()) {
        glob(&pattern, &text);
        let all = format!("{text}*");
        prop_assert!(text.contains('*') || glob(&all, &text));
    }
}
