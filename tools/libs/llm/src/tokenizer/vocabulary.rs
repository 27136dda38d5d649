//! The vocabulary in GGUF metadata, as plain data, and the tokenizer built from it.

use std::collections::HashMap;

use sigmavault_gguf::{Array, Metadata};

use super::added::{Added, AddedTokens};
use super::codec::Algorithm;
use super::error::TokenizerError;
use super::handle::Tokenizer;
use super::pipeline::Pipeline;
use super::roles::{READ_TAGS, Roles, TURN_ENDS};
use super::spm::SentencePiece;
use super::table::{TokenTable, byte_level, hexadecimal, sentence_piece};
use super::world::{World, unescape};

/// `tokenizer.ggml.token_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenKind {
    /// Text (1).
    #[default]
    Normal,
    /// Stands for text without a token (2).
    Unknown,
    /// A control token (3).
    Control,
    /// Text that is always one token (4).
    UserDefined,
    /// A hole in the vocabulary (5).
    Unused,
    /// One byte (6).
    Byte,
}

impl TokenKind {
    /// From the number in the file.
    pub fn from_number(number: i64) -> TokenKind {
        match number {
            2 => TokenKind::Unknown,
            3 => TokenKind::Control,
            4 => TokenKind::UserDefined,
            5 => TokenKind::Unused,
            6 => TokenKind::Byte,
            _ => TokenKind::Normal,
        }
    }
}

/// The `tokenizer.ggml.*` keys, and the architecture.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    /// `general.architecture`.
    pub architecture: String,
    /// `model`: gpt2, llama, rwkv or bert.
    pub model: String,
    /// `pre`: how a text is cut into words.
    pub pre: Option<String>,
    /// `tokens`, in the notation of the model kind.
    pub tokens: Vec<String>,
    /// `scores`, for `SentencePiece`.
    pub scores: Vec<f32>,
    /// `token_type`; empty if the file has none.
    pub kinds: Vec<TokenKind>,
    /// `merges`: two tokens with a space between.
    pub merges: Vec<String>,
    /// `bos_token_id`.
    pub bos: Option<u32>,
    /// `eos_token_id`.
    pub eos: Option<u32>,
    /// `eot_token_id`.
    pub eot: Option<u32>,
    /// `eom_token_id`.
    pub eom: Option<u32>,
    /// `unknown_token_id`.
    pub unknown: Option<u32>,
    /// `padding_token_id`.
    pub padding: Option<u32>,
    /// `cls_token_id`, for BERT.
    pub cls: Option<u32>,
    /// `seperator_token_id`, for BERT.
    pub separator: Option<u32>,
    /// `add_bos_token`.
    pub add_bos: Option<bool>,
    /// `add_eos_token`.
    pub add_eos: Option<bool>,
    /// `add_space_prefix`, for `SentencePiece`.
    pub add_space: Option<bool>,
    /// `remove_extra_whitespaces`, for `SentencePiece`.
    pub collapse_spaces: Option<bool>,
}

/// The keys `tokenizer.ggml.*` that [`Vocabulary::from_gguf`] reads.
pub(crate) const GGUF_KEYS: [&str; 18] = [
    "model",
    "pre",
    "tokens",
    "scores",
    "token_type",
    "merges",
    "bos_token_id",
    "eos_token_id",
    "eot_token_id",
    "eom_token_id",
    "unknown_token_id",
    "padding_token_id",
    "cls_token_id",
    "seperator_token_id",
    "add_bos_token",
    "add_eos_token",
    "add_space_prefix",
    "remove_extra_whitespaces",
];

