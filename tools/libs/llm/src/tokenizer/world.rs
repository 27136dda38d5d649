//! The RWKV world vocabulary: byte strings, matched greedily from the left.

use super::bounds::Bounds;
use super::error::TokenizerError;

/// Tokens between two looks at the limits.
const CHECK: usize = 4096;

/// A trie over bytes, in one array: each node's children lie together, sorted by byte.
#[derive(Debug)]
pub(super) struct World {
    nodes: Vec<Node>,
}

#[derive(Debug, Default, Clone)]
struct Node {
    id: Option<u32>,
    children: Vec<(u8, u32)>,
}

impl World {
    /// Builds the trie from the bytes of all tokens, in order of ids. Every single byte must be a token, so that all texts can be encoded.
    pub(super) fn new<'a>(tokens: impl Iterator<Item = (u32, &'a [u8])>) -> Result<World, TokenizerError> {
        let mut nodes = vec![Node::default()];
        for (id, bytes) in tokens {
            if bytes.is_empty() {
                continue;
            }
            let mut at = 0usize;
            for &byte in bytes {
                at = match nodes[at].children.binary_search_by_key(&byte, |c| c.0) {
                    Ok(found) => nodes[at].children[found].1 as usize,
                    Err(place) => {
                        let next = nodes.len();
                        let index = u32::try_from(next)
                            .map_err(|_| TokenizerError::Damaged("its vocabulary is too large".into()))?;
                        nodes[at].children.insert(place, (byte, index));
                        nodes.push(Node::default());
                        next
                    }
                };
            }
            nodes[at].id.get_or_insert(id);
        }
        let world = World { nodes };
        match (0..=255u8).find(|byte| world.longest(&[*byte]).is_none()) {
            None => Ok(world),
            Some(byte) => Err(TokenizerError::Damaged(format!(
                "its vocabulary has no token for the byte 0x{byte:02x}"
            ))),
        }
    }

    fn longest(&self, bytes: &[u8]) -> Option<(u32, usize)> {
        let mut at = 0usize;
        let mut best = None;
        for (i, byte) in bytes.iter().enumerate() {
            let node = &self.nodes[at];
            let Ok(found) = node.children.binary_search_by_key(byte, |c| c.0) else {
                break;
            };
            at = node.children[found].1 as usize;
            if let Some(id) = self.nodes[at].id {
                best = Some((id, i + 1));
            }
        }
        best
    }

    pub(super) fn encode(
        &self,
        mut bytes: &[u8],
        bounds: &Bounds<'_>,
        out: &mut Vec<u32>,
    ) -> Result<(), TokenizerError> {
        while let Some((id, used)) = self.longest(bytes) {
            out.push(id);
            bytes = &bytes[used..];
            if out.len().is_multiple_of(CHECK) {
                bounds.check(out.len())?;
            }
        }
        Ok(())
    }
}

/// The bytes of a token from its form in GGUF files, the inside of a Python bytes literal.
pub(super) fn unescape(token: &str) -> Result<Vec<u8>, TokenizerError> {
    let bad = || TokenizerError::Damaged(format!("its token `{token}` has an unknown escape"));
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'\\' {
            bytes.push(byte);
            rest = after;
            continue;
        }
        let (&kind, after) = after.split_first().ok_or_else(bad)?;
        rest = after;
        bytes.push(match kind {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'\\' | b'\'' | b'"' => kind,
            b'x' => {
                let digits = after
                    .get(..2)
                    .and_then(|d| std::str::from_utf8(d).ok())
                    .ok_or_else(bad)?;
                rest = &after[2..];
                u8::from_str_radix(digits, 16).map_err(|_| bad())?
            }
            _ => return Err(bad()),
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(extra: &[&str]) -> World {
        let mut tokens: Vec<Vec<u8>> = vec![Vec::new()];
        tokens.extend((0..=255u8).map(|b| vec![b]));
        tokens.extend(extra.iter().map(|t| t.as_bytes().to_vec()));
        World::new(
            tokens
                .iter()
                .enumerate()
                .map(|(i, t)| (u32::try_from(i).unwrap(), t.as_slice())),
        )
        .unwrap()
    }

    #[test]
    fn the_longest_match_wins_from_the_left() {
        let mut out = Vec::new();
        world(&["ab", "abcd", "bc"])
            .encode(b"abcabcd\n", &Bounds::NONE, &mut out)
            .unwrap();
        assert_eq!(out, [257, 100, 258, 11]);
    }

    #[test]
    fn a_vocabulary_without_all_bytes_is_refused() {
        let error = World::new([(1u32, b"a".as_slice())].into_iter()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the tokenizer is damaged: its vocabulary has no token for the byte 0x00; fetch the model again"
        );
    }

    #[test]
    fn escapes_are_those_of_a_bytes_literal() {
        assert_eq!(unescape(r"\x00a\n\t\r\\\'").unwrap(), b"\x00a\n\t\r\\'");
        assert_eq!(unescape("ä").unwrap(), "ä".as_bytes());
        assert!(unescape(r"\q").is_err());
        assert!(unescape(r"\x0").is_err());
        assert!(unescape("\\").is_err());
    }
}
