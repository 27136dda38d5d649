//! A vocabulary of realistic size that encodes any text, so that a model with random weights can hold a conversation.
//!
//! Byte-level pairs like Qwen's: 256 bytes, then every pair of letters and of a space and a letter, then pairs of pairs by
//! the frequency of their letters in English, until it is full. English takes about 3.2 characters per token, Qwen's own
//! vocabulary 4.5, so measured token counts are somewhat higher than those of a real model.

use sigmavault_gguf::Writer;

/// Letters by their frequency in English.
const LETTERS: &str = "etaoinshrdlcumwfgypbvkjxqz";

/// The space in byte-level vocabularies.
const BLANK: char = '\u{120}';

/// Tokens at the end, with their types in the file: 3 is a control token, 4 a user-defined one.
const SPECIALS: [(&str, i32); 9] = [
    ("<|endoftext|>", 3),
    ("<|im_start|>", 3),
    ("<|im_end|>", 3),
    ("<think>", 4),
    ("</think>", 4),
    ("<tool_call>", 4),
    ("</tool_call>", 4),
    ("<tool_response>", 4),
    ("</tool_response>", 4),
];

/// A chat template like Qwen's: messages between tags, functions in the first one.
const TEMPLATE: &str = include_str!("../../../tools/libs/llm/tests/text/templates/chatml-tools.jinja");

/// Writes vocabulary, merges and chat template of `size` tokens.
pub fn set(writer: &mut Writer, size: usize) {
    let (mut tokens, merges) = tokens(size.saturating_sub(SPECIALS.len()));
    let mut kinds = vec![1_i32; tokens.len()];
    for (text, kind) in SPECIALS {
        tokens.push(text.to_owned());
        kinds.push(kind);
    }
    let id = |text: &str| {
        let at = tokens.iter().rposition(|token| token == text).unwrap_or(0);
        u32::try_from(at).unwrap_or(0)
    };
    let (text, turn) = (id("<|endoftext|>"), id("<|im_end|>"));
    writer
        .set("tokenizer.ggml.model", "gpt2")
        .set("tokenizer.ggml.pre", "qwen2")
        .set("tokenizer.ggml.tokens", tokens)
        .set("tokenizer.ggml.token_type", kinds)
        .set("tokenizer.ggml.merges", merges)
        .set("tokenizer.ggml.bos_token_id", text)
        .set("tokenizer.ggml.eos_token_id", turn)
        .set("tokenizer.ggml.add_bos_token", false)
        .set("tokenizer.chat_template", TEMPLATE);
}

/// Bytes, pairs and pairs of pairs, and the merges that produce them.
fn tokens(size: usize) -> (Vec<String>, Vec<String>) {
    let mut tokens: Vec<String> = (0..=255).map(letter).collect();
    let mut merges = Vec::new();
    let ranked = || LETTERS.chars().enumerate();
    let first = || std::iter::once((0, BLANK)).chain(ranked());
    let mut pairs: Vec<(usize, char, char)> = first()
        .flat_map(|(a, left)| ranked().map(move |(b, right)| ((a + 1) * (b + 1), left, right)))
        .collect();
    pairs.sort_unstable();
    let texts: Vec<String> = pairs.iter().map(|(_, a, b)| format!("{a}{b}")).collect();
    for (text, (_, a, b)) in texts.iter().zip(&pairs) {
        merges.push(format!("{a} {b}"));
        tokens.push(text.clone());
    }
    // In order of the sum of ranks. A space can only be the first character of a token.
    for sum in 0..2 * texts.len() {
        for left in sum.saturating_sub(texts.len() - 1)..=sum.min(texts.len() - 1) {
            if tokens.len() >= size {
                return (tokens, merges);
            }
            let (a, b) = (&texts[left], &texts[sum - left]);
            if !b.starts_with(BLANK) {
                merges.push(format!("{a} {b}"));
                tokens.push(format!("{a}{b}"));
            }
        }
    }
    (tokens, merges)
}

/// How byte-level vocabularies write a byte: itself when it can be seen, else one of the letters from U+0100 on.
fn letter(byte: u8) -> String {
    let seen = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    if seen(byte) {
        return char::from(byte).to_string();
    }
    let before = (0..byte).filter(|byte| !seen(*byte));
    before
        .fold('\u{100}', |letter, _| {
            char::from_u32(u32::from(letter) + 1).unwrap_or(letter)
        })
        .to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn it_is_full_and_no_token_comes_twice() {
        let (tokens, merges) = tokens(150_000);
        assert_eq!((tokens.len(), merges.len()), (150_000, 150_000 - 256));
        assert_eq!(tokens.iter().collect::<HashSet<_>>().len(), tokens.len());
        assert_eq!(
            (
                letter(b'a').as_str(),
                letter(b' ').as_str(),
                letter(b'\n').as_str()
            ),
            ("a", "\u{120}", "\u{10a}")
        );
    }
}