impl Vocabulary {
    /// Reads a file's metadata. Keys may be absent; whether that is an error depends on the kind of tokenizer.
    pub fn from_gguf(metadata: &Metadata) -> Result<Vocabulary, TokenizerError> {
        let key = |name: &str| format!("tokenizer.ggml.{name}");
        let id = |name: &str| metadata.u32(&key(name));
        let model = metadata
            .string(&key("model"))
            .ok_or_else(|| TokenizerError::Damaged("the file has no tokenizer".into()))?;
        let strings = |name: &str| metadata.strings(&key(name)).unwrap_or_default().to_vec();
        Ok(Vocabulary {
            architecture: metadata.architecture().unwrap_or_default().to_owned(),
            model: model.to_owned(),
            pre: metadata.string(&key("pre")).map(str::to_owned),
            tokens: strings("tokens"),
            scores: metadata.f32s(&key("scores")).unwrap_or_default().to_vec(),
            kinds: kinds(metadata.array(&key("token_type")))?,
            merges: strings("merges"),
            bos: id("bos_token_id"),
            eos: id("eos_token_id"),
            eot: id("eot_token_id"),
            eom: id("eom_token_id"),
            unknown: id("unknown_token_id"),
            padding: id("padding_token_id"),
            cls: id("cls_token_id"),
            // The key is misspelled in the format.
            separator: id("seperator_token_id"),
            add_bos: metadata.bool(&key("add_bos_token")),
            add_eos: metadata.bool(&key("add_eos_token")),
            add_space: metadata.bool(&key("add_space_prefix")),
            collapse_spaces: metadata.bool(&key("remove_extra_whitespaces")),
        })
    }

    fn kind(&self, id: usize) -> TokenKind {
        self.kinds.get(id).copied().unwrap_or_default()
    }

    /// The tokens with their ids and kinds.
    fn numbered(&self) -> impl Iterator<Item = (u32, &str, TokenKind)> {
        (0u32..)
            .zip(&self.tokens)
            .map(|(id, token)| match self.kind(id as usize) {
                TokenKind::Control if READ_TAGS.contains(&token.as_str()) => {
                    (id, token.as_str(), TokenKind::UserDefined)
                }
                kind => (id, token.as_str(), kind),
            })
    }

    fn check(&self) -> Result<(), TokenizerError> {
        let count = self.tokens.len();
        let damaged = |what: String| Err(TokenizerError::Damaged(what));
        if count == 0 {
            return damaged("its vocabulary is empty".into());
        }
        if u32::try_from(count).is_err() {
            return damaged("its vocabulary is too large".into());
        }
        if !self.kinds.is_empty() && self.kinds.len() != count {
            return damaged(format!(
                "it has {count} tokens and {} token types",
                self.kinds.len()
            ));
        }
        let roles = [
            self.bos,
            self.eos,
            self.eot,
            self.eom,
            self.unknown,
            self.padding,
            self.cls,
            self.separator,
        ];
        match roles.into_iter().flatten().find(|id| *id as usize >= count) {
            Some(id) => damaged(format!("it gives a role to token {id} and has {count} tokens")),
            None => Ok(()),
        }
    }

    fn added(&self) -> Result<AddedTokens, TokenizerError> {
        AddedTokens::new(
            self.numbered()
                .filter(|(_, _, kind)| matches!(kind, TokenKind::Control | TokenKind::UserDefined))
                .map(|(id, token, kind)| Added::plain(id, token, kind == TokenKind::Control))
                .collect(),
        )
    }

    fn roles(&self, framed_by_bos: bool, closed_by_eos: bool) -> Roles {
        let mut ends: Vec<u32> = [self.eos, self.eot, self.eom].into_iter().flatten().collect();
        ends.extend(
            self.numbered()
                .filter(|(_, t, kind)| *kind == TokenKind::Control && TURN_ENDS.contains(t))
                .map(|(id, _, _)| id),
        );
        ends.sort_unstable();
        ends.dedup();
        Roles {
            bos: self.bos,
            eos: self.eos,
            unknown: self.unknown,
            padding: self.padding,
            add_bos: self.add_bos.unwrap_or(framed_by_bos),
            add_eos: self.add_eos.unwrap_or(closed_by_eos),
            ends,
        }
    }

