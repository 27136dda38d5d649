//! Stop sequences, found across token boundaries.

/// Holds back text that may be the beginning of a stop sequence.
#[derive(Debug)]
pub(super) struct StopTexts {
    texts: Vec<String>,
    /// The tags around text in which no stop sequence counts.
    exempt: Option<(String, String)>,
    /// Whether the text is between them.
    inside: bool,
    held: String,
    found: Option<String>,
}

impl StopTexts {
    pub(super) fn new(texts: Vec<String>, exempt: Option<(String, String)>) -> StopTexts {
        StopTexts {
            texts: texts.into_iter().filter(|t| !t.is_empty()).collect(),
            exempt,
            inside: false,
            held: String::new(),
            found: None,
        }
    }

    /// The stop sequence that has occurred.
    pub(super) fn found(&mut self) -> Option<String> {
        self.found.take()
    }

    /// Adds text. Returns the text that is certainly not part of a stop sequence, and whether one has occurred.
    pub(super) fn push(&mut self, text: &str) -> (String, bool) {
        if self.texts.is_empty() {
            return (text.to_owned(), false);
        }
        self.held.push_str(text);
        let mut certain = String::new();
        loop {
            let exempt = self.exempt.as_ref();
            let tag = exempt.map(|(begin, end)| if self.inside { end } else { begin });
            let tag_at = tag.and_then(|tag| Some((self.held.find(tag.as_str())?, tag.len())));
            if !self.inside {
                let stops = self.texts.iter();
                let first = stops
                    .filter_map(|t| Some((self.held.find(t.as_str())?, t)))
                    .min_by_key(|(at, _)| *at);
                if let Some((at, text)) = first
                    && tag_at.is_none_or(|(tag, _)| at < tag)
                {
                    self.found = Some(text.clone());
                    certain.push_str(&self.held[..at]);
                    self.held.clear();
                    return (certain, true);
                }
            }
            let Some((at, length)) = tag_at else { break };
            let rest = self.held.split_off(at + length);
            certain.push_str(&std::mem::replace(&mut self.held, rest));
            self.inside = !self.inside;
        }
        let tag = self.exempt.as_ref();
        let tag = tag.map(|(begin, end)| if self.inside { end } else { begin });
        let stops = self.texts.iter().filter(|_| !self.inside);
        let keep = stops
            .chain(tag)
            .map(|t| overlap(&self.held, t))
            .max()
            .unwrap_or(0);
        let kept = self.held.split_off(self.held.len() - keep);
        certain.push_str(&std::mem::replace(&mut self.held, kept));
        (certain, false)
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
        let mut stop = StopTexts::new(stops.iter().map(|s| (*s).to_owned()).collect(), None);
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
    fn no_stop_text_counts_between_the_tags() {
        let run = |text: &str, cut: usize| {
            let exempt = Some(("<call>".to_owned(), "</call>".to_owned()));
            let mut stop = StopTexts::new(vec!["}".into(), "END".into()], exempt);
            let letters: Vec<char> = text.chars().collect();
            let mut all = String::new();
            for part in letters.chunks(cut) {
                let (text, found) = stop.push(&part.iter().collect::<String>());
                all.push_str(&text);
                if found {
                    return (all, stop.found());
                }
            }
            all.push_str(&stop.finish());
            (all, stop.found())
        };
        for cut in 1..12 {
            assert_eq!(
                run("a<call>{\"x\": {}}END</call>\nb}c", cut),
                ("a<call>{\"x\": {}}END</call>\nb".to_owned(), Some("}".to_owned()))
            );
            assert_eq!(run("a<call>{}", cut), ("a<call>{}".to_owned(), None));
            assert_eq!(run("aEND<call>}", cut), ("a".to_owned(), Some("END".to_owned())));
        }
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
