//! Judges a screenshot: whether a desktop is really drawn on it, rather than a black screen, a text console or
//! a boot splash.
//!
//! Three things must come together. Colours: anti-aliased text and a picture behind it need many, a console has
//! a handful. Edges: there is something to see, and it is not noise. Text: the words that a greeter or a
//! desktop shows, as read by OCR, or a clock.

use sigmavault_vm::Measures;

use super::judgement::Judgement;

/// Fewest colours (5 bits per channel) on a desktop.
const FEWEST_COLOURS: usize = 40;
/// Share of neighbouring pixels with a visible step between them: less is blank, more is noise.
const EDGES: std::ops::RangeInclusive<f64> = 0.0005..=0.25;
/// Largest share of the screen that one colour may cover.
const MOST_UNIFORM: f64 = 0.985;
/// Words on GDM's greeter, GNOME's overview and desktop, or the installer's launcher, in lower case. Not the
/// product's name: a boot splash shows that too.
const WORDS: [&str; 6] = [
    "type to search",
    "activities",
    "not listed",
    "username",
    "log in",
    "install",
];

/// Judges a picture by its measures and by the text that OCR found on it.
pub fn judge(picture: &Measures, text: &str) -> Judgement {
    let mut complaints = Vec::new();
    if picture.colours < FEWEST_COLOURS {
        complaints.push(format!(
            "only {} colours, like a blank screen or a text console",
            picture.colours
        ));
    }
    if picture.uniform > MOST_UNIFORM {
        complaints.push(format!("{:.1} % of it is one colour", picture.uniform * 100.0));
    }
    if !EDGES.contains(&picture.edges) {
        complaints.push(format!(
            "{:.3} % edges, outside of what a desktop has",
            picture.edges * 100.0
        ));
    }
    let found = known_text(text);
    if found.is_none() {
        let read: Vec<&str> = text.split_whitespace().take(12).collect();
        complaints.push(format!(
            "no text of a greeter or a desktop on it; read: {:?}",
            read.join(" ")
        ));
    }
    Judgement::of(
        format!(
            "{}x{}, {} colours, {:.2} % edges, text {:?}",
            picture.width,
            picture.height,
            picture.colours,
            picture.edges * 100.0,
            found.unwrap_or_default()
        ),
        format!("at least {FEWEST_COLOURS} colours, edges, and text of a greeter or a desktop"),
        &complaints,
    )
}

/// The first known word, or a clock, in what OCR read.
fn known_text(text: &str) -> Option<String> {
    let lower = text
        .to_lowercase()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let word = WORDS
        .iter()
        .find(|word| lower.contains(**word))
        .map(|word| (*word).to_owned());
    word.or_else(|| lower.split(' ').find(|word| is_clock(word)).map(str::to_owned))
}

fn is_clock(word: &str) -> bool {
    let Some((hours, minutes)) = word.split_once(':') else {
        return false;
    };
    let number = |text: &str, below: u8| text.parse::<u8>().is_ok_and(|number| number < below);
    (1..=2).contains(&hours.len()) && minutes.len() == 2 && number(hours, 24) && number(minutes, 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smoke::judgement::Outcome;
    use proptest::prelude::*;
    use sigmavault_vm::Picture;

    const WIDTH: usize = 320;
    const HEIGHT: usize = 200;

    fn byte(number: usize) -> u8 {
        u8::try_from(number % 256).unwrap()
    }

    /// A gradient with a dark bar, bright text in it, and a window.
    fn desktop() -> Picture {
        Picture::from_fn(WIDTH, HEIGHT, |x, y| match (x, y) {
            (140..180, 4..10) if x % 3 == 0 => [255; 3],
            (_, 0..14) => [0; 3],
            (60..200, 60..140) if y % 9 < 4 && x % 5 < 2 => [30; 3],
            (60..200, 60..140) => [250; 3],
            _ => [byte(x * 255 / WIDTH), byte(y * 255 / HEIGHT), 120],
        })
    }

    /// White cells on black without anti-aliasing.
    fn console() -> Picture {
        Picture::from_fn(WIDTH, HEIGHT, |x, y| {
            if y < 90 && x < 200 && y % 16 < 10 && (x * 7 + y * 3) % 11 < 3 {
                [170; 3]
            } else {
                [0; 3]
            }
        })
    }

    fn noise() -> Picture {
        Picture::from_fn(WIDTH, HEIGHT, |x, y| {
            let hash = (x * 7919 + y * 104_729).wrapping_mul(2_654_435_761);
            [byte(hash >> 8), byte(hash >> 16), byte(hash >> 24)]
        })
    }

    #[test]
    fn only_a_desktop_with_text_passes() {
        let greeter = "Fri 10:15\n\nNot listed?";
        for (name, picture, text, outcome) in [
            ("desktop", desktop(), greeter, Outcome::Pass),
            ("desktop, only a clock", desktop(), "Nov 20 9:05", Outcome::Pass),
            ("desktop without text", desktop(), "", Outcome::Fail),
            (
                "desktop with something else",
                desktop(),
                "Loading 10:75 a:bc",
                Outcome::Fail,
            ),
            (
                "black",
                Picture::from_fn(WIDTH, HEIGHT, |_, _| [0; 3]),
                greeter,
                Outcome::Fail,
            ),
            (
                "grey",
                Picture::from_fn(WIDTH, HEIGHT, |_, _| [46; 3]),
                greeter,
                Outcome::Fail,
            ),
            ("console", console(), "sigmavault login: 10:15", Outcome::Fail),
            ("noise", noise(), greeter, Outcome::Fail),
            (
                "gradient",
                Picture::from_fn(WIDTH, HEIGHT, |x, y| [byte(x / 2), byte(y), 90]),
                greeter,
                Outcome::Fail,
            ),
        ] {
            let judged = judge(&picture.measure(), text);
            assert_eq!(judged.outcome, outcome, "{name}: {judged:?}");
        }
    }

    #[test]
    fn clocks() {
        for (word, expected) in [
            ("10:15", true),
            ("9:05", true),
            ("24:00", false),
            ("10:6", false),
            ("1015", false),
        ] {
            assert_eq!(is_clock(word), expected, "{word}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_searched(text in ".{0,80}") {
            prop_assert_eq!(known_text(&text).is_some(), judge(&desktop().measure(), &text).outcome == Outcome::Pass);
        }
    }
}