    fn table(
        &self,
        bytes: impl Fn(&str, TokenKind) -> Result<Vec<u8>, TokenizerError>,
    ) -> Result<TokenTable, TokenizerError> {
        let mut table = TokenTable::default();
        for (_, token, kind) in self.numbered() {
            match kind {
                TokenKind::Control => table.push(token.as_bytes(), true),
                TokenKind::Unused => table.push(b"", true),
                TokenKind::UserDefined => table.push(token.as_bytes(), false),
                TokenKind::Normal | TokenKind::Unknown | TokenKind::Byte => {
                    table.push(&bytes(token, kind)?, false);
                }
            }
        }
        Ok(table)
    }

    fn merges(&self) -> Result<Vec<(String, String)>, TokenizerError> {
        self.merges
            .iter()
            .map(|merge| match merge.split_once(' ') {
                Some((left, right)) if !left.is_empty() && !right.is_empty() => {
                    Ok((left.to_owned(), right.to_owned()))
                }
                _ => Err(TokenizerError::Damaged(format!(
                    "its merge `{merge}` is not two tokens"
                ))),
            })
            .collect()
    }

    fn byte_pairs(&self) -> Result<Tokenizer, TokenizerError> {
        let pre = match &self.pre {
            Some(pre) => pre.as_str(),
            // BitNet's converted files leave the key out.
            None if self.architecture.starts_with("bitnet") => "llama-bpe",
            None => {
                return Err(TokenizerError::Damaged(
                    "it does not name its pre-tokenizer (tokenizer.ggml.pre)".into(),
                ));
            }
        };
        let words = self
            .numbered()
            .filter(|(_, _, kind)| matches!(kind, TokenKind::Normal | TokenKind::Byte | TokenKind::Unknown))
            .map(|(id, token, _)| (token.to_owned(), id))
            .collect();
        let pipeline = Pipeline::byte_pairs(words, self.merges()?, pre)?;
        let table = self.table(|token, _| Ok(byte_level(token)))?;
        let roles = self.roles(pre == "llama-bpe", false);
        Ok(Tokenizer::new(
            Algorithm::Pipeline(Box::new(pipeline)),
            self.added()?,
            table,
            roles,
        ))
    }

    fn sentence_pieces(&self) -> Result<Tokenizer, TokenizerError> {
        if self.scores.len() != self.tokens.len() {
            return Err(TokenizerError::Damaged(format!(
                "it has {} tokens and {} scores",
                self.tokens.len(),
                self.scores.len()
            )));
        }
        let mut bytes = Box::new([None; 256]);
        let mut pieces = HashMap::new();
        for ((id, token, kind), score) in self.numbered().zip(&self.scores) {
            match kind {
                TokenKind::Byte => {
                    let byte = hexadecimal(token).ok_or_else(|| {
                        TokenizerError::Damaged(format!("its byte token `{token}` is not <0xHH>"))
                    })?;
                    bytes[usize::from(byte)] = Some(id);
                }
                TokenKind::Normal => {
                    pieces.insert(token.to_owned(), (id, *score));
                }
                _ => {}
            }
        }
        let unknown = self.unknown.unwrap_or(0);
        let spm = SentencePiece::new(
            pieces,
            bytes,
            unknown,
            self.add_space.unwrap_or(true),
            self.collapse_spaces.unwrap_or(false),
        );
        let table = self.table(|token, kind| Ok(sentence_piece(token, kind == TokenKind::Byte)))?;
        Ok(Tokenizer::new(
            Algorithm::SentencePiece(spm),
            self.added()?,
            table,
            self.roles(true, false),
        ))
    }

    fn world(&self) -> Result<Tokenizer, TokenizerError> {
        let table = self.table(|token, _| unescape(token))?;
        let world = World::new(
            self.numbered()
                .filter(|(_, _, k)| *k == TokenKind::Normal)
                .map(|(id, _, _)| (id, table.bytes(id))),
        )?;
        Ok(Tokenizer::new(
            Algorithm::World(world),
            self.added()?,
            table,
            self.roles(false, false),
        ))
    }

