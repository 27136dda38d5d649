//! Normalisation, pre-tokenization and a model from the `tokenizers` crate, with our own handling of special tokens.

use std::collections::HashMap;

use tokenizers::models::bpe::BPE;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::{BertNormalizer, NFC};
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::normalizer::Range;
use tokenizers::{
    Model, ModelWrapper, NormalizedString, Normalizer, NormalizerWrapper, OffsetReferential, OffsetType,
    PreTokenizedString, PreTokenizer, PreTokenizerWrapper, SplitDelimiterBehavior, Token,
};

use super::cuts::Cuts;
use super::error::TokenizerError;

/// The parts of a tokenizer.
pub(super) struct Pipeline {
    pub(super) normalizer: Option<NormalizerWrapper>,
    pub(super) words: Option<PreTokenizerWrapper>,
    pub(super) model: ModelWrapper,
    /// Whether every text gets a leading space, which decoding removes.
    pub(super) leading_space: bool,
    /// Whether the words are cut by one of the patterns below.
    pub(super) known_words: bool,
}

/// A pre-tokenizer of byte-pair vocabularies, with its names in GGUF files.
struct Words {
    names: &'static [&'static str],
    patterns: &'static [&'static str],
    /// Whether a word that is a token as a whole is taken without merging.
    take_whole: bool,
    /// Whether the text is normalised to NFC first.
    compose: bool,
}

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const UP_TO_THREE_DIGITS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const ONE_DIGIT: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const WORDS: [Words; 7] = [
    Words {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3"],
        patterns: &[UP_TO_THREE_DIGITS],
        take_whole: true,
        compose: false,
    },
    Words {
        names: &["qwen2", "deepseek-r1-qwen"],
        patterns: &[ONE_DIGIT],
        take_whole: false,
        compose: true,
    },
    Words {
        names: &["dbrx", "smaug-bpe"],
        patterns: &[UP_TO_THREE_DIGITS],
        take_whole: false,
        compose: false,
    },
    Words {
        names: &["gpt-2", "phi-2"],
        patterns: &[GPT2],
        take_whole: false,
        compose: false,
    },
    Words {
        names: &["olmo", "mpt"],
        patterns: &[GPT2],
        take_whole: false,
        compose: true,
    },
    Words {
        names: &["refact", "smollm", "starcoder", "command-r"],
        patterns: &[r"\p{N}", GPT2],
        take_whole: false,
        compose: false,
    },
    // What llama.cpp takes where the converter did not know the tokenizer.
    Words {
        names: &["default"],
        patterns: &[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
        take_whole: false,
        compose: false,
    },
];

/// Words whose tokens the library keeps, in each thread that ever encoded a text. A word may take eight kilobytes.
pub(super) const CACHED_WORDS: usize = 512;

const SUPPORTED: &str = "llama-bpe, qwen2, dbrx, gpt-2, olmo, mpt, refact, smollm, starcoder, command-r, default and their aliases";

impl Pipeline {
    /// Byte-level byte-pair encoding with the pre-tokenizer named `words`.
    pub(super) fn byte_pairs(
        vocabulary: HashMap<String, u32>,
        merges: Vec<(String, String)>,
        words: &str,
    ) -> Result<Pipeline, TokenizerError> {
        let rule =
            WORDS
                .iter()
                .find(|w| w.names.contains(&words))
                .ok_or_else(|| TokenizerError::Unsupported {
                    what: "pre-tokenizer",
                    name: words.to_owned(),
                    supported: SUPPORTED,
                })?;
        let mut steps = Vec::new();
        for pattern in rule.patterns {
            let split = Split::new(
                SplitPattern::Regex((*pattern).to_owned()),
                SplitDelimiterBehavior::Isolated,
                false,
            )
            .map_err(damaged)?;
            steps.push(PreTokenizerWrapper::Split(split));
        }
        steps.push(PreTokenizerWrapper::ByteLevel(ByteLevel::new(
            false, false, false,
        )));
        let vocabulary: ahash::AHashMap<String, u32> = vocabulary.into_iter().collect();
        let model = BPE::builder()
            .vocab_and_merges(vocabulary, merges)
            .ignore_merges(rule.take_whole)
            .cache_capacity(CACHED_WORDS)
            .build()
            .map_err(damaged)?;
        Ok(Pipeline {
            normalizer: rule.compose.then_some(NormalizerWrapper::NFC(NFC)),
            words: Some(PreTokenizerWrapper::Sequence(Sequence::new(steps))),
            model: ModelWrapper::BPE(model),
            leading_space: false,
            known_words: true,
        })
    }

    /// BERT's word pieces.
    pub(super) fn word_pieces(
        vocabulary: HashMap<String, u32>,
        unknown: String,
        lowercase: bool,
    ) -> Result<Pipeline, TokenizerError> {
        let vocabulary: ahash::AHashMap<String, u32> = vocabulary.into_iter().collect();
        let model = WordPiece::builder()
            .vocab(vocabulary)
            .unk_token(unknown)
            .build()
            .map_err(damaged)?;
        Ok(Pipeline {
            normalizer: Some(NormalizerWrapper::BertNormalizer(BertNormalizer::new(
                true, true, None, lowercase,
            ))),
            words: Some(PreTokenizerWrapper::BertPreTokenizer(BertPreTokenizer)),
            model: ModelWrapper::WordPiece(model),
            leading_space: false,
            known_words: false,
        })
    }

    pub(super) fn starts_with_space(&self) -> bool {
        self.leading_space
    }

    /// Where a long text can be cut, if the vocabulary has no token with a space after another character.
    pub(super) fn cuts_of_parts(&self) -> Cuts {
        let normal = match &self.normalizer {
            None | Some(NormalizerWrapper::NFC(_) | NormalizerWrapper::BertNormalizer(_)) => true,
            Some(_) => false,
        };
        if normal && !self.leading_space && self.words.as_ref().is_some_and(ends_words_at_spaces) {
            Cuts::BeforeSpaces
        } else {
            Cuts::Nowhere
        }
    }

    /// How many bytes of a text may become one byte of a token: more than one where the text is composed. `None` if there is no limit,
    /// as in models that have one token for any unknown word.
    pub(super) fn shrinks(&self) -> Option<usize> {
        let ModelWrapper::BPE(_) = &self.model else {
            return None;
        };
        match &self.normalizer {
            None => Some(1),
            // The longest canonical composition is of four characters to one, of three bytes or more.
            Some(NormalizerWrapper::NFC(_)) => Some(4),
            Some(_) => None,
        }
    }

    /// Encodes the part of a text between two special tokens, or a part of that; `first` if it begins the text.
    pub(super) fn encode(&self, part: &str, first: bool, out: &mut Vec<u32>) -> Result<(), TokenizerError> {
        let step = |e: tokenizers::Error| TokenizerError::Encode(e.to_string());
        let mut cut: PreTokenizedString = if first {
            part.into()
        } else {
            behind(part).map_err(step)?
        };
        if let Some(normalizer) = &self.normalizer {
            cut.normalize(|part| normalizer.normalize(part)).map_err(step)?;
        }
        if let Some(words) = &self.words {
            words.pre_tokenize(&mut cut).map_err(step)?;
        }
        cut.tokenize(|part| self.model.tokenize(part.get()))
            .map_err(step)?;
        let splits = cut.get_splits(OffsetReferential::Original, OffsetType::None);
        out.extend(
            splits
                .into_iter()
                .flat_map(|(_, _, tokens)| tokens.iter().flatten().map(|t| t.id)),
        );
        Ok(())
    }
}

/// A part that the library does not take for the beginning of a text: some pre-tokenizers treat that differently.
fn behind(part: &str) -> tokenizers::Result<PreTokenizedString> {
    let mut cut: PreTokenizedString = format!("-{part}").into();
    cut.split(|_, whole| {
        let slice = |range| {
            whole
                .slice(Range::Original(range))
                .ok_or("a part of the text could not be cut out")
        };
        let before: (NormalizedString, Option<Vec<Token>>) = (slice(0..1)?, Some(Vec::new()));
        Ok([before, (slice(1..part.len() + 1)?, None)])
    })?;
    Ok(cut)
}

/// Whether a pre-tokenizer treats a part that begins with a space as it would behind the word before it.
fn ends_words_at_spaces(words: &PreTokenizerWrapper) -> bool {
    match words {
        PreTokenizerWrapper::ByteLevel(bytes) => !bytes.add_prefix_space,
        PreTokenizerWrapper::Sequence(steps) => steps.as_ref().iter().all(ends_words_at_spaces),
        PreTokenizerWrapper::BertPreTokenizer(_)
        | PreTokenizerWrapper::Digits(_)
        | PreTokenizerWrapper::Punctuation(_)
        | PreTokenizerWrapper::Split(_)
        | PreTokenizerWrapper::Whitespace(_)
        | PreTokenizerWrapper::WhitespaceSplit(_) => true,
        _ => false,
    }
}

/// The parts come from the model's file, so their errors mean that it is damaged.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn damaged(error: tokenizers::Error) -> TokenizerError {
    TokenizerError::Damaged(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_patterns_are_those_that_files_are_checked_for() {
        let names: Vec<&str> = WORDS.iter().flat_map(|words| words.names).copied().collect();
        assert_eq!(names, sigmavault_gguf::support::PRE_TOKENIZERS);
    }
}
