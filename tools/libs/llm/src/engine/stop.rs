//! Stop sequences, found across token boundaries.

/// Holds back text that may be the beginning of a stop sequence.
#[derive(Debug)]
pub(super) struct StopTexts {
    texts: Vec<String>,
    held: String,
}

impl StopTexts {
    pub(super) fn new(texts: Vec<String>) -> StopTexts {
        StopTexts {
            texts: texts.into_iter().filter(|t| !t.is_empty()).collect(),
            held: String::new(),
        }
    }

    /// Adds text. Returns the text that is certainly not part of a stop sequence, and whether one has occurred.
    pub(super) fn push(&mut self, text: &str) -> (String, bool) {
        self.held.push_str(text);
        if let Some(at) = self.texts.iter().filter_map(|t| self.held.find(t.as_str())).min() {
            self.held.truncate(at);
            return (std::mem::take(&mut self.held), true);
        }
        let keep = self
            .texts
            .iter()
            .map(|t| overlap(&self.held, t))
            .max()
            .unwrap_or(0);
        let kept = self.held.split_off(self.held.len() - keep);
        (std::mem::replace(&mut self.held, kept), false)
    }

    /// The text held back, at the end.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// The length of the longest suffix of `text` that is a prefix of `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    (1..stop.len().min(text.len() + 1))
        .rev()
        .find(|&n| stop.is_char_boundary(n) && text.ends_with(&stop[..n]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::StopTexts;
    use proptest::prelude::*;

    fn run(stops: &[&str], parts: &[&str]) -> (String, bool) {
        let mut stop = StopTexts::new(stops.iter().map(|s| (*s).to_owned()).collect());
        let mut all = String::new();
        for part in parts {
            let (text, found) = stop.push(part);
            all.push_str(&text);
            if found {
                return (all, true);
            }
        }
        all.push_str(&stop.finish());
        (all, false)
    }

    #[test]
    fn a_stop_text_is_found_across_tokens() {
        assert_eq!(
            run(&["\nUser:"], &["Yes.", "\n", "Us", "er: no"]),
            ("Yes.".into(), true)
        );
        assert_eq!(
            run(&["\nUser:"], &["Yes.", "\n", "Us", "ing"]),
            ("Yes.\nUsing".into(), false)
        );
    }

    #[test]
    fn the_first_of_several_counts() {
        assert_eq!(run(&["dd", "cdd", "b"], &["acdd b"]), ("a".into(), true));
    }

    #[test]
    fn characters_stay_whole() {
        assert_eq!(run(&["éé"], &["é", "a", "é", "é"]), ("éa".into(), true));
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(text in "[abé]{0,20}", stops in prop::collection::vec("[abé]{1,4}", 0..3), cut in 1usize..4) {
            let characters: Vec<char> = text.chars().collect();
            let parts: Vec<String> = characters.chunks(cut).map(|c| c.iter().collect()).collect();
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let whole = run(&stops, &[&text]);
            let found = run(&stops, &parts);
            // With parts, a stop sequence that ends earlier may be found before one that begins earlier.
            prop_assert_eq!(found.1, whole.1);
            if whole.1 {
                prop_assert!(text.starts_with(&found.0));
            } else {
                prop_assert_eq!(found.0, text);
            }
        }
    }
}
