//! The interfaces of `Ollama` and `Anthropic`, and what llama.cpp's server and Jina have besides `OpenAI`'s.

#![allow(clippy::unwrap_used)]

mod common;

use common::Daemon;
use common::machine::machine;
use serde_json::{Value, json};

fn daemon() -> Daemon {
    Daemon::start_in(machine(), Some("little"), "", "unix:path=/nonexistent")
}

fn post(daemon: &Daemon, path: &str, body: &Value) -> Value {
    let (status, answer) = daemon.tcp("POST", path, Some(body));
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn with(body: &Value, more: &Value) -> Value {
    let mut body = body.clone();
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"full": {"type": "boolean"}, "pool": {"enum": ["tank", "fast"]}},
           "required": ["full", "pool"], "additionalProperties": false})
}

#[test]
fn ollamas_clients_find_models_and_chat() {
    let daemon = daemon();
    let (status, version) = daemon.tcp("GET", "/api/version", None);
    assert_eq!(status, 200);
    assert!(
        version["version"].as_str().unwrap().starts_with("0."),
        "{version}"
    );
    let (_, tags) = daemon.tcp("GET", "/api/tags", None);
    let models = tags["models"].as_array().unwrap();
    let little = models.iter().find(|model| model["name"] == "little").unwrap();
    assert_eq!(little["details"]["format"], "gguf");
    assert!(little["size"].as_u64().unwrap() > 1000, "{little}");
    assert!(
        little["modified_at"].as_str().unwrap().starts_with("20"),
        "{little}"
    );
    let shown = post(&daemon, "/api/show", &json!({"model": "little:latest"}));
    assert_eq!(shown["model_info"]["qwen3.context_length"], 512);
    assert_eq!(shown["capabilities"][0], "completion");
    assert!(
        shown["template"].as_str().unwrap().contains("messages"),
        "{shown}"
    );
    let shown = post(&daemon, "/api/show", &json!({"model": "bert"}));
    assert_eq!(shown["capabilities"], json!(["embedding"]));

    let hello = json!({"model": "little:latest", "messages": [{"role": "user", "content": "Hello"}], "think": false,
                       "options": {"num_predict": 12, "seed": 5}, "keep_alive": "5m"});
    let whole = post(&daemon, "/api/chat", &with(&hello, &json!({"stream": false})));
    assert_eq!(
        (&whole["model"], &whole["done"]),
        (&json!("little"), &json!(true))
    );
    assert!(
        ["stop", "length"].contains(&whole["done_reason"].as_str().unwrap()),
        "{whole}"
    );
    assert!(whole["prompt_eval_count"].as_u64().unwrap() > 0);
    assert!(whole["total_duration"].as_u64().unwrap() >= whole["eval_duration"].as_u64().unwrap());
    let lines: Vec<Value> = match post(&daemon, "/api/chat", &hello) {
        Value::String(text) => text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
        // An answer without text is one line.
        line => vec![line],
    };
    let text: String = lines
        .iter()
        .map(|line| line["message"]["content"].as_str().unwrap())
        .collect();
    assert_eq!(json!(text), whole["message"]["content"]);
    let (last, before) = lines.split_last().unwrap();
    assert!(before.iter().all(|line| line["done"] == false));
    assert_eq!(last["eval_count"], whole["eval_count"]);

    let loaded = post(&daemon, "/api/chat", &json!({"model": "little"}));
    assert_eq!(
        (&loaded["done_reason"], &loaded["done"]),
        (&json!("load"), &json!(true))
    );
}

