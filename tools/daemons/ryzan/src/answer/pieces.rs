//! Splitting a model's output into reasoning between `<think>` tags, function calls between `<tool_call>` tags, and text.
//!
//! Output arrives in pieces of any length. A possible beginning of a tag is held back until it is certain, so the result
//! does not depend on where the pieces end.

mod notation;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::notation::{Braces, Head};

const THINK: (&str, &str) = ("<think>", "</think>");
pub(super) const CALL: (&str, &str) = ("<tool_call>", "</tool_call>");

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Reasoning, which is not part of the answer.
    Reasoning(String),
    /// The answer.
    Content(String),
    /// A call of this function begins.
    CallBegins(String),
    /// More of its arguments, as the model wrote them.
    Arguments(String),
    /// The rest of its arguments.
    CallEnds(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Thinking,
    Answering,
    /// After the tag of a call.
    Calling,
    /// In the arguments of a call.
    Arguing,
    /// Between the arguments of a call and its closing tag.
    Called,
}

/// Splits one answer.
#[derive(Debug)]
pub struct Pieces {
    place: Where,
    calls: bool,
    held: String,
    /// Whether there was text since the beginning, or since the last tag.
    written: bool,
    /// Whether white space before the text belongs to the tag before it.
    trim: bool,
    braces: Braces,
}

#[derive(Deserialize)]
struct Call<'a> {
    name: String,
    #[serde(borrow, alias = "parameters")]
    arguments: Option<&'a RawValue>,
}

impl Pieces {
    /// `thinking`: the template has opened the reasoning, so the answer begins within it. `calls`: the answer may hold
    /// calls.
    pub const fn new(thinking: bool, calls: bool) -> Self {
        Self {
            place: if thinking {
                Where::Thinking
            } else {
                Where::Answering
            },
            calls,
            held: String::new(),
            written: false,
            trim: thinking,
            braces: Braces::new(),
        }
    }

    /// Takes in more output; returns the parts that are certain.
    pub fn push(&mut self, text: &str) -> Vec<Part> {
        self.held.push_str(text);
        let mut parts = Vec::new();
        while self.step(&mut parts) {}
        parts
    }

    /// Returns the parts that were held back. An unfinished call is text, unless the output was `cut` by its length: then it
    /// is nothing, as is the beginning of a tag.
    pub fn finish(mut self, cut: bool) -> Vec<Part> {
        let mut parts = Vec::new();
        let rest = std::mem::take(&mut self.held);
        match self.place {
            Where::Thinking => {
                let rest = if cut {
                    &rest[..begun(&rest, &[THINK.1])]
                } else {
                    &rest
                };
                say(&mut parts, Part::Reasoning(rest.trim_end().to_owned()));
            }
            Where::Answering => {
                let mut text = rest.as_str();
                if self.trim && !self.written {
                    text = text.trim_start();
                }
                if cut && !self.written && THINK.0.starts_with(text.trim_start()) && !text.trim().is_empty() {
                    text = "";
                }
                if cut && self.calls {
                    let end = begun(text, &[CALL.0]);
                    if end < text.len() {
                        text = text[..end].trim_end();
                    }
                }
                say(&mut parts, Part::Content(text.to_owned()));
            }
            Where::Calling => {
                let text = || vec![Part::Content(format!("{}{rest}", CALL.0))];
                parts.extend(call(&rest).or_else(|| (!cut).then(text)).unwrap_or_default());
            }
            // What has come of the call has been told.
            Where::Arguing | Where::Called => {}
        }
        parts
    }

