//! Decoding a stream of tokens into whole characters.

use std::sync::Arc;

use super::handle::Tokenizer;

/// Decodes ids one by one.
///
/// A character whose bytes are spread over several tokens is returned with the last of them. The concatenated results equal
/// [`Tokenizer::decode`] of all ids with the same `specials`, except for the leading space that some vocabularies put before every
/// text.
#[derive(Debug)]
pub struct Decoder {
    tokenizer: Arc<Tokenizer>,
    specials: bool,
    held: Vec<u8>,
}

impl Decoder {
    /// A decoder at the beginning of a text; control tokens are written out with `specials`.
    pub fn new(tokenizer: Arc<Tokenizer>, specials: bool) -> Decoder {
        Decoder {
            tokenizer,
            specials,
            held: Vec::new(),
        }
    }

    /// The text that `id` completes, possibly empty.
    pub fn push(&mut self, id: u32) -> String {
        if !self.specials && self.tokenizer.is_control(id) {
            return String::new();
        }
        self.held.extend_from_slice(self.tokenizer.bytes(id));
        take_characters(&mut self.held)
    }

    /// The rest at the end: U+FFFD for the bytes of an incomplete character.
    pub fn finish(&mut self) -> String {
        let rest = String::from_utf8_lossy(&self.held).into_owned();
        self.held.clear();
        rest
    }
}

/// Removes all complete characters from the front of `held`; invalid bytes become U+FFFD, as in [`String::from_utf8_lossy`].
fn take_characters(held: &mut Vec<u8>) -> String {
    let mut text = String::with_capacity(held.len());
    let mut rest = held.as_slice();
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                rest = &[];
                break;
            }
            Err(error) => {
                let (valid, after) = rest.split_at(error.valid_up_to());
                text.push_str(&String::from_utf8_lossy(valid));
                rest = after;
                match error.error_len() {
                    Some(bad) => {
                        text.push(char::REPLACEMENT_CHARACTER);
                        rest = &rest[bad..];
                    }
                    None => break,
                }
            }
        }
    }
    *held = rest.to_vec();
    text
}

#[cfg(test)]
mod tests {
    use super::take_characters;
    use proptest::prelude::*;

    #[test]
    fn a_character_waits_for_its_last_byte() {
        let mut held = "né".as_bytes()[..2].to_vec();
        assert_eq!(take_characters(&mut held), "n");
        assert_eq!(held, [0xc3]);
        held.push(0xa9);
        assert_eq!(take_characters(&mut held), "é");
        assert!(held.is_empty());
    }

    #[test]
    fn a_broken_character_is_replaced_once_it_is_known_to_be_broken() {
        let mut held = vec![0xf0, 0x9f];
        assert_eq!(take_characters(&mut held), "");
        held.push(b'a');
        assert_eq!(take_characters(&mut held), "\u{fffd}a");
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_cuts_give_the_lossy_text(bytes in prop::collection::vec(any::<u8>(), 0..40), cuts in prop::collection::vec(1usize..5, 0..40)) {
            let mut held = Vec::new();
            let mut text = String::new();
            let mut rest = bytes.as_slice();
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                held.extend_from_slice(now);
                text.push_str(&take_characters(&mut held));
                prop_assert!(held.len() < 4);
                rest = later;
            }
            held.extend_from_slice(rest);
            text.push_str(&take_characters(&mut held));
            text.push_str(&String::from_utf8_lossy(&held));
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
