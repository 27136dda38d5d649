//! Keyboards: two layouts, and names that cannot be layouts.

use super::*;
use crate::keyboard::Letters;

#[test]
fn a_second_layout() {
    let layout = |name: &str| KeyboardLayout {
        name: name.to_owned(),
        description: String::new(),
        variants: Vec::new(),
    };
    let mut machine = machine();
    machine.keyboards.extend(["gr", "ru", "xx"].map(layout));
    machine.letters = [
        ("us", Letters::Latin),
        ("ru", Letters::Other),
        ("gr", Letters::Other),
        ("xx", Letters::Unusable("no such file".to_owned())),
    ]
    .map(|(name, letters)| (XkbLayout::new(name, None), letters))
    .into_iter()
    .collect();
    let with = |layout: &str, latin: Option<&str>| {
        let mut answers = answers();
        answers.keyboard.layout = layout.to_owned();
        answers.keyboard.latin = latin.map(|name| XkbLayout::new(name, None));
        answers
    };
    for (layout, latin, expected) in [
        ("ru", None, Some("us")),
        ("ru", Some("us"), Some("us")),
        ("us", None, None),
    ] {
        let plan = plan(&machine, &with(layout, latin));
        let found = plan.settings.unwrap().keyboard.latin;
        assert_eq!(found.map(|latin| latin.layout).as_deref(), expected, "{layout}");
    }
    for (layout, latin, expected) in [
        (
            "ru",
            Some("gr"),
            "keyboard.latin.layout: layout 'gr' lacks letters of a to z; 'us' has all of them",
        ),
        (
            "us",
            Some("us"),
            "keyboard.latin.layout: is the same layout as keyboard.layout: leave keyboard.latin out, or name another one",
        ),
        (
            "ru",
            Some("su"),
            "keyboard.latin.layout: there is no layout 'su'; nearest: 'us'",
        ),
        (
            "xx",
            None,
            "keyboard.layout: the console cannot use layout 'xx': no such file",
        ),
    ] {
        assert_eq!(refused(&machine, &with(layout, latin)), [expected]);
    }
}

#[test]
fn names_that_cannot_be_layouts_are_refused_on_any_machine() {
    for (layout, variant, latin, expected) in [
        (
            "us,ru",
            None,
            None,
            "keyboard.layout: 'us,ru' is not the name of one layout, such as 'us'; a second layout is named by keyboard.latin",
        ),
        (
            "$(reboot)",
            None,
            None,
            "keyboard.layout: '$(reboot)' is not the name of one layout, such as 'us'; a second layout is named by keyboard.latin",
        ),
        (
            "ru",
            Some(""),
            None,
            "keyboard.variant: '' is not the name of a variant, such as 'nodeadkeys'",
        ),
        (
            "ru",
            None,
            Some("\""),
            "keyboard.latin.layout: '\"' is not the name of one layout, such as 'us'; a second layout is named by keyboard.latin",
        ),
    ] {
        let mut wrong = answers();
        wrong.keyboard = Keyboard {
            layout: layout.to_owned(),
            variant: variant.map(str::to_owned),
            latin: latin.map(|name| XkbLayout::new(name, None)),
        };
        let found: Vec<String> = check(&wrong).iter().map(ToString::to_string).collect();
        assert_eq!(found, [expected]);
        let mut unknown = machine();
        unknown.keyboards.clear();
        assert_eq!(refused(&unknown, &wrong), [expected]);
    }
}
