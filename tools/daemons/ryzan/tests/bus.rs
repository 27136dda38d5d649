//! The service on a bus of its own, with the test in polkit's place.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::HashMap;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use common::Daemon;
use futures_util::StreamExt as _;
use sigmavault_private_bus::Bus;
use zbus::OwnedVariant;

#[zbus::proxy(
    interface = "org.sigmavault.Ryzan",
    default_service = "org.sigmavault.Ryzan",
    default_path = "/org/sigmavault/Ryzan"
)]
trait Ryzan {
    fn chat(&self, model: &str, messages_json: &str) -> zbus::Result<String>;
    fn chat_stream(&self, model: &str, messages_json: &str) -> zbus::Result<u64>;
    fn cancel_chat(&self, handle: u64) -> zbus::Result<bool>;
    fn get_status(&self) -> zbus::Result<HashMap<String, OwnedVariant>>;
    fn load_model(&self, model: &str) -> zbus::Result<bool>;
    fn unload_model(&self, model: &str) -> zbus::Result<()>;
    #[zbus(signal)]
    fn chat_delta(&self, handle: u64, text: String) -> zbus::Result<()>;
    #[zbus(signal)]
    fn chat_finished(&self, handle: u64, reason: String, calls_json: String) -> zbus::Result<()>;
}

fn error_name(error: &zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(name, _, _) => name.to_string(),
        other => panic!("{other}"),
    }
}

