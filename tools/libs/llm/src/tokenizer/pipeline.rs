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

use super::added::{AddedTokens, Piece};
use super::error::TokenizerError;

/// The parts of a tokenizer.
pub(super) struct Pipeline {
    pub(super) normalizer: Option<NormalizerWrapper>,
    pub(super) words: Option<PreTokenizerWrapper>,
    pub(super) model: ModelWrapper,
    /// Whether every text gets a leading space, which decoding removes.
    pub(super) leading_space: bool,
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
            .build()
            .map_err(damaged)?;
        Ok(Pipeline {
            normalizer: rule.compose.then_some(NormalizerWrapper::NFC(NFC)),
            words: Some(PreTokenizerWrapper::Sequence(Sequence::new(steps))),
            model: ModelWrapper::BPE(model),
            leading_space: false,
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
        })
    }

    pub(super) fn starts_with_space(&self) -> bool {
        self.leading_space
    }

    pub(super) fn encode(
        &self,
        text: &str,
        added: &AddedTokens,
        controls: bool,
    ) -> Result<Vec<u32>, TokenizerError> {
        let mut cut: PreTokenizedString = text.into();
        let step = |e: tokenizers::Error| TokenizerError::Encode(e.to_string());
        cut.split(|_, whole| {
            let mut parts: Vec<(NormalizedString, Option<Vec<Token>>)> = Vec::new();
            for piece in added.pieces(whole.get(), controls) {
                let (range, id) = match piece {
                    Piece::Text(range) => (range, None),
                    Piece::Token(id, range) => (range, Some(id)),
                };
                let end = range.end - range.start;
                let part = whole
                    .slice(Range::Original(range))
                    .ok_or("a special token could not be cut out")?;
                parts.push((part, id.map(|id| vec![Token::new(id, String::new(), (0, end))])));
            }
            Ok(parts)
        })
        .map_err(step)?;
        if let Some(normalizer) = &self.normalizer {
            cut.normalize(|part| normalizer.normalize(part)).map_err(step)?;
        }
        if let Some(words) = &self.words {
            words.pre_tokenize(&mut cut).map_err(step)?;
        }
        cut.tokenize(|part| self.model.tokenize(part.get()))
            .map_err(step)?;
        Ok(cut
            .get_splits(OffsetReferential::Original, OffsetType::None)
            .into_iter()
            .flat_map(|(_, _, tokens)| tokens.iter().flatten().map(|t| t.id))
            .collect())
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
