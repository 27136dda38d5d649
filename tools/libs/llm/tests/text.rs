//! Tokenizers and templates give the same results as the Python libraries. `text/README.md` explains the origin of the expected values.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/vocabularies.rs"]
mod vocabularies;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use sigmavault_llm::template::{ChatTemplate, Conversation, TemplateError};
use sigmavault_llm::tokenizer::{Decoder, TokenKind, Tokenizer, Vocabulary};
use vocabularies::{NAMES, folder, read, vocabulary};

fn ids(value: &Value) -> Vec<u32> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|id| u32::try_from(id.as_u64().unwrap()).unwrap())
        .collect()
}

/// Compares a tokenizer with the expected values. Returns their number.
fn compare(name: &str, tokenizer: Tokenizer, expected: &Value) -> usize {
    let mut compared = 0;
    for case in expected["encoded"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        assert_eq!(
            tokenizer.encode(text, true).unwrap(),
            ids(&case["ids"]),
            "{name}: {text:?}"
        );
        assert_eq!(
            tokenizer.encode(text, false).unwrap(),
            ids(&case["plain"]),
            "{name}, as a user's text: {text:?}"
        );
        let framed = tokenizer.encode_framed(text).unwrap();
        // The library puts a begin token before one that is written out already; ours does not.
        if case["ids"][0] != case["framed"][0] || case["ids"] == case["framed"] {
            assert_eq!(framed, ids(&case["framed"]), "{name}, framed: {text:?}");
        }
        compared += 3;
    }
    let tokenizer = Arc::new(tokenizer);
    for case in expected["decoded"].as_array().unwrap() {
        let tokens = ids(&case["ids"]);
        assert_eq!(
            tokenizer.decode(&tokens, false),
            case["text"].as_str().unwrap(),
            "{name}: {tokens:?}"
        );
        assert_eq!(
            tokenizer.decode(&tokens, true),
            case["written"].as_str().unwrap(),
            "{name}: {tokens:?}"
        );
        let mut decoder = Decoder::new(Arc::clone(&tokenizer), false);
        let mut streamed: String = tokens.iter().map(|id| decoder.push(*id)).collect();
        streamed.push_str(&decoder.finish());
        let streamed = if name == "sentence-pieces" {
            streamed.strip_prefix(' ').unwrap_or(&streamed)
        } else {
            &streamed
        };
        assert_eq!(
            streamed,
            case["text"].as_str().unwrap(),
            "{name}, one by one: {tokens:?}"
        );
        compared += 3;
    }
    compared
}

#[test]
fn vocabularies_of_gguf_files_encode_as_the_libraries_do() {
    for name in NAMES {
        let expected = read(name);
        let tokenizer = Tokenizer::from_vocabulary(&vocabulary(&expected["vocabulary"])).unwrap();
        let compared = compare(name, tokenizer, &expected);
        println!("{name}: {compared} values equal");
        assert!(compared > 500);
    }
}

#[test]
fn tokenizer_json_encodes_as_the_library_does() {
    for name in ["qwen2", "llama-bpe", "gpt-2", "dbrx", "refact", "word-pieces"] {
        let expected = read(name);
        let json = expected["tokenizer_json"].to_string();
        let tokenizer = Tokenizer::from_json_bytes(json.as_bytes(), None).unwrap();
        assert!(compare(name, tokenizer, &expected) > 500);
    }
}

#[test]
fn a_bitnet_file_without_the_key_is_read_as_llama() {
    let expected = read("llama-bpe");
    let mut keys = vocabulary(&expected["vocabulary"]);
    keys.pre = None;
    let refused = Tokenizer::from_vocabulary(&keys).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the tokenizer is damaged: it does not name its pre-tokenizer (tokenizer.ggml.pre); fetch the model again"
    );
    keys.architecture = "bitnet-b1.58".into();
    compare("llama-bpe", Tokenizer::from_vocabulary(&keys).unwrap(), &expected);
}

#[test]
fn what_ends_a_text_is_known() {
    let qwen = Tokenizer::from_vocabulary(&vocabulary(&read("qwen2")["vocabulary"])).unwrap();
    let ends: Vec<_> = qwen
        .roles()
        .ends
        .iter()
        .map(|id| qwen.decode(&[*id], true))
        .collect();
    assert_eq!(ends, ["<|endoftext|>", "<|im_end|>"]);
    assert!(!qwen.is_control(qwen.special("<tool_call>").unwrap()));
    assert!(qwen.is_control(qwen.special("<|im_start|>").unwrap()));
}

/// Tags around a call are parsed by the caller, so they are text even if a file says otherwise.
#[test]
fn tags_of_calls_are_text() {
    let mut keys = vocabulary(&read("qwen2")["vocabulary"]);
    let call = keys
        .tokens
        .iter()
        .position(|token| token == "<tool_call>")
        .unwrap();
    keys.kinds[call] = TokenKind::Control;
    let tokenizer = Tokenizer::from_vocabulary(&keys).unwrap();
    let id = tokenizer.special("<tool_call>").unwrap();
    assert!(!tokenizer.is_control(id));
    assert_eq!(tokenizer.decode(&[id], false), "<tool_call>");
}