    /// GGUF marks the beginnings of words with U+2581 and leaves continuations unmarked; BERT's own files mark continuations instead.
    fn word_pieces(&self) -> Result<Tokenizer, TokenizerError> {
        let mut words = HashMap::new();
        let mut lowercase = true;
        for (id, token, kind) in self.numbered() {
            let special = matches!(kind, TokenKind::Control | TokenKind::Unknown)
                || (token.starts_with('[') && token.ends_with(']'));
            let word = if special {
                token.to_owned()
            } else if let Some(word) = token.strip_prefix('\u{2581}') {
                lowercase &= word.len() < 2 || !word.chars().any(char::is_uppercase);
                word.to_owned()
            } else {
                format!("##{token}")
            };
            words.entry(word).or_insert(id);
        }
        let unknown = match self.unknown {
            Some(id) => self.tokens[id as usize].clone(),
            None => "[UNK]".to_owned(),
        };
        let pipeline = Pipeline::word_pieces(words, unknown, lowercase)?;
        let table = self.table(|token, _| Ok(token.replace('\u{2581}', " ").into_bytes()))?;
        let roles = Roles {
            bos: self.cls.or(self.bos),
            eos: self.separator.or(self.eos),
            ..self.roles(true, true)
        };
        Ok(Tokenizer::new(
            Algorithm::Pipeline(Box::new(pipeline)),
            self.added()?,
            table,
            roles,
        ))
    }
}

fn kinds(types: Option<&Array>) -> Result<Vec<TokenKind>, TokenizerError> {
    match types {
        None => Ok(Vec::new()),
        Some(Array::I32(numbers)) => Ok(numbers
            .iter()
            .map(|n| TokenKind::from_number(i64::from(*n)))
            .collect()),
        Some(Array::U32(numbers)) => Ok(numbers
            .iter()
            .map(|n| TokenKind::from_number(i64::from(*n)))
            .collect()),
        Some(_) => Err(TokenizerError::Damaged(
            "its token types are not 32-bit integers".into(),
        )),
    }
}

impl Tokenizer {
    /// The tokenizer in a GGUF file's metadata.
    pub fn from_gguf(metadata: &Metadata) -> Result<Tokenizer, TokenizerError> {
        Tokenizer::from_vocabulary(&Vocabulary::from_gguf(metadata)?)
    }

    /// The tokenizer described by GGUF metadata.
    pub fn from_vocabulary(vocabulary: &Vocabulary) -> Result<Tokenizer, TokenizerError> {
        vocabulary.check()?;
        match vocabulary.model.as_str() {
            "gpt2" => vocabulary.byte_pairs(),
            "llama" => vocabulary.sentence_pieces(),
            "rwkv" => vocabulary.world(),
            "bert" => vocabulary.word_pieces(),
            other => Err(TokenizerError::Unsupported {
                what: "model",
                name: other.to_owned(),
                supported: "gpt2, llama, rwkv and bert",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use sigmavault_gguf::{Index, TensorKind, Value, Writer};

    use super::*;

    fn read(key: Option<&str>) -> String {
        let mut writer = Writer::new();
        writer.set("tokenizer.ggml.model", "gpt2");
        if let Some(key) = key {
            let value = match key {
                "model" | "pre" => Value::String("llama".to_owned()),
                "tokens" | "merges" => Value::Array(Array::String(vec!["a".to_owned()])),
                "scores" => Value::Array(Array::F32(vec![1.0])),
                "token_type" => Value::Array(Array::I32(vec![3])),
                key if key.ends_with("_id") => Value::U32(7),
                _ => Value::Bool(true),
            };
            writer.set(&format!("tokenizer.ggml.{key}"), value);
        }
        writer.tensor("a", &[1], TensorKind::F32, &[0; 4]);
        let mut bytes = Vec::new();
        writer.write(&mut bytes).unwrap();
        let index = Index::parse(&bytes).unwrap();
        format!("{:?}", Vocabulary::from_gguf(index.metadata()).unwrap())
    }

    /// Other keys are refused, so a key may be listed only if it has an effect.
    #[test]
    fn every_key_that_is_listed_changes_the_vocabulary() {
        for key in GGUF_KEYS {
            assert_ne!(read(None), read(Some(key)), "{key}");
        }
    }
}
