//! The bytes of every token, in one allocation.

/// The bytes of all ids, and which are control tokens.
#[derive(Debug, Default)]
pub(super) struct TokenTable {
    blob: Vec<u8>,
    ends: Vec<u32>,
    control: Vec<bool>,
}

impl TokenTable {
    /// Appends the next id.
    pub(super) fn push(&mut self, bytes: &[u8], control: bool) {
        self.blob.extend_from_slice(bytes);
        self.ends.push(u32::try_from(self.blob.len()).unwrap_or(u32::MAX));
        self.control.push(control);
    }

    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let Some(&end) = self.ends.get(id) else { return &[] };
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        self.blob.get(start as usize..end as usize).unwrap_or(&[])
    }

    pub(super) fn is_control(&self, id: u32) -> bool {
        self.control.get(id as usize).copied().unwrap_or(false)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The length of the longest token, in bytes.
    pub(super) fn longest(&self) -> usize {
        (0u32..)
            .take(self.len())
            .map(|id| self.bytes(id).len())
            .max()
            .unwrap_or(0)
    }

    /// Whether a token has a space after another character.
    pub(super) fn joins_words(&self) -> bool {
        let joins = |pair: &[u8]| pair[1] == b' ' && !pair[0].is_ascii_whitespace();
        (0u32..)
            .take(self.len())
            .any(|id| self.bytes(id).windows(2).any(joins))
    }
}

/// The bytes of a token in GPT-2's byte alphabet, which has a visible character for every byte: printable Latin-1 stands for itself,
/// the rest is mapped from U+0100 on. Characters outside the alphabet stand for their own UTF-8.
pub(super) fn byte_level(token: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(token.len());
    for c in token.chars() {
        match byte_of(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

fn byte_of(c: char) -> Option<u8> {
    let code = u32::from(c);
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u8::try_from(code).ok(),
        0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

/// The bytes of a `SentencePiece` piece: U+2581 is a space, and `<0x0A>` a byte if the piece is of the byte kind.
pub(super) fn sentence_piece(token: &str, byte: bool) -> Vec<u8> {
    if byte && let Some(byte) = hexadecimal(token) {
        return vec![byte];
    }
    token.replace('\u{2581}', " ").into_bytes()
}

/// The value of `<0xHH>`.
pub(super) fn hexadecimal(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() == 2 {
        u8::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_byte_alphabet_covers_every_byte_once() {
        let mut seen = [false; 256];
        for code in 0..0x200 {
            if let Some(byte) = char::from_u32(code).and_then(byte_of) {
                assert!(!seen[usize::from(byte)], "{byte} twice");
                seen[usize::from(byte)] = true;
            }
        }
        assert_eq!(seen.iter().filter(|s| **s).count(), 256);
        assert_eq!(byte_level("Ġhi"), b" hi");
        assert_eq!(byte_level("Ċ"), b"\n");
        assert_eq!(byte_level("ðŁĺĢ"), "😀".as_bytes());
    }

    #[test]
    fn pieces_are_bytes_only_when_marked() {
        assert_eq!(sentence_piece("<0x0A>", true), b"\n");
        assert_eq!(sentence_piece("<0x0A>", false), b"<0x0A>");
        assert_eq!(sentence_piece("\u{2581}on", false), b" on");
        assert_eq!(hexadecimal("<0x1>"), None);
    }
}