    /// Handles one tag, or everything that is certain before the next one. Returns whether there may be more.
    fn step(&mut self, parts: &mut Vec<Part>) -> bool {
        match self.place {
            Where::Thinking => {
                if let Some(at) = self.held.find(THINK.1) {
                    let before = self.take(at, THINK.1.len());
                    say(parts, Part::Reasoning(before.trim_end().to_owned()));
                    self.place = Where::Answering;
                    self.trim = true;
                    return true;
                }
                let certain = self.held.len() - held_back(&self.held, &[THINK.1]);
                say(parts, Part::Reasoning(self.take(certain, 0)));
                false
            }
            Where::Answering => {
                if !self.written && self.trim {
                    let blank = self.held.len() - self.held.trim_start().len();
                    self.held.drain(..blank);
                }
                // Reasoning comes before everything else, with or without white space; a later tag is text.
                if !self.written && self.held.trim_start().starts_with(THINK.0) {
                    let blank = self.held.len() - self.held.trim_start().len();
                    self.take(0, blank + THINK.0.len());
                    self.place = Where::Thinking;
                    return true;
                }
                if self.calls
                    && let Some(at) = self.held.find(CALL.0)
                {
                    let before = self.take(at, CALL.0.len());
                    self.content(parts, before.trim_end().to_owned());
                    self.place = Where::Calling;
                    return true;
                }
                let mut tags = Vec::new();
                if self.calls {
                    tags.push(CALL.0);
                }
                let beginning =
                    !self.written && !self.held.is_empty() && THINK.0.starts_with(self.held.trim_start());
                let back = if beginning {
                    self.held.len()
                } else {
                    held_back(&self.held, &tags)
                };
                let certain = self.take(self.held.len() - back, 0);
                self.content(parts, certain);
                false
            }
            Where::Calling => {
                let end = self.held.find(CALL.1);
                match Head::of(&self.held) {
                    Head::Whole { name, length } => {
                        self.take(0, length);
                        parts.push(Part::CallBegins(name));
                        self.place = Where::Arguing;
                        return true;
                    }
                    Head::Partial if end.is_none() => return false,
                    Head::Partial | Head::Other => {}
                }
                let Some(at) = end else {
                    return false;
                };
                let inside = self.take(at, CALL.1.len());
                let text = || vec![Part::Content(format!("{}{inside}{}", CALL.0, CALL.1))];
                parts.extend(call(&inside).unwrap_or_else(text));
                self.end_call();
                true
            }
            Where::Arguing => {
                let end = self.held.bytes().position(|byte| self.braces.close(byte));
                let text = self.take(end.map_or(self.held.len(), |at| at + 1), 0);
                if end.is_some() {
                    parts.push(Part::CallEnds(text));
                    self.place = Where::Called;
                    return true;
                }
                say(parts, Part::Arguments(text));
                false
            }
            Where::Called => {
                let Some(at) = self.held.find(CALL.1) else {
                    return false;
                };
                self.take(at, CALL.1.len());
                self.end_call();
                true
            }
        }
    }

    fn end_call(&mut self) {
        self.place = Where::Answering;
        // White space between calls is not part of the answer.
        self.written = false;
        self.trim = true;
    }

    fn content(&mut self, parts: &mut Vec<Part>, text: String) {
        self.written |= !text.is_empty();
        say(parts, Part::Content(text));
    }

    /// Takes the first `length` bytes and drops the next `skipped`.
    fn take(&mut self, length: usize, skipped: usize) -> String {
        let rest = self.held.split_off(length + skipped);
        let mut taken = std::mem::replace(&mut self.held, rest);
        taken.truncate(length);
        taken
    }
}

fn say(parts: &mut Vec<Part>, part: Part) {
    if !matches!(&part, Part::Reasoning(text) | Part::Content(text) | Part::Arguments(text) if text.is_empty())
    {
        parts.push(part);
    }
}

/// Length of a possible beginning of a tag at the end, with the white space before it, which would belong to the tag.
fn held_back(text: &str, tags: &[&str]) -> usize {
    if tags.is_empty() {
        return 0;
    }
    text.len() - text[..begun(text, tags)].trim_end().len()
}

/// Where a tag may have begun at the end of a text; the length of the text where none has.
fn begun(text: &str, tags: &[&str]) -> usize {
    text.char_indices()
        .map(|(at, _)| at)
        .find(|&at| tags.iter().any(|tag| tag.starts_with(&text[at..])))
        .unwrap_or(text.len())
}

