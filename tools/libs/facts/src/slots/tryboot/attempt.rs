//! Records on the boot partition of a Raspberry Pi: one short line each, rewritten in place.

use sigmavault_types::slots::Slot;

/// A slot that has to prove itself: `b 3`, `b 2 again` or `b 0 once`. Further words are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The slot.
    pub slot: Slot,
    /// Starts that are left, with the one that runs; 0 with `once`.
    pub left: u32,
    /// Whether it is started once and does not become the preferred one.
    pub once: bool,
    /// Whether the last restart that was to try it was not seen to do so. That is forgiven once.
    pub again: bool,
}

impl Attempt {
    /// A try with this many starts.
    pub const fn new(slot: Slot, left: u32) -> Self {
        Self {
            slot,
            left,
            once: false,
            again: false,
        }
    }

    /// A single start.
    pub const fn once(slot: Slot) -> Self {
        Self {
            once: true,
            ..Self::new(slot, 0)
        }
    }

    /// Reads the line; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let slot = bad(words.next()?)?;
        let left = words.next().filter(|left| left.len() <= 4)?;
        if !left.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut attempt = Self::new(slot, left.parse().ok()?);
        for word in words {
            attempt.once |= word == "once";
            attempt.again |= word == "again";
        }
        Some(attempt)
    }

    /// The line, with its newline.
    pub fn line(self) -> String {
        let once = if self.once { " once" } else { "" };
        let again = if self.again { " again" } else { "" };
        format!("{} {}{once}{again}\n", self.slot.name(), self.left)
    }
}

/// The slot in the line of the one that was given up.
pub fn bad(text: &str) -> Option<Slot> {
    let name = text.trim();
    Slot::ALL.into_iter().find(|slot| slot.name() == name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines() {
        for (text, expected) in [
            ("b 3\n", Some(Attempt::new(Slot::B, 3))),
            ("a 0 once\n", Some(Attempt::once(Slot::A))),
            (
                "b 2 again",
                Some(Attempt {
                    again: true,
                    ..Attempt::new(Slot::B, 2)
                }),
            ),
            ("b 2 later words\n", Some(Attempt::new(Slot::B, 2))),
            ("", None),
            ("b", None),
            ("b x", None),
            ("b +3", None),
            ("c 3", None),
            ("b 99999", None),
        ] {
            assert_eq!(Attempt::parse(text), expected, "{text}");
        }
        assert_eq!(bad("b\n"), Some(Slot::B));
        assert_eq!(bad("bb\n"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "([ab] ?[0-9]{0,5}( once| again| x)*|.{0,20})\\n?") {
            Attempt::parse(&text);
            bad(&text);
        }

        #[test]
        fn attempts_round_trip(b: bool, left in 0_u32..10_000, once: bool, again: bool) {
            let slot = if b { Slot::B } else { Slot::A };
            let attempt = Attempt { slot, left, once, again };
            prop_assert_eq!(Attempt::parse(&attempt.line()), Some(attempt));
        }
    }
}
