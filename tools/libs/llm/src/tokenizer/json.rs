//! `tokenizer.json` in the format of the `tokenizers` library, with special tokens from `tokenizer_config.json` beside it.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use tokenizers::Model;

use super::added::{Added, AddedTokens};
use super::codec::Algorithm;
use super::error::TokenizerError;
use super::handle::Tokenizer;
use super::pipeline::{CACHED_WORDS, Pipeline, damaged};
use super::roles::{READ_TAGS, Roles, TURN_ENDS};
use super::table::{TokenTable, byte_level, sentence_piece};

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of the format")]
struct AddedEntry {
    id: u32,
    content: String,
    #[serde(default)]
    special: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    normalized: bool,
}

/// How tokens of the file represent bytes.
#[derive(Clone, Copy, PartialEq)]
enum Spelling {
    ByteLevel,
    SentencePiece,
    WordPiece,
    Plain,
}

impl Tokenizer {
    /// Loads the `tokenizer.json` at `path`, and special tokens from `tokenizer_config.json` in the same folder if it exists.
    pub fn from_json(path: &Path) -> Result<Tokenizer, TokenizerError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| TokenizerError::Read {
                path: path.to_owned(),
                source,
            })
        };
        let tokenizer = read(path)?;
        let beside = path.with_file_name("tokenizer_config.json");
        let config = if beside.is_file() {
            Some(read(&beside)?)
        } else {
            None
        };
        Tokenizer::from_json_bytes(&tokenizer, config.as_deref())
    }

    /// Parses the contents of `tokenizer.json` and `tokenizer_config.json`.
    pub fn from_json_bytes(tokenizer: &[u8], config: Option<&[u8]>) -> Result<Tokenizer, TokenizerError> {
        let not_json = |e: serde_json::Error| TokenizerError::Damaged(format!("it is not JSON: {e}"));
        let mut description: Value = serde_json::from_slice(tokenizer).map_err(not_json)?;
        let config: Value = match config {
            Some(config) => serde_json::from_slice(config).map_err(not_json)?,
            None => Value::Null,
        };
        let entries = match description.get_mut("added_tokens").map(Value::take) {
            Some(Value::Null) | None => Vec::new(),
            Some(list) => serde_json::from_value::<Vec<AddedEntry>>(list)
                .map_err(|e| TokenizerError::Damaged(format!("its added tokens: {e}")))?,
        };
        // Added tokens are cut out before normalisation. Those to be matched after it are not supported.
        let added: Vec<Added> = entries
            .iter()
            .filter(|e| e.special || !e.normalized || description["normalizer"].is_null())
            .map(|e| Added {
                id: e.id,
                text: e.content.clone(),
                control: e.special && !READ_TAGS.contains(&e.content.as_str()),
                strip_left: e.lstrip,
                strip_right: e.rstrip,
                whole_word: e.single_word,
            })
            .collect();
        if let Some(left) = entries.iter().find(|e| !added.iter().any(|a| a.id == e.id)) {
            return Err(TokenizerError::Unsupported {
                what: "added token",
                name: left.content.clone(),
                supported: "added tokens that are special or matched before normalisation",
            });
        }
        let spelling = spelling(&description);
        let (bos, eos) = frame(&description);
        if let Some(object) = description.as_object_mut() {
            object.remove("added_tokens");
            // Padding and truncation are left to the caller.
            object.insert("padding".into(), Value::Null);
            object.insert("truncation".into(), Value::Null);
        }
        let leading_space = description["decoder"].to_string().contains("\"Strip\"")
            || description["decoder"]["prepend_scheme"] == "always";
        // From text, which the library parses by code that is compiled in it.
        let parsed: tokenizers::Tokenizer = description.to_string().parse().map_err(damaged)?;
        let mut model = parsed.get_model().clone();
        model.resize_cache(CACHED_WORDS);
        let pipeline = Pipeline {
            normalizer: parsed.get_normalizer().cloned(),
            words: parsed.get_pre_tokenizer().cloned(),
            model,
            leading_space,
            known_words: false,
        };
        let added_tokens = AddedTokens::new(added.clone())?;
        let table = table(&pipeline, &added, spelling)?;
        let roles = roles(&config, &added, bos, eos, &pipeline);
        Ok(Tokenizer::new(
            Algorithm::Pipeline(Box::new(pipeline)),
            added_tokens,
            table,
            roles,
        ))
    }
}