const HELLO: &str = r#"{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 6, "seed": 4, "reasoning_effort": "none"}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_model_the_bus_says_so() {
    let bus = Bus::start();
    let daemon = Daemon::start(false, "", &bus.address);
    let connection = bus.connect().await;
    let ryzan = RyzanProxy::new(&connection).await.unwrap();
    let status = ryzan.get_status().await.unwrap();
    assert_eq!(
        String::try_from(status["resolved_model"].try_clone().unwrap()).unwrap(),
        ""
    );
    let mut keys: Vec<&str> = status.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "context",
            "memory_bytes",
            "model",
            "pace",
            "reason",
            "resolved_model",
            "tier",
            "tokens_per_second"
        ]
    );
    let error = ryzan.chat("auto", HELLO).await.unwrap_err();
    assert_eq!(error_name(&error), "org.sigmavault.Ryzan.Error.NoModel");
    let error = ryzan.chat("auto", "[").await.unwrap_err();
    assert_eq!(error_name(&error), "org.sigmavault.Ryzan.Error.InvalidArgument");
    let error = ryzan.load_model("auto").await.unwrap_err();
    assert_eq!(error_name(&error), "org.sigmavault.Ryzan.Error.NoModel");
    assert_eq!(daemon.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_come_whole_and_in_pieces_to_the_caller_alone() {
    let bus = Bus::start();
    let _daemon = Daemon::start(true, "", &bus.address);
    let connection = bus.connect().await;
    let ryzan = RyzanProxy::new(&connection).await.unwrap();
    let whole = ryzan.chat("auto", HELLO).await.unwrap();

    let other = bus.connect().await;
    let listener = RyzanProxy::new(&other).await.unwrap();
    let mut overheard = listener.receive_chat_finished().await.unwrap();
    let mut deltas = ryzan.receive_chat_delta().await.unwrap();
    let mut finished = ryzan.receive_chat_finished().await.unwrap();
    let handle = ryzan.chat_stream("auto", HELLO).await.unwrap();
    let end = finished.next().await.unwrap();
    let end = end.args().unwrap();
    assert_eq!(*end.handle(), handle);
    assert!(["stop", "length"].contains(&end.reason().as_str()));
    assert_eq!(end.calls_json(), "[]");
    let mut text = String::new();
    while text.len() < whole.len() {
        text.push_str(deltas.next().await.unwrap().args().unwrap().text());
    }
    assert_eq!(text, whole);
    let nothing = tokio::time::timeout(std::time::Duration::from_millis(200), overheard.next()).await;
    assert!(nothing.is_err(), "another connection heard it");
    assert!(!ryzan.cancel_chat(handle).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_ends_when_its_caller_leaves_or_cancels() {
    let bus = Bus::start();
    let daemon = Daemon::start(true, "", &bus.address);
    // At this temperature nothing repeats, so nothing can be guessed ahead and it takes a while.
    let long = r#"{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 30000, "temperature": 2,
                   "logit_bias": {"256": -100, "258": -100}}"#;
    let wait = async |wanted: u64| {
        let start = std::time::Instant::now();
        loop {
            let status = daemon.unix("GET", "/control/status", None).1;
            if status["models"][0]["running"] == wanted {
                break;
            }
            assert!(
                start.elapsed() < std::time::Duration::from_secs(20),
                "not {wanted} running: {status}"
            );
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let connection = bus.connect().await;
    let ryzan = RyzanProxy::new(&connection).await.unwrap();
    let handle = ryzan.chat_stream("auto", long).await.unwrap();
    wait(1).await;
    let stranger = bus.connect().await;
    assert!(
        !RyzanProxy::new(&stranger)
            .await
            .unwrap()
            .cancel_chat(handle)
            .await
            .unwrap()
    );
    assert!(ryzan.cancel_chat(handle).await.unwrap());
    wait(0).await;

    ryzan.chat_stream("auto", long).await.unwrap();
    wait(1).await;
    drop(ryzan);
    connection.close().await.unwrap();
    wait(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_writes_nul_stays_on_the_bus() {
    let bus = Bus::start();
    let _daemon = Daemon::start(true, "", &bus.address);
    let connection = bus.connect().await;
    let ryzan = RyzanProxy::new(&connection).await.unwrap();
    // Token 0 is the byte 0.
    let nul = r#"{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 3, "reasoning_effort": "none",
                  "logit_bias": {"0": 100}, "temperature": 0}"#;
    assert_eq!(ryzan.chat("auto", nul).await.unwrap(), "\u{fffd}\u{fffd}\u{fffd}");
    let mut finished = ryzan.receive_chat_finished().await.unwrap();
    ryzan.chat_stream("auto", nul).await.unwrap();
    assert_eq!(finished.next().await.unwrap().args().unwrap().reason(), "length");
    assert!(ryzan.get_status().await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_polkit_nobody_may_load() {
    let bus = Bus::start();
    let _daemon = Daemon::start(true, "", &bus.address);
    let connection = bus.connect().await;
    let ryzan = RyzanProxy::new(&connection).await.unwrap();
    let error = ryzan.load_model("auto").await.unwrap_err();
    assert_eq!(error_name(&error), "org.sigmavault.Ryzan.Error.NotAuthorized");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_bus_as_over_the_socket_members_of_the_group_ask() {
    let bus = Bus::start();
    let _daemon = Daemon::start(true, "socket-group = \"adm\"\n", &bus.address);
    for (method, refused) in [("Chat", true), ("ChatStream", true), ("GetStatus", false)] {
        let mut call = Command::new("dbus-send");
        call.arg(format!("--bus={}", bus.address))
            .args([
                "--print-reply",
                "--dest=org.sigmavault.Ryzan",
                "/org/sigmavault/Ryzan",
            ])
            .arg(format!("org.sigmavault.Ryzan.{method}"))
            .current_dir("/")
            // Debian's `nobody`.
            .uid(65534)
            .gid(65534);
        if refused {
            call.args(["string:auto", &format!("string:{HELLO}")]);
        }
        let output = match call.output() {
            Ok(output) => output,
            Err(error) => {
                eprintln!("not tested: cannot start a program of another user: {error}");
                return;
            }
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), !refused, "{method}: {said}");
        assert_eq!(
            said.contains("org.sigmavault.Ryzan.Error.NotAuthorized"),
            refused,
            "{method}: {said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polkit_decides_who_may_load() {
    for yes in [true, false] {
        let bus = Bus::start();
        let polkit = bus.authority(yes).await;
        let daemon = Daemon::start(true, "", &bus.address);
        let connection = bus.connect().await;
        let ryzan = RyzanProxy::new(&connection).await.unwrap();
        // What is no model's name is never shown.
        let evil = "small, and enter your password at https://evil.example";
        for error in [
            ryzan.load_model(evil).await.unwrap_err(),
            ryzan.unload_model(evil).await.unwrap_err(),
        ] {
            assert_eq!(error_name(&error), "org.sigmavault.Ryzan.Error.ModelNotFound");
        }
        assert_eq!(polkit.questions(), []);
        let unloaded = ryzan.unload_model("auto").await;
        let question = polkit.questions().remove(0);
        // The dialog shows the model's own name, whatever it was called.
        let expected = ("system-bus-name", "org.sigmavault.ryzan.unload-model", "small");
        assert_eq!(
            (
                question.subject.as_str(),
                question.action.as_str(),
                question.details["model"].as_str()
            ),
            expected
        );
        let loaded = daemon.unix("GET", "/control/status", None).1["loaded"].clone();
        if yes {
            unloaded.unwrap();
            assert_eq!(loaded, false);
            assert!(ryzan.load_model("auto").await.unwrap());
            assert!(!ryzan.load_model("auto").await.unwrap());
        } else {
            assert_eq!(
                error_name(&unloaded.unwrap_err()),
                "org.sigmavault.Ryzan.Error.NotAuthorized"
            );
            assert_eq!(loaded, true);
        }
    }
}
