//! The form of `config.txt` and `autoboot.txt`: a filter or a setting on each line, `#` at its beginning makes it a comment.

/// Characters of a line that are read; the rest is ignored.
pub const LINE: usize = 98;

/// A line that says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// What stands between brackets.
    Filter(&'a str),
    /// A setting with `=`: its name and its value.
    Setting(&'a str, &'a str),
    /// Words without `=`, such as `initramfs` and `include` have: the first one, and the rest.
    Words(&'a str, &'a str),
}

/// The lines that say something, and whether each was cut. Spaces in front of a line do not count, as in the documentation's examples;
/// spaces around `=` do.
pub fn lines(text: &str) -> impl Iterator<Item = (Line<'_>, bool)> {
    text.lines().filter_map(|whole| {
        let whole = whole.trim_start().trim_end_matches('\r');
        let end = whole.char_indices().nth(LINE).map_or(whole.len(), |(at, _)| at);
        let line = &whole[..end];
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let said = if let Some(inside) = line.strip_prefix('[') {
            Line::Filter(inside.split(']').next().unwrap_or(inside))
        } else if let Some(rest) = ["initramfs", "include"].iter().find_map(|word| {
            line.strip_prefix(word)?
                .strip_prefix(' ')
                .map(|rest| (*word, rest))
        }) {
            Line::Words(rest.0, rest.1.trim())
        } else {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            Line::Setting(name, value)
        };
        Some((said, end < whole.len()))
    })
}

/// A whole number as the firmware's files have them: decimal, or hexadecimal behind `0x`.
pub fn number(value: &str) -> Option<u32> {
    match value.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => value.trim_end().parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        let text = "# a comment\r\n\n [pi4]\r\nkernel=vmlinuz\r\ninitramfs a.img,b.img followkernel\ninclude more.txt\nkernel = x\n[all\n";
        let said: Vec<_> = lines(text).map(|(line, _)| line).collect();
        assert_eq!(
            said,
            [
                Line::Filter("pi4"),
                Line::Setting("kernel", "vmlinuz"),
                Line::Words("initramfs", "a.img,b.img followkernel"),
                Line::Words("include", "more.txt"),
                Line::Setting("kernel ", " x"),
                Line::Filter("all"),
            ]
        );
    }

    #[test]
    fn long_lines_are_cut() {
        let text = format!("kernel={}\n", "k".repeat(92));
        let (line, cut) = lines(&text).next().unwrap();
        assert_eq!(line, Line::Setting("kernel", &"k".repeat(91)));
        assert!(cut);
    }

    #[test]
    fn numbers() {
        for (text, expected) in [
            ("2", Some(2)),
            ("0x11", Some(17)),
            ("", None),
            ("-1", None),
            ("2x", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(.|\n){0,300}") {
            for (line, _) in lines(&text) {
                if let Line::Setting(_, value) = line {
                    let _ = number(value);
                }
            }
        }
    }
}
