//! Requests while models are loaded, unloaded, pinned and swapped: none is lost.

#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::Daemon;
use common::machine::machine_with;
use serde_json::{Value, json};

const IDS: [&str; 3] = ["one", "two", "three"];

/// A request for exactly 12 tokens: those that end a text are forbidden.
fn request(model: &str, number: usize) -> Value {
    json!({"model": model, "seed": number, "max_tokens": 12, "logit_bias": {"256": -100, "258": -100},
           "stream": number % 2 == 1, "stream_options": if number % 2 == 1 { json!({"include_usage": true}) } else { Value::Null },
           "messages": [{"role": "user", "content": format!("Question {}", number % 7)}]})
}

/// The model that answered, how the answer ended, and its tokens.
fn parts(body: &Value) -> (String, String, u64) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let Some(stream) = body.as_str() else {
        return (
            text(&body["model"]),
            text(&body["choices"][0]["finish_reason"]),
            body["usage"]["completion_tokens"].as_u64().unwrap_or(0),
        );
    };
    let events: Vec<&str> = stream
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .collect();
    assert_eq!(events.last(), Some(&"[DONE]"), "{stream}");
    let chunks: Vec<Value> = events[..events.len() - 1]
        .iter()
        .map(|event| serde_json::from_str(event).unwrap())
        .collect();
    let reason = chunks
        .iter()
        .find_map(|chunk| chunk["choices"][0]["finish_reason"].as_str());
    (
        text(&chunks[0]["model"]),
        reason.unwrap_or_default().to_owned(),
        chunks.last().unwrap()["usage"]["completion_tokens"]
            .as_u64()
            .unwrap_or(0),
    )
}

