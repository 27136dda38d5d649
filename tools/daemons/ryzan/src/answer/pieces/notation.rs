//! The notation of calls, read as it is written.

/// The beginning of a call up to its arguments, in the notation that models are trained on and grammars enforce:
/// `{"name": "NAME", "arguments": {`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// All of it; the arguments begin after `length` bytes.
    Whole { name: String, length: usize },
    /// It may become one.
    Partial,
    /// It is another notation.
    Other,
}

impl Head {
    pub(super) fn of(text: &str) -> Self {
        const NAME: &str = "{\"name\": ";
        const ARGUMENTS: &str = ", \"arguments\": {";
        let unfinished = |partial: bool| if partial { Self::Partial } else { Self::Other };
        let begin = text.trim_start();
        let Some(rest) = begin.strip_prefix(NAME) else {
            return unfinished(NAME.starts_with(begin));
        };
        if !rest.starts_with('"') {
            return unfinished(rest.is_empty());
        }
        let mut escape = false;
        let quote = rest.bytes().skip(1).position(|byte| {
            let end = byte == b'"' && !escape;
            escape = byte == b'\\' && !escape;
            end
        });
        let Some(quote) = quote else {
            return Self::Partial;
        };
        let (name, after) = rest.split_at(quote + 2);
        let Ok(name) = serde_json::from_str(name) else {
            return Self::Other;
        };
        match after.strip_prefix(ARGUMENTS) {
            Some(inside) => Self::Whole {
                name,
                // The brace belongs to the arguments.
                length: text.len() - inside.len() - 1,
            },
            None => unfinished(ARGUMENTS.starts_with(after)),
        }
    }
}

/// Finds the end of a JSON object.
#[derive(Debug)]
pub(super) struct Braces {
    depth: usize,
    string: bool,
    escape: bool,
}

impl Braces {
    pub(super) const fn new() -> Self {
        Self {
            depth: 0,
            string: false,
            escape: false,
        }
    }

    /// Takes in a byte. Returns whether the object ends with it.
    pub(super) fn close(&mut self, byte: u8) -> bool {
        if self.string {
            let escape = byte == b'\\' && !self.escape;
            self.string = byte != b'"' || self.escape;
            self.escape = escape;
            return false;
        }
        match byte {
            b'"' => self.string = true,
            b'{' => self.depth += 1,
            b'}' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}