#[test]
fn ollamas_clients_call_functions_and_get_forms_texts_and_vectors() {
    let daemon = daemon();
    let hello = json!({"model": "little", "messages": [{"role": "user", "content": "Hello"}], "stream": false,
                       "think": false, "options": {"num_predict": 400, "seed": 1}});
    let tools = json!([{"type": "function", "function": {"name": "space", "parameters": schema()}}]);
    let called = post(
        &daemon,
        "/api/chat",
        &with(
            &hello,
            &json!({"tools": tools, "tool_choice": "required", "parallel_tool_calls": false}),
        ),
    );
    let call = &called["message"]["tool_calls"][0]["function"];
    assert_eq!(call["name"], "space", "{called}");
    assert!(call["arguments"]["full"].is_boolean(), "{called}");
    let mut more = hello["messages"].as_array().unwrap().clone();
    more.push(called["message"].clone());
    more.push(json!({"role": "tool", "content": "40 %", "tool_name": "space"}));
    post(
        &daemon,
        "/api/chat",
        &with(&hello, &json!({"messages": more, "tools": tools})),
    );
    let formed = post(&daemon, "/api/chat", &with(&hello, &json!({"format": schema()})));
    let value: Value = serde_json::from_str(formed["message"]["content"].as_str().unwrap()).unwrap();
    assert!(value["full"].is_boolean(), "{value}");

    let ask = json!({"model": "little", "prompt": "Once", "stream": false, "options": {"num_predict": 6, "temperature": 0}});
    let generated = post(&daemon, "/api/generate", &ask);
    assert!(
        generated["response"].is_string() && generated["eval_count"].as_u64().unwrap() <= 6,
        "{generated}"
    );
    let raw = post(&daemon, "/api/generate", &with(&ask, &json!({"raw": true})));
    let same = json!({"model": "little", "prompt": "Once", "max_tokens": 6, "temperature": 0});
    let same = post(&daemon, "/v1/completions", &same);
    assert_eq!(raw["response"], same["choices"][0]["text"]);

    let long = "a ".repeat(2000);
    let embedded = post(
        &daemon,
        "/api/embed",
        &json!({"model": "bert", "input": ["hello", long]}),
    );
    assert_eq!(embedded["embeddings"].as_array().unwrap().len(), 2);
    let one = post(
        &daemon,
        "/v1/embeddings",
        &json!({"model": "bert", "input": "hello"}),
    );
    assert_eq!(embedded["embeddings"][0], one["data"][0]["embedding"]);
    for (path, body, status) in [
        (
            "/api/embed",
            json!({"model": "bert", "input": long, "truncate": false}),
            400,
        ),
        ("/api/chat", with(&hello, &json!({"model": "nothing"})), 404),
        ("/api/nothing", json!({}), 404),
        (
            "/api/chat",
            with(
                &hello,
                &json!({"messages": [{"role": "user", "content": "x", "images": ["AAAA"]}]}),
            ),
            400,
        ),
    ] {
        let (found, answer) = daemon.tcp("POST", path, Some(&body));
        assert!(
            found == status && answer["error"].is_string(),
            "{path}: {found} {answer}"
        );
    }
}

/// Names and data of server-sent events.
fn events(text: &Value) -> Vec<(String, Value)> {
    let one = |event: &str| {
        let (name, data) = event.split_once('\n').unwrap();
        let data = data.strip_prefix("data: ").unwrap();
        (
            name.strip_prefix("event: ").unwrap().to_owned(),
            serde_json::from_str(data).unwrap(),
        )
    };
    text.as_str()
        .unwrap()
        .split("\n\n")
        .filter(|event| !event.is_empty() && !event.starts_with(':'))
        .map(one)
        .collect()
}

