//! Text that fits into its place, and numbers for a person.

use std::time::Duration;

use ratatui::text::Span;
use sigmavault_facts::terminal::printable;

/// Breaks a text at spaces into lines of at most this width; line breaks in it stay. Names of disks and the like are made safe
/// for a terminal.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let paragraph = &printable(paragraph);
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let needed = columns(&line) + usize::from(!line.is_empty()) + columns(word);
            if needed > width && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            while columns(&line) > width && width > 0 {
                let head = cut(&line, width);
                line.drain(..head.len());
                lines.push(head);
            }
        }
        lines.push(line);
    }
    lines
}

/// As much of the beginning as fits.
fn cut(text: &str, width: usize) -> String {
    let mut head = String::new();
    for character in text.chars() {
        head.push(character);
        if columns(&head) > width {
            head.pop();
            break;
        }
    }
    if head.is_empty() {
        head.extend(text.chars().next());
    }
    head
}

/// Exactly this wide: filled up with spaces, or cut off with dots, and safe for a terminal.
pub(crate) fn fit(text: &str, width: usize) -> String {
    let text = &printable(text);
    let taken = columns(text);
    if taken <= width {
        return format!("{text}{}", " ".repeat(width - taken));
    }
    let head = cut(text, width.saturating_sub(2));
    let head = head.trim_end();
    let dots = width.saturating_sub(columns(head)).min(2);
    let fitted = format!("{head}{}", "..".get(..dots).unwrap_or_default());
    let missing = width.saturating_sub(columns(&fitted));
    format!("{fitted}{}", " ".repeat(missing))
}

/// Columns that a text takes.
pub(crate) fn columns(text: &str) -> usize {
    Span::raw(text).width()
}

/// `0.4 s`, `12 s`, `3:05`, `1:02:03`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_break_at_spaces_and_long_words_anywhere() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("a\n\nb", 3), ["a", "", "b"]);
    }

    #[test]
    fn cut_off_texts_show_it() {
        assert_eq!(fit("WDC WD40EFRX", 8), "WDC WD..");
        assert_eq!(fit("sda", 5), "sda  ");
        assert_eq!(fit("ab", 1), "a");
    }

    #[test]
    fn names_of_disks_cannot_reorder_a_line() {
        assert_eq!(fit("a\u{202e}b\x1b", 22), "a\\u{202e}b\\u{1b}      ");
        assert_eq!(wrap("a\u{202e}b\nc", 20), ["a\\u{202e}b", "c"]);
    }

    #[test]
    fn durations() {
        let cases = [
            (0, "0.0 s"),
            (9_940, "9.9 s"),
            (59_999, "59 s"),
            (185_000, "3:05"),
            (3_723_000, "1:02:03"),
        ];
        for (milliseconds, text) in cases {
            assert_eq!(duration(Duration::from_millis(milliseconds)), text);
        }
    }

    proptest! {
        #[test]
        fn whatever_the_text_it_fits(text in "\\PC{0,40}", width in 2_usize..30) {
            prop_assert_eq!(columns(&fit(&text, width)), width);
            for line in wrap(&text, width) {
                prop_assert!(columns(&line) <= width);
            }
        }
    }
}
