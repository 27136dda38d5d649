//! The program itself, over both transports.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use common::Daemon;
use serde_json::{Value, json};

const NO_BUS: &str = "unix:path=/nonexistent";

fn ryzan(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sigmavault-ryzan"))
        .args(arguments)
        .output()
        .unwrap()
}

fn hello(more: &Value) -> Value {
    let mut body =
        json!({"model": "auto", "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[test]
fn without_a_model_it_says_so_and_answers_the_rest() {
    let daemon = Daemon::start(false, "", NO_BUS);
    let (status, health) = daemon.tcp("GET", "/health", None);
    assert_eq!((status, &health["status"]), (200, &json!("ok")));
    let (status, models) = daemon.tcp("GET", "/v1/models", None);
    assert_eq!((status, models), (200, json!({"object": "list", "data": []})));
    for ask in [Daemon::tcp, Daemon::unix] {
        let (status, body) = ask(&daemon, "POST", "/v1/chat/completions", Some(&hello(&json!({}))));
        assert_eq!(status, 503);
        assert_eq!(body["error"]["type"], "server_error");
        assert_eq!(body["error"]["code"], "no_model");
    }
    let (status, body) = daemon.unix("GET", "/control/status", None);
    assert_eq!((status, &body["resolved_model"]), (200, &Value::Null));
    let (status, body) = daemon.tcp("GET", "/v1/nothing", None);
    assert_eq!((status, &body["error"]["code"]), (404, &json!("unknown_url")));
    let (status, body) = daemon.tcp("DELETE", "/v1/models", None);
    assert_eq!(
        (status, &body["error"]["code"]),
        (405, &json!("method_not_supported"))
    );
    let (_, text) = daemon.tcp("GET", "/metrics", None);
    let line = "ryzan_requests_total{path=\"/v1/chat/completions\",status=\"503\"} 2";
    assert!(text.as_str().unwrap().contains(line), "{text}");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn foreign_names_and_pages_are_refused_over_tcp() {
    let daemon = Daemon::start(false, "", NO_BUS);
    let tcp = |head: &str| {
        let mut stream = TcpStream::connect(daemon.address.trim_start_matches("http://")).unwrap();
        write!(stream, "{head}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let foreign = tcp("GET /health HTTP/1.1\r\nHost: evil.example");
    assert!(foreign.starts_with("HTTP/1.1 421 "), "{foreign}");
    let page = tcp("GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example");
    assert!(page.starts_with("HTTP/1.1 403 "), "{page}");
    let form = tcp(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2",
    );
    assert!(form.starts_with("HTTP/1.1 415 "), "{form}");
    for ask in [Daemon::tcp, Daemon::unix] {
        assert_eq!(ask(&daemon, "GET", "/v1/models", None).0, 200);
    }
    let (status, body) = daemon.unix("POST", "/control/load", Some(&json!({"model": "nothing"})));
    assert_eq!((status, &body["error"]["code"]), (404, &json!("model_not_found")));
}

#[test]
fn a_model_answers_whole_and_in_pieces() {
    let daemon = Daemon::start(true, "", NO_BUS);
    let (status, whole) = daemon.tcp(
        "POST",
        "/v1/chat/completions",
        Some(&hello(&json!({"seed": 1, "logprobs": true, "top_logprobs": 2}))),
    );
    assert_eq!(status, 200, "{whole}");
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(whole["resolved_model"], "small");
    let usage = &whole["usage"];
    assert_eq!(
        usage["total_tokens"].as_u64(),
        Some(usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap())
    );
    if let Some(tokens) = whole["choices"][0]["logprobs"]["content"].as_array() {
        for token in tokens {
            assert!(token["logprob"].as_f64().unwrap() <= 0.0);
            assert_eq!(token["top_logprobs"].as_array().unwrap().len(), 2);
        }
    }

    let (status, text) = daemon.unix(
        "POST",
        "/v1/chat/completions",
        Some(&hello(
            &json!({"seed": 1, "stream": true, "stream_options": {"include_usage": true}}),
        )),
    );
    assert_eq!(status, 200);
    let text = text.as_str().unwrap();
    let data: Vec<&str> = text
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .collect();
    assert_eq!(data.last(), Some(&"[DONE]"));
    let chunks: Vec<Value> = data[..data.len() - 1]
        .iter()
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let joined: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(
        joined,
        whole["choices"][0]["message"]["content"].as_str().unwrap()
    );
    assert_eq!(
        chunks.last().unwrap()["usage"]["completion_tokens"],
        usage["completion_tokens"]
    );
    // The second time the prompt was not computed again.
    let cached = chunks.last().unwrap()["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64();
    assert!(cached > Some(0), "{cached:?}");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn schemas_and_tools_hold() {
    let daemon = Daemon::start(true, "", NO_BUS);
    let schema = json!({"type": "object", "properties": {"full": {"type": "boolean"}, "pool": {"enum": ["tank", "fast"]}},
                        "required": ["full", "pool"], "additionalProperties": false});
    for seed in 0..4 {
        let (status, body) = daemon.tcp(
            "POST",
            "/v1/chat/completions",
            Some(&hello(&json!({"seed": seed, "max_tokens": 200,
                "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}}))),
        );
        assert_eq!(status, 200, "{body}");
        let answer: Value =
            serde_json::from_str(body["choices"][0]["message"]["content"].as_str().unwrap()).unwrap();
        assert!(
            answer["full"].is_boolean() && ["tank", "fast"].map(Value::from).contains(&answer["pool"]),
            "{answer}"
        );
    }
    let tools = json!([
        {"type": "function", "function": {"name": "space", "parameters": schema}},
        {"type": "function", "function": {"name": "now"}}
    ]);
    for (choice, names) in [
        (json!("required"), &["space", "now"][..]),
        (
            json!({"type": "function", "function": {"name": "space"}}),
            &["space"],
        ),
    ] {
        for seed in 0..3 {
            let (status, body) = daemon.tcp(
                "POST",
                "/v1/chat/completions",
                Some(&hello(
                    &json!({"seed": seed, "max_tokens": 400, "tools": tools, "tool_choice": choice,
                                    "parallel_tool_calls": false}),
                )),
            );
            assert_eq!(status, 200, "{body}");
            let choice = &body["choices"][0];
            assert_eq!(choice["finish_reason"], "tool_calls", "{choice}");
            let function = &choice["message"]["tool_calls"][0]["function"];
            assert!(names.contains(&function["name"].as_str().unwrap()), "{function}");
            let arguments: Value = serde_json::from_str(function["arguments"].as_str().unwrap()).unwrap();
            assert_eq!(
                arguments.is_object() && arguments["full"].is_boolean(),
                function["name"] == "space"
            );
        }
    }
    // When the model decides, what it writes is text or a call, and nothing between.
    let (status, body) = daemon.tcp(
        "POST",
        "/v1/chat/completions",
        Some(&hello(&json!({"tools": tools, "max_tokens": 40}))),
    );
    assert_eq!(status, 200, "{body}");
    let impossible =
        json!({"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "nothing"}}});
    let (status, body) = daemon.tcp(
        "POST",
        "/v1/chat/completions",
        Some(&hello(&json!({"response_format": impossible}))),
    );
    assert_eq!(
        (status, &body["error"]["param"]),
        (400, &json!("response_format")),
        "{body}"
    );
}

#[test]
fn completions_and_responses_answer() {
    let daemon = Daemon::start(true, "", NO_BUS);
    let (status, body) = daemon.tcp(
        "POST",
        "/v1/completions",
        Some(&json!({"model": "small", "prompt": "Once", "max_tokens": 5, "seed": 3, "logprobs": 1})),
    );
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["object"], "text_completion");
    let (status, body) = daemon.tcp(
        "POST",
        "/v1/responses",
        Some(&json!({"model": "small", "input": "Hello", "max_output_tokens": 5, "reasoning": {"effort": "none"}})),
    );
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["object"], "response");
    let (status, body) = daemon.tcp(
        "POST",
        "/v1/completions",
        Some(&json!({"model": "gpt-4", "prompt": "a"})),
    );
    assert_eq!((status, &body["error"]["code"]), (404, &json!("model_not_found")));
    let long = "a ".repeat(20_000);
    let (status, body) = daemon.tcp(
        "POST",
        "/v1/completions",
        Some(&json!({"model": "small", "prompt": long})),
    );
    assert_eq!(
        (status, &body["error"]["code"]),
        (400, &json!("context_length_exceeded"))
    );
}

#[test]
fn computing_stops_when_the_client_goes() {
    let daemon = Daemon::start(true, "", NO_BUS);
    let body = hello(
        &json!({"stream": true, "max_tokens": 30_000, "temperature": 2, "logit_bias": {"256": -100, "258": -100}}),
    );
    let mut stream = TcpStream::connect(daemon.address.trim_start_matches("http://")).unwrap();
    stream
        .write_all(common::request("127.0.0.1", "POST", "/v1/chat/completions", Some(&body)).as_bytes())
        .unwrap();
    let mut first = [0; 512];
    assert!(stream.read(&mut first).unwrap() > 0);
    let running = || daemon.unix("GET", "/control/status", None).1["models"][0]["running"].as_u64();
    let wait = |wanted| {
        let start = Instant::now();
        while running() != Some(wanted) {
            assert!(start.elapsed() < Duration::from_secs(5), "not {wanted} running");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    wait(1);
    drop(stream);
    wait(0);
    let (_, text) = daemon.tcp("GET", "/metrics", None);
    assert!(
        text.as_str().unwrap().contains("ryzan_abandoned_total 1"),
        "{text}"
    );
}

#[test]
fn models_are_loaded_and_unloaded_over_the_socket() {
    let daemon = Daemon::start(true, "", NO_BUS);
    let small = json!({"model": "auto"});
    let loaded = || daemon.unix("GET", "/control/status", None).1["loaded"].clone();
    assert_eq!(loaded(), true);
    let (status, body) = daemon.tcp("POST", "/control/unload", Some(&small));
    assert_eq!((status, &body["error"]["code"]), (403, &json!("forbidden")));
    let (status, body) = daemon.unix(
        "POST",
        "/control/pin",
        Some(&json!({"model": "small", "pinned": true})),
    );
    assert_eq!(
        (status, body),
        (
            200,
            json!({"model": "small", "resolved_model": "small", "pinned": true})
        )
    );
    let (status, body) = daemon.unix("POST", "/control/unload", Some(&small));
    assert_eq!(
        (status, body),
        (200, json!({"model": "auto", "resolved_model": "small"}))
    );
    assert_eq!(loaded(), false);
    let (status, body) = daemon.unix("POST", "/control/load", Some(&small));
    assert_eq!(
        (status, body),
        (200, json!({"model": "auto", "resolved_model": "small"}))
    );
    assert_eq!(loaded(), true);
    // Unloaded once more, the next request loads it by itself.
    daemon.unix("POST", "/control/unload", Some(&small));
    assert_eq!(
        daemon
            .tcp("POST", "/v1/chat/completions", Some(&hello(&json!({}))))
            .0,
        200
    );
    assert_eq!(loaded(), true);
}

#[test]
fn addresses_of_the_network_are_refused() {
    let output = ryzan(&["--listen", "0.0.0.0:8100", "--root", "/nonexistent"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("0.0.0.0 is not a loopback address"));
}

#[test]
fn wrong_usage_exits_with_2() {
    assert_eq!(ryzan(&["--listen", "everywhere"]).status.code(), Some(2));
}

#[test]
fn completions_and_manual_are_made_from_the_command_line() {
    let completions = String::from_utf8(ryzan(&["--completions", "zsh"]).stdout).unwrap();
    assert!(completions.contains("--log-level"));
    let manual = String::from_utf8(ryzan(&["--man"]).stdout).unwrap();
    assert_eq!(
        manual,
        include_str!("../sigmavault-ryzan.8"),
        "make it again with: sigmavault-ryzan --man"
    );
}
