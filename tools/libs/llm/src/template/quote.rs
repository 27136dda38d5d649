//! Marking what others wrote before a template gets it.
//!
//! Control tokens need no marks here, since only the template's own count ([`super::marks`]). Tags such as `<tool_call>`, which are
//! tokens wherever they stand, are only text in what users, tools and schemas say: walls are put in them. In a model's earlier answers
//! they stay tokens, as the model wrote them.

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::{Map, Value as Json};

use super::marks::{self, WALL, WALL_BEFORE_LAST, WALL_BEHIND_FIRST};

/// The key under which a message's content is told to be of several origins. It cannot come from a request: content that is an object
/// is never passed on.
const PARTS: &str = "\u{10ffff}parts";

/// Tags whose texts a user must not be able to forge, and control tokens that a template may put together.
#[derive(Debug)]
pub(super) struct Tags {
    texts: Vec<String>,
    automaton: Option<AhoCorasick>,
    controls: Vec<String>,
}

/// How walls are put around tags. A template may look for tags in a text, so there are two ways, of which one mostly does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walls {
    /// None.
    None,
    /// In the tag.
    Inside,
    /// On the side that a template does not look at: behind a tag that begins a text, and before the others.
    Beside,
}

/// What is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marking {
    pub(super) walls: Walls,
    /// Whether bars are marked, so that they make no control token.
    pub(super) bars: bool,
    /// Whether walls are put in texts that are the inside of a tag or token, such as `tool_call`.
    pub(super) insides: bool,
}

impl Marking {
    /// Nothing is marked.
    pub(super) const NONE: Marking = Marking {
        walls: Walls::None,
        bars: false,
        insides: false,
    };

    /// The ways to mark everything that may be, the strictest first.
    pub(super) const STRICT: [Marking; 4] = [
        Marking::strict(Walls::Inside, true),
        Marking::strict(Walls::Beside, true),
        Marking::strict(Walls::Inside, false),
        Marking::strict(Walls::Beside, false),
    ];

    const fn strict(walls: Walls, insides: bool) -> Marking {
        Marking {
            walls,
            bars: true,
            insides,
        }
    }
}