#[test]
fn no_request_is_lost_while_models_come_and_go() {
    let daemon = Daemon::start_in(machine_with(&IDS, 2), Some("one"), "", "unix:path=/nonexistent");
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let until = Instant::now() + Duration::from_secs(8);
    std::thread::scope(|scope| {
        for client in 0..6 {
            let (daemon, answered) = (&daemon, &answered);
            scope.spawn(move || {
                for number in 0.. {
                    if Instant::now() > until {
                        return;
                    }
                    let model = ["one", "two", "three", "auto"][(client + number) % 4];
                    let ask = if client % 2 == 0 {
                        Daemon::tcp
                    } else {
                        Daemon::unix
                    };
                    let body = request(model, client * 1000 + number);
                    let (status, body) = ask(daemon, "POST", "/v1/chat/completions", Some(&body));
                    assert_eq!(status, 200, "{model}: {body}");
                    let (named, reason, tokens) = parts(&body);
                    assert_eq!((reason.as_str(), tokens), ("length", 12), "{model}: {body}");
                    assert!(
                        named == model || model == "auto" && IDS.contains(&named.as_str()),
                        "{model}: {body}"
                    );
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let (daemon, stop) = (&daemon, &stop);
        let control = scope.spawn(move || {
            let ask = |path: &str, body: Value| daemon.unix("POST", path, Some(&body)).0;
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return number;
                }
                let model = IDS[number % 3];
                assert_eq!(ask("/control/load", json!({"model": model})), 200);
                // It may have made room for another one meanwhile.
                let pinned = ask("/control/pin", json!({"model": "one", "pinned": true}));
                assert!([200, 503].contains(&pinned));
                let unloaded = ask("/control/unload", json!({"model": IDS[(number + 1) % 3]}));
                assert!([200, 503].contains(&unloaded));
                ask("/control/pin", json!({"model": "one", "pinned": false}));
            }
            0
        });
        while Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        stop.store(true, Ordering::Relaxed);
        let swaps = control.join().unwrap();
        println!(
            "{} answers during {swaps} rounds of swaps",
            answered.load(Ordering::Relaxed)
        );
        assert!(swaps > 3);
    });
    assert!(answered.load(Ordering::Relaxed) > 20);
    // Of the models that left none is still in memory.
    let (_, status) = daemon.unix("GET", "/control/status", None);
    assert!(status["models"].as_array().unwrap().len() <= 2, "{status}");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_load_without_room_unloads_nothing() {
    let daemon = Daemon::start_in(machine_with(&IDS, 1), Some("one"), "", "unix:path=/nonexistent");
    let ask = |path: &str, body: Value| daemon.unix("POST", path, Some(&body));
    assert_eq!(ask("/control/pin", json!({"model": "one"})).0, 200);
    let (status, body) = ask("/control/load", json!({"model": "two"}));
    assert_eq!(
        (status, &body["error"]["message"]),
        (
            503,
            &json!("there is no memory for two: the loaded models are pinned")
        )
    );
    let (_, status) = daemon.unix("GET", "/control/status", None);
    assert_eq!(status["models"][0]["id"], "one");
    assert_eq!(
        ask("/control/pin", json!({"model": "one", "pinned": false})).0,
        200
    );
    assert_eq!(ask("/control/load", json!({"model": "two"})).0, 200);
    let (_, status) = daemon.unix("GET", "/control/status", None);
    assert_eq!(
        (
            status["models"].as_array().unwrap().len(),
            &status["models"][0]["id"]
        ),
        (1, &json!("two"))
    );
    // A short question goes to what is loaded, and the answer says so.
    let mut body = request("auto", 2);
    let (_, answer) = daemon.tcp("POST", "/v1/chat/completions", Some(&body));
    assert_eq!(
        (&answer["resolved_model"], &answer["resolved_reason"]),
        (
            &json!("two"),
            &json!("two: a short question, and this model is loaded")
        )
    );
    body["messages"][0]["content"] = json!("```\nfn main() {}\n```");
    let (_, answer) = daemon.tcp("POST", "/v1/chat/completions", Some(&body));
    assert_eq!(answer["resolved_model"], "two", "{answer}");
    body["model"] = json!("one");
    let (_, answer) = daemon.tcp("POST", "/v1/chat/completions", Some(&body));
    assert_eq!(
        (&answer["resolved_model"], &answer["resolved_reason"]),
        (&json!("one"), &Value::Null)
    );
}

fn prefixes_in(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    paths
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("prefixes-")
        })
        .collect()
}

#[test]
fn a_conversation_goes_on_after_a_restart() {
    let question = "word ".repeat(60);
    let body = json!({"model": "one", "seed": 1, "max_tokens": 4, "messages": [{"role": "user", "content": question}]});
    let daemon = Daemon::start_in(
        machine_with(&["one"], 1),
        Some("one"),
        "",
        "unix:path=/nonexistent",
    );
    let (status, first) = daemon.tcp("POST", "/v1/chat/completions", Some(&body));
    assert_eq!(status, 200, "{first}");
    let (code, root) = daemon.stop_keeping();
    assert_eq!(code, Some(0));
    // On the state partition, and not beside the model, which may be on a pool.
    let prefixes = prefixes_in(&root.path().join("var/cache/sigmavault-ryzan/one"));
    assert_eq!(prefixes.len(), 1);
    assert_eq!(
        prefixes_in(&root.path().join("models/one")),
        [""; 0].map(PathBuf::from)
    );
    let rights = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(rights(&prefixes[0]), 0o700);
    for file in std::fs::read_dir(&prefixes[0]).unwrap() {
        assert_eq!(rights(&file.unwrap().path()), 0o600);
    }
    // Packed weights are the service's own, and nothing is written where models are.
    let home = root.path().join("var/cache/sigmavault-ryzan/one");
    assert!(home.join("model.gguf.panels").is_file() && home.join("model.gguf.panels.sha256").is_file());
    assert_eq!(rights(&home), 0o700);
    assert_eq!(
        std::fs::read_dir(root.path().join("models/one")).unwrap().count(),
        1
    );
    // What an earlier version left goes.
    let old = home.join("prefixes-0.0.9-1-1-scalar");
    std::fs::create_dir(&old).unwrap();
    std::fs::write(old.join("1.prefix"), "a conversation").unwrap();
    let daemon = Daemon::start_in(root, Some("one"), "", "unix:path=/nonexistent");
    assert!(!old.exists());
    let (_, again) = daemon.tcp("POST", "/v1/chat/completions", Some(&body));
    let count = |path: &str| again.pointer(path).and_then(Value::as_u64).unwrap();
    assert_eq!(
        count("/usage/prompt_tokens") - count("/usage/prompt_tokens_details/cached_tokens"),
        1,
        "{again}"
    );
    assert_eq!(again["choices"][0]["message"], first["choices"][0]["message"]);
}