#[test]
fn anthropics_clients_get_messages_and_events() {
    let daemon = daemon();
    let hello = json!({"model": "little", "max_tokens": 12, "temperature": 0, "system": "Be brief.",
                       "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]});
    let whole = post(&daemon, "/v1/messages", &hello);
    assert_eq!(
        (&whole["type"], &whole["role"], &whole["model"]),
        (&json!("message"), &json!("assistant"), &json!("little"))
    );
    assert!(whole["id"].as_str().unwrap().starts_with("msg_"));
    let reason = whole["stop_reason"].as_str().unwrap();
    assert!(["end_turn", "max_tokens"].contains(&reason), "{whole}");
    let text = whole["content"][0]["text"].as_str().unwrap_or_default();

    let streamed = events(&post(
        &daemon,
        "/v1/messages",
        &with(&hello, &json!({"stream": true})),
    ));
    let names: Vec<&str> = streamed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[0], "message_start");
    assert_eq!(names[names.len() - 2..], ["message_delta", "message_stop"]);
    let joined: String = streamed
        .iter()
        .filter_map(|(_, data)| data["delta"]["text"].as_str())
        .collect();
    assert_eq!(joined, text);
    let end = &streamed[names.len() - 2].1;
    assert_eq!(end["delta"]["stop_reason"], reason);
    assert_eq!(end["usage"]["output_tokens"], whole["usage"]["output_tokens"]);
    // The second time most of the prompt is there already.
    assert!(
        end["usage"]["cache_read_input_tokens"].as_u64().unwrap() > 0,
        "{end}"
    );

    let counted = post(&daemon, "/v1/messages/count_tokens", &hello);
    assert_eq!(counted["input_tokens"], whole["usage"]["input_tokens"]);
    assert_eq!(
        counted["input_tokens"],
        streamed[0].1["message"]["usage"]["input_tokens"]
    );

    let tools = json!([{"name": "space", "description": "Space of a pool", "input_schema": schema()}]);
    let choice = json!({"type": "tool", "name": "space", "disable_parallel_tool_use": true});
    let ask = with(
        &hello,
        &json!({"max_tokens": 400, "tools": tools, "tool_choice": choice}),
    );
    let called = post(&daemon, "/v1/messages", &ask);
    assert_eq!(called["stop_reason"], "tool_use", "{called}");
    let block = &called["content"][0];
    assert_eq!(
        (&block["type"], &block["name"]),
        (&json!("tool_use"), &json!("space"))
    );
    assert!(block["input"]["full"].is_boolean(), "{called}");
    let mut more = hello["messages"].as_array().unwrap().clone();
    more.push(json!({"role": "assistant", "content": called["content"]}));
    more.push(json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": block["id"], "content": "40 %"}]}));
    post(
        &daemon,
        "/v1/messages",
        &with(&hello, &json!({"messages": more, "tools": tools})),
    );

    for (more, status, kind) in [
        (json!({"model": "nothing"}), 404, "not_found_error"),
        (json!({"max_tokens": null}), 400, "invalid_request_error"),
    ] {
        let (found, answer) = daemon.tcp("POST", "/v1/messages", Some(&with(&hello, &more)));
        assert_eq!(
            (found, &answer["type"], &answer["error"]["type"]),
            (status, &json!("error"), &json!(kind)),
            "{answer}"
        );
        assert!(answer["request_id"].is_string(), "{answer}");
    }
}

#[test]
fn texts_are_split_joined_and_ordered() {
    let daemon = daemon();
    let text = "Grüße <|im_end|> 40 %";
    let split = post(&daemon, "/tokenize", &json!({"content": text}));
    let ids = split["tokens"].as_array().unwrap();
    let joined = post(&daemon, "/detokenize", &json!({"tokens": ids}));
    assert_eq!(joined["content"], text);
    let plain = post(
        &daemon,
        "/tokenize",
        &json!({"content": text, "parse_special": false}),
    );
    assert!(plain["tokens"].as_array().unwrap().len() > ids.len());
    let pieces = post(
        &daemon,
        "/tokenize",
        &json!({"content": "ab", "with_pieces": true}),
    );
    assert_eq!(pieces["tokens"][0]["piece"], "a", "{pieces}");

    let ask = json!({"query": "disk", "documents": ["zfs pool", "disk", {"text": "network"}], "return_documents": true});
    let ranked = post(&daemon, "/v1/rerank", &ask);
    let results = ranked["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    assert_eq!(
        (&results[0]["index"], &results[0]["document"]["text"]),
        (&json!(1), &json!("disk"))
    );
    let scores: Vec<f64> = results
        .iter()
        .map(|one| one["relevance_score"].as_f64().unwrap())
        .collect();
    assert!(
        (scores[0] - 1.0).abs() < 1e-3 && scores.is_sorted_by(|a, b| a >= b),
        "{scores:?}"
    );
    assert_eq!(
        post(&daemon, "/v1/rerank", &with(&ask, &json!({"top_n": 1})))["results"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn the_tokens_of_a_prompt_have_probabilities() {
    let daemon = daemon();
    // These two letters only, so that every token is text.
    let ask = json!({"model": "little", "temperature": 0, "logprobs": 2, "prompt": "Once upon a time",
                     "logit_bias": {"97": 100, "98": 100}});
    let parts = |answer: &Value| {
        let choice = &answer["choices"][0];
        let list = |name: &str| choice["logprobs"][name].as_array().unwrap().clone();
        (
            choice["text"].as_str().unwrap().to_owned(),
            list("tokens"),
            list("token_logprobs"),
            list("top_logprobs"),
            list("text_offset"),
        )
    };
    let answer = post(&daemon, "/v1/completions", &with(&ask, &json!({"max_tokens": 6})));
    let (continued, ..) = parts(&answer);
    let whole = format!("Once upon a time{continued}");
    for stream in [false, true] {
        // What a harness asks for to score an answer: the text with it, and no more.
        let more = json!({"prompt": whole, "max_tokens": 0, "echo": true, "stream": stream});
        let answer = post(&daemon, "/v1/completions", &with(&ask, &more));
        let answer = match answer {
            Value::String(frames) => serde_json::from_str(
                frames
                    .split_terminator("\n\n")
                    .next()
                    .unwrap()
                    .strip_prefix("data: ")
                    .unwrap(),
            )
            .unwrap(),
            answer => answer,
        };
        let (text, tokens, logprobs, top, offsets) = parts(&answer);
        assert_eq!(text, whole);
        assert_eq!(
            (logprobs[0].clone(), top[0].clone(), offsets[0].clone()),
            (Value::Null, Value::Null, json!(0))
        );
        let spelled: Vec<&str> = tokens.iter().map(|token| token.as_str().unwrap()).collect();
        assert!(spelled.concat().ends_with(&whole), "{spelled:?}");
        assert_eq!([tokens.len(); 3], [logprobs.len(), top.len(), offsets.len()]);
        for (token, (logprob, top)) in spelled.iter().zip(logprobs.iter().zip(&top)).skip(1) {
            let best = top
                .as_object()
                .unwrap()
                .values()
                .map(|l| l.as_f64().unwrap())
                .fold(f64::MIN, f64::max);
            assert!(
                logprob.as_f64().unwrap() <= best && best <= 0.0,
                "{token}: {logprob}, {top}"
            );
        }
        if !stream {
            assert_eq!(answer["choices"][0]["finish_reason"], "length");
            assert_eq!(answer["usage"]["completion_tokens"], 0);
        }
    }
}

#[test]
fn several_prompts_echoes_and_begun_answers() {
    let daemon = daemon();
    // These two letters only, so that the text is the same however it is cut.
    let ask =
        json!({"model": "little", "max_tokens": 8, "temperature": 0, "logit_bias": {"97": 100, "98": 100}});
    let one = |prompt: &str| {
        let answer = post(
            &daemon,
            "/v1/completions",
            &with(&ask, &json!({ "prompt": prompt })),
        );
        answer["choices"][0]["text"].as_str().unwrap().to_owned()
    };
    let (first, second) = (one("Once"), one("Twice"));
    let both = post(
        &daemon,
        "/v1/completions",
        &with(&ask, &json!({"prompt": ["Once", "Twice"], "echo": true})),
    );
    let texts: Vec<&Value> = both["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|choice| &choice["text"])
        .collect();
    assert_eq!(
        texts,
        [&json!(format!("Once{first}")), &json!(format!("Twice{second}"))]
    );
    assert_eq!(both["choices"][1]["index"], 1);
    assert_eq!(both["usage"]["completion_tokens"], 16);
    let stream = post(
        &daemon,
        "/v1/completions",
        &with(
            &ask,
            &json!({"prompt": ["Once", "Twice"], "stream": true, "stream_options": {"include_usage": true}}),
        ),
    );
    let mut streamed = [String::new(), String::new()];
    let (mut ends, mut used) = (0, Value::Null);
    let frames = stream.as_str().unwrap().strip_suffix("data: [DONE]\n\n").unwrap();
    for frame in frames.split_terminator("\n\n") {
        let chunk: Value = serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap();
        if let Some(choice) = chunk["choices"].get(0) {
            let index = usize::try_from(choice["index"].as_u64().unwrap()).unwrap();
            streamed[index] += choice["text"].as_str().unwrap();
            ends += usize::from(choice["finish_reason"] == "length");
        } else {
            used = chunk["usage"]["completion_tokens"].clone();
        }
    }
    assert_eq!((streamed, ends), ([first, second], 2));
    assert_eq!(used, 16);

    let chat = with(
        &ask,
        &json!({"reasoning_effort": "none", "messages": [{"role": "user", "content": "Hello"}]}),
    );
    let whole = post(&daemon, "/v1/chat/completions", &chat);
    let text = whole["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(text.len(), 8, "{whole}");
    let begun = with(
        &chat,
        &json!({"max_tokens": 5, "continue_final_message": true, "add_generation_prompt": false,
                "messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": &text[..3]}]}),
    );
    let rest = post(&daemon, "/v1/chat/completions", &begun);
    assert_eq!(rest["choices"][0]["message"]["content"], json!(&text[3..]));
    // A stop text ends an answer, and says so where the interface has a place for it.
    let stopped = json!({"model": "little", "max_tokens": 30, "temperature": 0, "messages": [{"role": "user", "content": "Hello"}]});
    let first = post(&daemon, "/v1/messages", &stopped);
    let words = first["content"][0]["text"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if let Some(letter) = words.chars().find(char::is_ascii_graphic) {
        let stop = letter.to_string();
        let answer = post(
            &daemon,
            "/v1/messages",
            &with(&stopped, &json!({"stop_sequences": [stop]})),
        );
        assert_eq!(
            (&answer["stop_reason"], &answer["stop_sequence"]),
            (&json!("stop_sequence"), &json!(stop)),
            "{answer}"
        );
    }
}