/// A call that is not in the notation of [`Head`].
fn call(inside: &str) -> Option<Vec<Part>> {
    let call: Call<'_> = serde_json::from_str(inside.trim()).ok()?;
    let arguments = call
        .arguments
        .map_or_else(|| "{}".to_owned(), |json| json.get().to_owned());
    Some(vec![Part::CallBegins(call.name), Part::CallEnds(arguments)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The parts of a text that comes in these pieces, with neighbours of one kind joined.
    fn parts(mut pieces: Pieces, texts: &[&str]) -> Vec<Part> {
        let mut all: Vec<Part> = texts.iter().flat_map(|text| pieces.push(text)).collect();
        all.extend(pieces.finish(false));
        let mut joined: Vec<Part> = Vec::new();
        for part in all {
            match (joined.last_mut(), part) {
                (Some(Part::Content(before)), Part::Content(text))
                | (Some(Part::Reasoning(before)), Part::Reasoning(text))
                | (Some(Part::Arguments(before)), Part::Arguments(text)) => before.push_str(&text),
                (Some(last @ Part::Arguments(_)), Part::CallEnds(rest)) => {
                    if let Part::Arguments(before) = last {
                        *last = Part::CallEnds(before.clone() + &rest);
                    }
                }
                (_, part) => joined.push(part),
            }
        }
        joined
    }

    fn content(text: &str) -> Part {
        Part::Content(text.into())
    }

    fn reasoning(text: &str) -> Part {
        Part::Reasoning(text.into())
    }

    fn called(name: &str, arguments: &str) -> [Part; 2] {
        [Part::CallBegins(name.into()), Part::CallEnds(arguments.into())]
    }

    #[test]
    fn arguments_come_as_they_are_written() {
        let mut pieces = Pieces::new(false, true);
        let text = [
            ("<tool_call>\n{\"name\": \"sp", vec![]),
            ("ace\", \"argum", vec![]),
            ("ents\": ", vec![]),
            (
                "{",
                vec![Part::CallBegins("space".into()), Part::Arguments("{".into())],
            ),
            ("\"a\": \"}\\\"", vec![Part::Arguments("\"a\": \"}\\\"".into())]),
            ("\", \"b\": {}", vec![Part::Arguments("\", \"b\": {}".into())]),
            ("}}\n</tool", vec![Part::CallEnds("}".into())]),
            ("_call>\n<tool_call>", vec![]),
            (
                "{\"name\":\"now\",\"arguments\":{\"z\":1}}</tool_call>",
                called("now", "{\"z\":1}").to_vec(),
            ),
            (
                "<tool_call>\n{\"name\": \"a\", \"arguments\": {\"x",
                vec![Part::CallBegins("a".into()), Part::Arguments("{\"x".into())],
            ),
        ];
        for (piece, expected) in text {
            assert_eq!(pieces.push(piece), expected, "{piece}");
        }
        assert_eq!(pieces.finish(true), []);
    }

    #[test]
    fn plain_text_goes_through_at_once() {
        let mut pieces = Pieces::new(false, true);
        assert_eq!(pieces.push("Hello"), [content("Hello")]);
        assert_eq!(pieces.push(", a <b"), [content(", a <b")]);
        assert_eq!(pieces.push("> "), [content(">")]);
        assert_eq!(pieces.push("c <tool"), [content(" c")]);
        assert_eq!(pieces.push("box>"), [content(" <toolbox>")]);
    }

    #[test]
    fn reasoning_calls_and_the_rest() {
        let text = "<think>\nHm.\n</think>\n\nLet me look.\n<tool_call>\n{\"name\": \"space\", \"arguments\": {\"z\": 1, \"a\": 2}}\n</tool_call>\n<tool_call>\n{\"name\": \"now\"}\n</tool_call>";
        assert_eq!(
            parts(Pieces::new(false, true), &[text]),
            [
                vec![reasoning("\nHm."), content("Let me look.")],
                called("space", "{\"z\": 1, \"a\": 2}").to_vec(),
                called("now", "{}").to_vec(),
            ]
            .concat()
        );
        assert_eq!(
            parts(Pieces::new(true, false), &["Hm", "m.\n</thi", "nk>\n", "\nYes."]),
            [reasoning("Hmm."), content("Yes.")]
        );
    }

    #[test]
    fn white_space_before_the_text_is_kept_unless_a_tag_is_before_it() {
        assert_eq!(
            parts(Pieces::new(false, true), &["\n", " ", "Yes."]),
            [content("\n Yes.")]
        );
        assert_eq!(parts(Pieces::new(false, false), &[" "]), [content(" ")]);
        assert_eq!(
            parts(Pieces::new(false, false), &[" <thi", "nk>Hm.</think>", " Yes."]),
            [reasoning("Hm."), content("Yes.")]
        );
    }

    #[test]
    fn no_tag_of_a_text_that_was_cut_is_told() {
        for (thinking, text, expected) in [
            (
                false,
                "Yes. <tool_call>\n{\"name\": \"a\", \"argu",
                vec![content("Yes.")],
            ),
            (false, "Yes. <tool_c", vec![content("Yes.")]),
            (false, "Yes. ", vec![content("Yes. ")]),
            (false, "<thi", vec![]),
            (false, "a < b", vec![content("a < b")]),
            (true, "Hm. </th", vec![reasoning("Hm.")]),
            (
                false,
                "<tool_call>{\"name\": \"a\", \"arguments\": {}}",
                called("a", "{}").to_vec(),
            ),
        ] {
            let mut pieces = Pieces::new(thinking, true);
            let mut all = pieces.push(text);
            all.extend(pieces.finish(true));
            let told: Vec<Part> = all.into_iter().fold(Vec::new(), |mut joined: Vec<Part>, part| {
                match (joined.last_mut(), part) {
                    (Some(Part::Content(before)), Part::Content(text)) => before.push_str(&text),
                    (_, part) => joined.push(part),
                }
                joined
            });
            assert_eq!(told, expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_call_is_text() {
        assert_eq!(
            parts(Pieces::new(false, true), &["<tool_call>nonsense</tool_call>"]),
            [content("<tool_call>nonsense</tool_call>")]
        );
        assert_eq!(
            parts(Pieces::new(false, true), &["<tool_call>{\"name\": \"a\""]),
            [content("<tool_call>{\"name\": \"a\"")]
        );
        assert_eq!(
            parts(
                Pieces::new(false, false),
                &["<tool_call>{\"name\": \"a\"}</tool_call>"]
            ),
            [content("<tool_call>{\"name\": \"a\"}</tool_call>")]
        );
        assert_eq!(
            parts(
                Pieces::new(false, true),
                &["<tool_call>{\"name\": \"a\", \"arguments\": {}}"]
            ),
            called("a", "{}")
        );
    }

    proptest! {
        #[test]
        fn the_cuts_do_not_matter(
            words in prop::collection::vec(
                prop::sample::select(vec![
                    "<think>", "</think>", "<tool_call>", "</tool_call>", "{\"name\": \"a\"}", "{\"name\": \"a\", \"arguments\": {\"b\": \"}\"", "}", "<", "</", "é", " ", "\n", "text",
                ]),
                0..12,
            ),
            thinking: bool,
            calls: bool,
            cut in 1usize..9,
        ) {
            let text = words.concat();
            let letters: Vec<char> = text.chars().collect();
            let pieces: Vec<String> = letters.chunks(cut).map(|chunk| chunk.iter().collect()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            prop_assert_eq!(
                parts(Pieces::new(thinking, calls), &[&text]),
                parts(Pieces::new(thinking, calls), &pieces)
            );
        }
    }
}