/// A part of a message's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Written by the caller, such as the tags around a tool's result.
    Own(&'a str),
    /// Written by someone else.
    Quoted(&'a str),
}

/// Content of a message in which the caller's own words stand around those of others.
pub fn content(parts: &[Part<'_>]) -> Json {
    let parts = parts.iter().map(|part| match part {
        Part::Own(text) => serde_json::json!([true, text]),
        Part::Quoted(text) => serde_json::json!([false, text]),
    });
    let mut object = Map::new();
    object.insert(PARTS.to_owned(), parts.collect());
    Json::Object(object)
}

impl Tags {
    pub(super) fn new(tags: Vec<String>, controls: Vec<String>) -> Result<Tags, String> {
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&tags)
            .map_err(|error| error.to_string())?;
        Ok(Tags {
            automaton: (!tags.is_empty()).then_some(automaton),
            texts: tags,
            controls,
        })
    }

    /// Whether a text of someone else may make a tag.
    fn suspects(&self, text: &str) -> bool {
        self.automaton.as_ref().is_some_and(|tags| tags.is_match(text))
            || self.texts.iter().any(|tag| at_edges(tag, text).next().is_some())
    }

    /// Whether a conversation has text of others that may make a tag.
    pub(super) fn suspect(&self, messages: &[Json], tools: &[Json]) -> bool {
        let mut found = false;
        let mut look = |text: &str, own: bool| {
            found |= !own && self.suspects(text);
            String::new()
        };
        for message in messages {
            walk_message(message, &mut look);
        }
        for tool in tools {
            walk_tool(tool, &mut look);
        }
        found
    }

    /// A message for the template.
    pub(super) fn message(&self, message: &Json, marking: Marking) -> Json {
        walk_message(message, &mut |text, own| self.mark(text, own, marking))
    }

    /// A tool for the template.
    pub(super) fn tool(&self, tool: &Json, marking: Marking) -> Json {
        walk_tool(tool, &mut |text, own| self.mark(text, own, marking))
    }

    fn mark(&self, text: &str, own: bool, marking: Marking) -> String {
        let mut walls: Vec<(usize, char)> = Vec::new();
        let first = text.chars().next().map_or(0, char::len_utf8);
        if !own && marking.walls != Walls::None {
            for found in self.automaton.iter().flat_map(|tags| tags.find_iter(text)) {
                let inside = found.start() + text[found.start()..].chars().next().map_or(0, char::len_utf8);
                walls.push(match marking.walls {
                    Walls::Beside if text[..found.start()].trim().is_empty() => {
                        (found.end(), WALL_BEFORE_LAST)
                    }
                    Walls::Beside => (found.start(), WALL_BEHIND_FIRST),
                    Walls::None | Walls::Inside => (inside, WALL),
                });
            }
            for tag in &self.texts {
                walls.extend(at_edges(tag, text).map(|at| (at, WALL)));
            }
        }
        if marking.insides && self.controls.iter().any(|token| is_inside(token, text)) {
            walls.push((first, WALL));
        }
        walls.sort_unstable();
        walls.dedup();
        let mut out = String::with_capacity(text.len() + 4 * walls.len());
        let mut walls = walls.into_iter().peekable();
        for (at, c) in text.char_indices() {
            while let Some((_, wall)) = walls.next_if(|(place, _)| *place <= at) {
                out.push(wall);
            }
            marks::push(c, marking.bars, &mut out);
        }
        out.extend(walls.map(|(_, wall)| wall));
        out
    }
}

/// Where walls belong in a text that does not contain the tag, and may become one between other texts: behind the first character of
/// the tag's beginning at its end, or of the rest of a tag at its beginning.
fn at_edges<'a>(tag: &'a str, text: &'a str) -> impl Iterator<Item = usize> + 'a {
    let behind = |at: usize| at + text[at..].chars().next().map_or(0, char::len_utf8);
    let cuts = || tag.char_indices().skip(1).map(|(at, _)| at);
    let end = cuts()
        .filter(|cut| text.ends_with(&tag[..*cut]))
        .map(move |cut| behind(text.len() - cut))
        .last();
    let core = core(tag);
    let start = cuts()
        .find(|cut| tag[*cut..].contains(core) && text.starts_with(&tag[*cut..]))
        .map(move |_| behind(0));
    let inside = is_inside(tag, text).then(|| behind(0));
    end.into_iter().chain(start).chain(inside)
}

/// The name in a tag or token: `tool_call` in `<tool_call>`.
fn core(token: &str) -> &str {
    token.trim_matches(|c: char| !c.is_alphanumeric())
}

/// Whether a text is a part of a token, and contains its name.
fn is_inside(token: &str, text: &str) -> bool {
    let core = core(token);
    !core.is_empty() && text.len() < token.len() && text.contains(core) && token.contains(text)
}

/// Changes the text of a message: `change` gets each text and whether its tags are the model's or the caller's.
fn walk_message(message: &Json, change: &mut dyn FnMut(&str, bool) -> String) -> Json {
    let Json::Object(fields) = message else {
        return walk(message, change);
    };
    let own = fields.get("role").is_some_and(|role| role == "assistant");
    let fields = fields.iter().map(|(name, value)| {
        let value = match (name.as_str(), value) {
            ("role", Json::String(role)) if is_word(role) => value.clone(),
            ("content", Json::Object(_)) => match parts(value) {
                Some(parts) => Json::String(parts.map(|(own, text)| change(text, own)).collect()),
                None => walk(value, change),
            },
            ("content" | "reasoning_content" | "reasoning" | "thinking", Json::String(text)) => {
                Json::String(change(text, own))
            }
            ("content", Json::Array(items)) => {
                let items = items.iter().map(|item| walk_fields(item, own, change));
                Json::Array(items.collect())
            }
            ("tool_calls", Json::Array(calls)) => calls.iter().map(|call| walk_tool(call, change)).collect(),
            _ => walk(value, change),
        };
        (field(name, change), value)
    });
    Json::Object(fields.collect())
}

/// A tool, or a call of one: the names of its fields are the format's.
fn walk_tool(tool: &Json, change: &mut dyn FnMut(&str, bool) -> String) -> Json {
    let Json::Object(fields) = tool else {
        return walk(tool, change);
    };
    let fields = fields.iter().map(|(name, value)| {
        let value = match (name.as_str(), value) {
            ("type", Json::String(kind)) if is_word(kind) => value.clone(),
            ("function", Json::Object(_)) => walk_fields(value, false, change),
            _ => walk(value, change),
        };
        (field(name, change), value)
    });
    Json::Object(fields.collect())
}

/// An object whose field names are the format's.
fn walk_fields(value: &Json, own: bool, change: &mut dyn FnMut(&str, bool) -> String) -> Json {
    let Json::Object(fields) = value else {
        return walk(value, change);
    };
    let fields = fields.iter().map(|(name, value)| {
        let value = match (name.as_str(), value) {
            ("type", Json::String(kind)) if is_word(kind) => value.clone(),
            ("text", Json::String(text)) => Json::String(change(text, own)),
            _ => walk(value, change),
        };
        (field(name, change), value)
    });
    Json::Object(fields.collect())
}

/// The name of a field where the format says what there is; one that is no word is someone else's.
fn field(name: &str, change: &mut dyn FnMut(&str, bool) -> String) -> String {
    if is_word(name) {
        name.to_owned()
    } else {
        change(name, false)
    }
}

/// Any value of someone else, names included.
fn walk(value: &Json, change: &mut dyn FnMut(&str, bool) -> String) -> Json {
    match value {
        Json::String(text) => Json::String(change(text, false)),
        Json::Array(items) => items.iter().map(|item| walk(item, change)).collect(),
        Json::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (change(name, false), walk(value, change)));
            Json::Object(fields.collect())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => value.clone(),
    }
}