fn table(pipeline: &Pipeline, added: &[Added], spelling: Spelling) -> Result<TokenTable, TokenizerError> {
    let mut words: Vec<Option<(Vec<u8>, bool)>> = Vec::new();
    let mut put = |id: u32, bytes: Vec<u8>, control: bool| {
        let id = id as usize;
        // A damaged file must not cause unbounded allocations.
        if id > 4_000_000 {
            return Err(damaged(format!("its token id {id} is out of range").into()));
        }
        if words.len() <= id {
            words.resize(id + 1, None);
        }
        words[id] = Some((bytes, control));
        Ok(())
    };
    for (token, id) in pipeline.model.get_vocab() {
        let bytes = match spelling {
            Spelling::ByteLevel => byte_level(&token),
            Spelling::SentencePiece => sentence_piece(&token, true),
            Spelling::WordPiece => match token.strip_prefix("##") {
                Some(rest) => rest.as_bytes().to_vec(),
                None => format!(" {token}").into_bytes(),
            },
            Spelling::Plain => token.into_bytes(),
        };
        put(id, bytes, false)?;
    }
    for token in added {
        put(token.id, token.text.clone().into_bytes(), token.control)?;
    }
    let mut table = TokenTable::default();
    for word in words {
        match word {
            Some((bytes, control)) => table.push(&bytes, control),
            None => table.push(b"", true),
        }
    }
    Ok(table)
}

fn spelling(description: &Value) -> Spelling {
    let decoder = description["decoder"].to_string();
    if decoder.contains("\"ByteLevel\"") {
        Spelling::ByteLevel
    } else if decoder.contains("\"ByteFallback\"") || decoder.contains("\"Metaspace\"") {
        Spelling::SentencePiece
    } else if decoder.contains("\"WordPiece\"") {
        Spelling::WordPiece
    } else {
        Spelling::Plain
    }
}

/// The special tokens that the post-processor puts before and after a single text.
fn frame(description: &Value) -> (Option<String>, Option<String>) {
    let processor = &description["post_processor"];
    let steps: Vec<&Value> = match processor["type"].as_str() {
        Some("Sequence") => processor["processors"].as_array().into_iter().flatten().collect(),
        _ => vec![processor],
    };
    for step in steps {
        match step["type"].as_str() {
            Some("TemplateProcessing") => {
                let single: Vec<&Value> = step["single"].as_array().into_iter().flatten().collect();
                let name = |piece: Option<&&Value>| {
                    piece
                        .and_then(|p| p["SpecialToken"]["id"].as_str())
                        .map(str::to_owned)
                };
                return (name(single.first()), name(single.last()));
            }
            Some("BertProcessing" | "RobertaProcessing") => {
                let name = |key: &str| step[key][0].as_str().map(str::to_owned);
                return (name("cls"), name("sep"));
            }
            _ => {}
        }
    }
    (None, None)
}

fn roles(
    config: &Value,
    added: &[Added],
    bos: Option<String>,
    eos: Option<String>,
    pipeline: &Pipeline,
) -> Roles {
    let id = |text: &str| {
        added
            .iter()
            .find(|t| t.text == text)
            .map(|t| t.id)
            .or_else(|| pipeline.model.token_to_id(text))
    };
    // The value is a string, or an object that contains the string.
    let named = |key: &str| {
        config[key]
            .as_str()
            .or_else(|| config[key]["content"].as_str())
            .and_then(id)
    };
    let mut roles = Roles {
        bos: named("bos_token"),
        eos: named("eos_token"),
        unknown: named("unk_token"),
        padding: named("pad_token"),
        add_bos: bos.is_some() || config["add_bos_token"] == true,
        add_eos: eos.is_some() || config["add_eos_token"] == true,
        ends: Vec::new(),
    };
    if let Some(bos) = bos {
        roles.bos = id(&bos);
    }
    if let Some(eos) = eos {
        roles.eos = id(&eos);
    }
    roles.ends.extend(roles.eos);
    roles.ends.extend(
        added
            .iter()
            .filter(|t| t.control && TURN_ENDS.contains(&t.text.as_str()))
            .map(|t| t.id),
    );
    roles.ends.sort_unstable();
    roles.ends.dedup();
    roles
}
