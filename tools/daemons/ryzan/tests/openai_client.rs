//! `OpenAI`'s own Python client against the service.

#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use common::Daemon;
use common::machine::machine;

#[test]
#[ignore = "needs OpenAI's Python client; ci/openai-client gets it and runs this"]
fn the_client_finds_everything_as_expected() {
    let daemon = Daemon::start_in(
        machine(),
        Some("little"),
        "requests-per-minute = 10000\n",
        "unix:path=/nonexistent",
    );
    let python = std::env::var("RYZAN_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../tests/ryzan/openai_client.py"
    );
    let status = Command::new(python)
        .arg(script)
        .arg(&daemon.address)
        .status()
        .unwrap();
    assert!(status.success());
}
