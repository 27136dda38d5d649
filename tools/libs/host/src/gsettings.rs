//! gsettings(1): settings of a person's GNOME.

use std::path::Path;

use crate::run::Invocation;

/// Sets the keyboard layouts of a person's GNOME session, in their order, and the options of XKB. They hold at once.
/// `layouts` are pairs of layout and variant; `bus` is the socket of the session's bus.
pub fn keyboard(person: &str, bus: &Path, layouts: &[(&str, &str)], options: &[&str]) -> [Invocation; 2] {
    let sources: Vec<String> = layouts
        .iter()
        .map(|(layout, variant)| {
            let plus = if variant.is_empty() { "" } else { "+" };
            format!("('xkb', '{layout}{plus}{variant}')")
        })
        .collect();
    let options: Vec<String> = options.iter().map(|option| format!("'{option}'")).collect();
    // A list without elements has no type of its own (GVariant text format).
    let options = format!("@as [{}]", options.join(", "));
    let set = |key: &str, value: String| {
        let words = [
            "-u",
            person,
            "--",
            "gsettings",
            "set",
            "org.gnome.desktop.input-sources",
            key,
        ];
        Invocation::new("runuser")
            .args(words)
            .arg(value)
            .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", bus.display()))
    };
    [
        set("sources", format!("[{}]", sources.join(", "))),
        set("xkb-options", options),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_in_gvariants_text_format() {
        let set = |layouts: &[(&str, &str)], options: &[&str]| {
            keyboard("live", Path::new("/run/user/1000/bus"), layouts, options).map(|ask| ask.to_string())
        };
        let begin = "runuser -u live -- gsettings set org.gnome.desktop.input-sources";
        assert_eq!(
            set(&[("us", ""), ("ru", "phonetic")], &["grp:alt_shift_toggle"]),
            [
                format!("{begin} sources [('xkb', 'us'), ('xkb', 'ru+phonetic')]"),
                format!("{begin} xkb-options @as ['grp:alt_shift_toggle']"),
            ]
        );
        assert_eq!(
            set(&[("de", "")], &[]),
            [
                format!("{begin} sources [('xkb', 'de')]"),
                format!("{begin} xkb-options @as []"),
            ]
        );
        let [first, _] = keyboard("live", Path::new("/run/user/1000/bus"), &[], &[]);
        assert!(
            first
                .quoted()
                .starts_with("DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus runuser"),
            "{}",
            first.quoted()
        );
    }
}
