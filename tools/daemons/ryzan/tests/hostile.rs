//! Clients that are slow, greedy or malicious, over the real interface: others are answered all the same.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use common::{Daemon, request};
use proptest::prelude::*;
use serde_json::{Value, json};

const NO_BUS: &str = "unix:path=/nonexistent";

fn connect(daemon: &Daemon) -> TcpStream {
    let stream = TcpStream::connect(daemon.address.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn post(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    )
}

fn running(daemon: &Daemon) -> Option<u64> {
    daemon.unix("GET", "/control/status", None).1["models"][0]["running"].as_u64()
}

/// Waits until the engine has ended every request; the service counts an answer as given up before the engine hears of it.
fn nothing_runs_soon(daemon: &Daemon) {
    let began = Instant::now();
    while running(daemon) != Some(0) {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?} running",
            running(daemon)
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn chat(more: &Value) -> Value {
    let mut body =
        json!({"model": "small", "max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// A text that does not end by itself.
fn endless() -> Value {
    chat(&json!({"stream": true, "max_tokens": 30_000, "logit_bias": {"256": -100, "258": -100}}))
}

#[test]
fn who_sends_nothing_is_put_off_and_locks_nobody_out() {
    let daemon = Daemon::start(false, "connection-limit = 8\nclient-seconds = 2\n", NO_BUS);
    let held: Vec<TcpStream> = (0..300)
        .map(|number| {
            let mut stream = connect(&daemon);
            // Some say nothing, some begin a header, some begin a body.
            match number % 3 {
                0 => {}
                // Whoever waited longest may be closed already.
                1 => drop(stream.write_all(b"GET /health HTTP/1.1\r\nHost: loc")),
                _ => drop(stream.write_all(format!("{}{{", post("/v1/completions", 100)).as_bytes())),
            }
            stream
        })
        .collect();
    // Over the socket nobody notices.
    let began = Instant::now();
    assert_eq!(daemon.unix("GET", "/health", None).0, 200);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    // Those that hold connections lose them, whatever they began.
    for mut stream in held.into_iter().take(9) {
        let mut answer = String::new();
        // A connection that is closed with something unread is reset.
        let _ = stream.read_to_string(&mut answer);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408 "),
            "{answer}"
        );
    }
    assert_eq!(daemon.tcp("GET", "/health", None).0, 200);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn an_answer_that_nobody_takes_is_given_up() {
    let daemon = Daemon::start(true, "client-seconds = 2\n", NO_BUS);
    let mut stream = UnixStream::connect(&daemon.socket).unwrap();
    stream
        .write_all(request("localhost", "POST", "/v1/chat/completions", Some(&endless())).as_bytes())
        .unwrap();
    let began = Instant::now();
    let abandoned = || {
        let (_, text) = daemon.tcp("GET", "/metrics", None);
        text.as_str().unwrap().contains("ryzan_abandoned_total 1")
    };
    while !abandoned() {
        assert!(began.elapsed() < Duration::from_secs(40), "still held");
        std::thread::sleep(Duration::from_millis(100));
    }
    nothing_runs_soon(&daemon);
    drop(stream);
}

#[test]
fn a_client_that_closes_its_half_leaves_nothing_behind() {
    let daemon = Daemon::start(true, "", NO_BUS);
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = connect(&daemon);
        stream
            .write_all(request("localhost", "POST", "/v1/chat/completions", Some(&endless())).as_bytes())
            .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        streams.push(stream);
    }
    for mut stream in streams {
        let mut some = [0; 64];
        // The answer may have begun; it does not go on for ever.
        let _ = stream.read(&mut some);
    }
    nothing_runs_soon(&daemon);
}

#[test]
fn bodies_that_are_none_are_refused_by_name() {
    let daemon = Daemon::start(true, "body-limit-bytes = 1000000\n", NO_BUS);
    let send = |body: &[u8]| {
        let mut stream = connect(&daemon);
        stream
            .write_all(post("/v1/chat/completions", body.len()).as_bytes())
            .unwrap();
        // It may be refused before all of it is sent.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let deep = "[".repeat(500_000);
    let nested = format!("{}{}", r#"{"a":"#.repeat(1000), "}".repeat(1000));
    let many = format!("[{}1]", "1,".repeat(400_000));
    for (name, body, expected) in [
        ("deep", deep.as_bytes(), "too_many_values"),
        ("nested", nested.as_bytes(), "invalid_json"),
        ("many", many.as_bytes(), "too_many_values"),
        ("no UTF-8", b"{\"model\": \"\xff\xfe\"}", "invalid_json"),
        ("no UTF-8 escaped", br#"{"model": "\ud800"}"#, "invalid_json"),
        ("nothing", b" ", "invalid_json"),
        ("NUL", b"\0", "invalid_json"),
        ("a number", b"1e999999", "invalid_json"),
    ] {
        let answer = send(body);
        assert!(
            answer.starts_with("HTTP/1.1 400 ") && answer.contains(expected),
            "{name}: {answer}"
        );
    }
    let mut stream = connect(&daemon);
    stream
        .write_all(post("/v1/chat/completions", 1 << 40).as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let mut stream = connect(&daemon);
    stream
        .write_all(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
              Transfer-Encoding: chunked\r\n\r\n",
        )
        .unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    while stream.write_all(chunk.as_bytes()).is_ok() {}
    assert_eq!(daemon.unix("GET", "/health", None).0, 200);
    let header = format!(
        "GET /health HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
        "a".repeat(2 << 20)
    );
    let mut stream = connect(&daemon);
    let _ = stream.write_all(header.as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn names_of_models_lead_to_no_other_folder() {
    let daemon = Daemon::start(true, "", NO_BUS);
    // A model that somebody could have put on a share.
    let share = daemon.root().join("share/evil");
    std::fs::create_dir_all(&share).unwrap();
    std::fs::create_dir_all(daemon.root().join("models")).unwrap();
    common::write_model(&share.join("model.gguf"));
    let bytes = std::fs::metadata(share.join("model.gguf")).unwrap().len();
    for id in ["../share/evil".to_owned(), share.display().to_string()] {
        let record = json!({
            "model": {"id": id, "name": "x", "publisher": "x", "architecture": "qwen3", "licence": "MIT", "licence-url": "x",
                      "context": 512, "memory-bytes": 1, "file": [{"name": "model.gguf", "bytes": bytes,
                      "sha256": "0".repeat(64), "url": "https://example.org/"}]},
            "accepted-licence": "MIT", "time": "2026-01-01T00:00:00Z"
        });
        std::fs::write(share.join("model.json"), record.to_string()).unwrap();
        let (status, body) = daemon.tcp("POST", "/v1/chat/completions", Some(&chat(&json!({"model": id}))));
        assert_eq!(
            (status, &body["error"]["code"]),
            (404, &json!("model_not_found")),
            "{body}"
        );
        let (status, _) = daemon.unix("POST", "/control/load", Some(&json!({"model": id})));
        assert_eq!(status, 404);
    }
    for id in ["..", ".", "/", "", "a\0b", "é", &"a".repeat(5000)] {
        let (status, body) = daemon.tcp("POST", "/v1/chat/completions", Some(&chat(&json!({"model": id}))));
        assert!([400, 404].contains(&status), "{id:?}: {body}");
    }
    for path in [
        "/v1/models/../../etc/passwd",
        "/v1/models/%2e%2e%2fetc",
        "/v1/models/%00",
        "/v1/models/%ff",
    ] {
        let (status, body) = daemon.tcp("GET", path, None);
        assert!([400, 404].contains(&status), "{path}: {body}");
    }
    assert!(!share.join("model.gguf.panels").exists());
}

/// A request with one thing changed into another.
fn damaged() -> impl Strategy<Value = Value> {
    let names = [
        "model",
        "messages",
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "seed",
        "stop",
        "stream",
        "tools",
        "tool_choice",
        "response_format",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "presence_penalty",
        "frequency_penalty",
        "repetition_penalty",
        "n",
        "user",
        "stream_options",
        "parallel_tool_calls",
        "reasoning_effort",
        "max_completion_tokens",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "auto",
            "none",
            "required",
            "json_object",
            "json_schema",
            "user",
            "system",
            "tool",
            "function",
            "string"
        ])
        .prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        let key = prop::sample::select(vec![
            "type",
            "role",
            "content",
            "function",
            "name",
            "parameters",
            "schema",
            "json_schema",
            "256",
            "x",
            "properties",
            "$ref",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key, inner, 0..4).prop_map(|map| map
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    });
    prop::collection::vec((prop::sample::select(names.to_vec()), value), 1..3).prop_map(|changes| {
        let mut body = chat(&json!({}));
        for (name, value) in changes {
            body[name] = value;
        }
        body
    })
}

#[test]
fn whatever_is_asked_is_answered() {
    let daemon = Daemon::start(true, "", NO_BUS);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&damaged(), |mut body| {
            // Long answers would only take time.
            if body["max_tokens"].as_u64().is_some_and(|tokens| tokens > 20) {
                body["max_tokens"] = json!(20);
            }
            if body["max_completion_tokens"].is_u64() || body["max_tokens"].is_null() {
                body["max_tokens"] = json!(5);
                body.as_object_mut().unwrap().remove("max_completion_tokens");
            }
            let (status, answer) = daemon.unix("POST", "/v1/chat/completions", Some(&body));
            prop_assert!([200, 400, 404].contains(&status), "{status}: {answer} to {body}");
            if status != 200 {
                prop_assert!(answer["error"]["message"].is_string(), "{answer} to {body}");
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn long_prompts_are_refused_before_they_take_time_or_memory() {
    let daemon = Daemon::start(true, "", NO_BUS);
    assert_eq!(
        daemon
            .unix("POST", "/v1/chat/completions", Some(&chat(&json!({}))))
            .0,
        200
    );
    let before = daemon.most_memory();
    let began = Instant::now();
    for unit in ["a<|im_end|>", "word ", "x"] {
        let text = unit.repeat(7_800_000 / unit.len());
        let completion = json!({"model": "small", "prompt": text, "max_tokens": 1});
        let conversation = chat(&json!({"messages": [{"role": "user", "content": text}]}));
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (path, body) = if number % 2 == 0 {
                    ("/v1/completions", &completion)
                } else {
                    ("/v1/chat/completions", &conversation)
                };
                let daemon = &daemon;
                scope.spawn(move || {
                    let (status, answer) = daemon.unix("POST", path, Some(body));
                    assert_eq!(status, 400, "{answer}");
                    assert_eq!(answer["error"]["code"], "context_length_exceeded", "{answer}");
                });
            }
        });
    }
    // One body at a time, as it was sent and as it was read, and little more.
    let more = daemon.most_memory() - before;
    assert!(more < 60 << 20, "{more} bytes");
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
    // Tokens that are written out take no longer than others.
    let began = Instant::now();
    let many = json!({"model": "small", "prompt": "a<|im_end|>".repeat(17_000), "max_tokens": 1});
    let (status, answer) = daemon.unix("POST", "/v1/completions", Some(&many));
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("context_length_exceeded"))
    );
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn texts_with_too_many_tokens_are_not_listed() {
    let daemon = Daemon::start(true, "", NO_BUS);
    let ask = |text: &str, pieces: bool| {
        let body = json!({"model": "small", "content": text, "with_pieces": pieces});
        daemon.unix("POST", "/tokenize", Some(&body))
    };
    let (status, answer) = ask("ab", true);
    assert_eq!(
        (status, answer),
        (
            200,
            json!({"tokens": [{"id": 97, "piece": "a"}, {"id": 98, "piece": "b"}]})
        )
    );
    let before = daemon.most_memory();
    let (status, answer) = ask(&"x".repeat(150_000), false);
    assert_eq!(
        (status, answer["tokens"].as_array().unwrap().len()),
        (200, 150_000)
    );
    let (status, answer) = ask(&"x".repeat(150_000), true);
    assert_eq!(
        (status, answer["tokens"].as_array().unwrap().len()),
        (200, 150_000)
    );
    for pieces in [false, true] {
        let (status, answer) = ask(&"x".repeat(7_800_000), pieces);
        assert_eq!(
            (status, &answer["error"]["code"]),
            (400, &json!("too_many_tokens"))
        );
    }
    let more = daemon.most_memory() - before;
    assert!(more < 60 << 20, "{more} bytes");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_large_body_that_comes_slowly_keeps_its_users_large_bodies_waiting_and_no_small_ones() {
    let settings = "body-limit-bytes = 1000000\n";
    let daemon = Daemon::start(true, settings, NO_BUS);
    let slow = || {
        let mut stream = UnixStream::connect(&daemon.socket).unwrap();
        stream
            .write_all(post("/v1/completions", 1_000_000).as_bytes())
            .unwrap();
        stream.write_all(" ".repeat(200_000).as_bytes()).unwrap();
        // Its share of the memory is taken once this much of it is read.
        std::thread::sleep(Duration::from_millis(300));
        stream
    };
    let large = || {
        let body = json!({"model": "small", "content": "x".repeat(100_000)});
        let began = Instant::now();
        let (status, _) = daemon.tcp("POST", "/tokenize", Some(&body));
        (status, began.elapsed())
    };
    // It may take its time while nobody waits.
    let mut stream = slow();
    std::thread::sleep(Duration::from_millis(1500));
    stream.write_all(" ".repeat(800_000).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("invalid_json"), "{answer}");
    let mut stream = slow();
    let began = Instant::now();
    assert_eq!(
        daemon
            .tcp("POST", "/v1/chat/completions", Some(&chat(&json!({}))))
            .0,
        200
    );
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // A large one waits for it, but not for as long as it likes.
    let (status, waited) = large();
    assert_eq!(status, 200);
    assert!(waited < Duration::from_secs(3), "{waited:?}");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    // A client that goes gives its share back at once.
    drop(slow());
    let (status, waited) = large();
    assert_eq!(status, 200);
    assert!(waited < Duration::from_secs(2), "{waited:?}");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn control_tokens_in_messages_are_text() {
    let daemon = Daemon::start(true, "", NO_BUS);
    let length = |messages: Value| {
        let body = chat(&json!({"messages": messages, "max_tokens": 1}));
        let (status, answer) = daemon.unix("POST", "/v1/chat/completions", Some(&body));
        assert_eq!(status, 200, "{answer}");
        answer["usage"]["prompt_tokens"].as_u64().unwrap()
    };
    let user = |text: &str| length(json!([{"role": "user", "content": text}]));
    // This vocabulary has a token for each byte.
    for token in ["<|im_end|>", "<|im_start|>system", "<tool_call>", "</think>"] {
        assert_eq!(user(token), user(&"x".repeat(token.len())), "{token}");
    }
    // What the model itself wrote in its answers are tokens again.
    let answered = |text: &str| {
        length(
            json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": text},
            {"role": "user", "content": "b"}]),
        )
    };
    assert_eq!(answered("<tool_call>"), answered("x"));
    assert_eq!(answered("<|im_end|>"), answered(&"x".repeat(10)));
    assert_eq!(daemon.stop(), Some(0));
}