#[test]
fn damaged_vocabularies_are_refused() {
    let good = vocabulary(&read("qwen2")["vocabulary"]);
    let refusal = |change: &dyn Fn(&mut Vocabulary)| {
        let mut keys = good.clone();
        change(&mut keys);
        Tokenizer::from_vocabulary(&keys).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(&|v| v.tokens.clear()),
        "the tokenizer is damaged: its vocabulary is empty; fetch the model again"
    );
    assert_eq!(
        refusal(&|v| v.eos = Some(70_000)),
        format!(
            "the tokenizer is damaged: it gives a role to token 70000 and has {} tokens; fetch the model again",
            good.tokens.len()
        )
    );
    assert_eq!(
        refusal(&|v| v.merges.push("alone".into())),
        "the tokenizer is damaged: its merge `alone` is not two tokens; fetch the model again"
    );
    assert!(refusal(&|v| v.merges.push("no token".into())).starts_with("the tokenizer is damaged: "));
    assert!(refusal(&|v| v.kinds.truncate(3)).contains("3 token types"));
    assert!(
        refusal(&|v| v.pre = Some("klingon".into()))
            .starts_with("the tokenizer pre-tokenizer `klingon` is not supported; supported are llama-bpe")
    );
    assert_eq!(
        refusal(&|v| v.model = "plamo2".into()),
        "the tokenizer model `plamo2` is not supported; supported are gpt2, llama, rwkv and bert"
    );
    assert!(refusal(&|v| v.model = "llama".into()).contains("0 scores"));
}

#[test]
fn templates_render_as_transformers_renders_them() {
    let expected = read("templates");
    let today = UNIX_EPOCH + Duration::from_hours(500_000);
    let mut equal = 0;
    for case in expected["cases"].as_array().unwrap() {
        let name = case["template"].as_str().unwrap();
        let source = std::fs::read_to_string(folder().join("templates").join(name)).unwrap();
        let template = ChatTemplate::new(&source, Some("<s>".into()), Some("</s>".into())).unwrap();
        let tools = expected["tools"]
            .as_array()
            .filter(|_| case["tools"] == true)
            .map(Vec::as_slice);
        let rendered = template.render(&Conversation {
            messages: expected["conversations"][case["conversation"].as_str().unwrap()]
                .as_array()
                .unwrap(),
            tools,
            add_generation_prompt: case["prompt"] == true,
            variables: case["variables"].as_object().unwrap(),
            now: today,
        });
        match (rendered, &case["error"]) {
            (Ok(text), Value::Null) => {
                assert_eq!(
                    text,
                    case["text"].as_str().unwrap().replace("{today}", "15 Jan 2027"),
                    "{name}: {case}"
                );
            }
            (Err(TemplateError::Refused(message)), Value::String(expected)) => assert_eq!(message, *expected),
            (other, _) => panic!("{name} {}: {other:?}", case["conversation"]),
        }
        equal += 1;
    }
    assert_eq!(equal, 320);
}

#[test]
fn boundaries_are_where_messages_end() {
    let expected = read("qwen2");
    let tokenizer = Tokenizer::from_vocabulary(&vocabulary(&expected["vocabulary"])).unwrap();
    let source = std::fs::read_to_string(folder().join("templates/chatml-tools.jinja")).unwrap();
    let template = ChatTemplate::new(&source, None, None).unwrap();
    let messages = [
        serde_json::json!({"role": "system", "content": "Be brief."}),
        serde_json::json!({"role": "user", "content": "What is a pool?"}),
        serde_json::json!({"role": "assistant", "content": "Disks."}),
        serde_json::json!({"role": "user", "content": "And a dataset?"}),
    ];
    let conversation = Conversation {
        messages: &messages,
        tools: None,
        add_generation_prompt: true,
        variables: &serde_json::Map::new(),
        now: UNIX_EPOCH,
    };
    let prompt = tokenizer
        .encode(&template.render(&conversation).unwrap(), true)
        .unwrap();
    let found = template.boundaries(&conversation, &tokenizer, &prompt, 3);
    let texts: Vec<String> = found
        .iter()
        .map(|end| tokenizer.decode(&prompt[..*end], true))
        .collect();
    assert_eq!(texts[0], "<|im_start|>system\nBe brief.<|im_end|>\n");
    // The last turn's answer would have included its thoughts, so the third message is shared up to their beginning.
    assert!(texts[1].ends_with("<|im_start|>assistant\n"), "{}", texts[1]);
    assert!(texts[2].ends_with("And a dataset?<|im_end|>\n"));
}