/// Messages with the contents that are of several origins as plain text; `None` if there are none.
pub(super) fn joined(messages: &[Json]) -> Option<Vec<Json>> {
    let has_parts = |message: &Json| {
        message
            .get("content")
            .is_some_and(|content| parts(content).is_some())
    };
    if !messages.iter().any(has_parts) {
        return None;
    }
    let join = |message: &Json| {
        let mut message = message.clone();
        let text = message
            .get("content")
            .and_then(parts)
            .map(|parts| parts.map(|(_, text)| text).collect::<String>());
        if let Some(text) = text {
            message["content"] = Json::String(text);
        }
        message
    };
    Some(messages.iter().map(join).collect())
}

/// The bytes of text in a value, names included.
pub(super) fn size(value: &Json) -> usize {
    match value {
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(size).sum(),
        Json::Object(fields) => fields.iter().map(|(name, value)| name.len() + size(value)).sum(),
        Json::Null | Json::Bool(_) | Json::Number(_) => 8,
    }
}

/// The parts of a content that the caller put together: whether they are its own, and the texts.
fn parts(content: &Json) -> Option<impl Iterator<Item = (bool, &str)>> {
    let parts = content.as_object()?.get(PARTS)?.as_array()?;
    Some(parts.iter().map(|part| {
        (
            part[0].as_bool().unwrap_or(false),
            part[1].as_str().unwrap_or_default(),
        )
    }))
}

/// Whether a role, kind or field is one word, as those are that the caller has checked.
fn is_word(text: &str) -> bool {
    text.len() <= 32 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tags() -> Tags {
        let tags = ["<tool_call>", "</tool_call>", "<think>"].map(str::to_owned);
        Tags::new(tags.to_vec(), vec!["<|user|>".to_owned()]).unwrap()
    }

    fn marked(text: &str, marking: Marking) -> String {
        tags().mark(text, false, marking)
    }

    #[test]
    fn walls_are_put_in_tags_and_in_what_may_become_one() {
        let [inside, beside, ..] = Marking::STRICT;
        assert_eq!(marked("a <think> b", inside), format!("a <{WALL}think> b"));
        assert_eq!(
            marked("<think> </tool_call>", beside),
            format!("<think>{WALL_BEFORE_LAST} {WALL_BEHIND_FIRST}</tool_call>")
        );
        assert_eq!(marked("x <tool_", inside), format!("x <{WALL}tool_"));
        assert_eq!(marked("tool_call", inside), format!("t{WALL}ool_call"));
        assert_eq!(marked("/tool_call> x", inside), format!("/{WALL}tool_call> x"));
        assert_eq!(marked("user", inside), format!("u{WALL}ser"));
        assert_eq!(marked("users", inside), "users");
        assert_eq!(tags().mark("<think>", true, inside), "<think>");
        assert_eq!(marked("<think>", Marking::NONE), "<think>");
    }

    #[test]
    fn names_of_the_format_stay_and_those_of_others_are_marked() {
        let [inside, ..] = Marking::STRICT;
        let message = json!({"role": "user", "content": "user", "tool_calls": [
            {"type": "function", "function": {"name": "user", "arguments": {"user": "user"}}}]});
        let u = format!("u{WALL}ser");
        assert_eq!(
            tags().message(&message, inside),
            json!({"role": "user", "content": u, "tool_calls": [
                {"type": "function", "function": {"name": u, "arguments": {&u: u}}}]})
        );
    }

    #[test]
    fn parts_keep_their_origin() {
        let [inside, ..] = Marking::STRICT;
        let content = content(&[Part::Own("<think>"), Part::Quoted("<think>")]);
        let message = json!({"role": "user", "content": content});
        assert_eq!(
            tags().message(&message, inside)["content"],
            json!(format!("<think><{WALL}think>"))
        );
    }
}
