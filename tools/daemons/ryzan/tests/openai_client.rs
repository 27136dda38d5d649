//! Clients that people have, against the service: each script drives one, and ends with a status other than 0 when
//! anything is not as expected.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::Command;

use common::Daemon;
use common::machine::machine;

#[test]
#[ignore = "needs the clients; ci/openai-client gets them and runs this"]
fn the_clients_find_everything_as_expected() {
    let daemon = Daemon::start_in(machine(), Some("little"), "", "unix:path=/nonexistent");
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/ryzan");
    let program = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let (python, node) = (program("RYZAN_PYTHON", "python3"), program("RYZAN_NODE", "node"));
    for (program, script) in [
        (&python, "openai_client.py"),
        (&python, "ollama_client.py"),
        (&python, "anthropic_client.py"),
        (&python, "langchain_client.py"),
        (&python, "litellm_client.py"),
        (&node, "openai_client.cjs"),
    ] {
        println!("== {script}");
        let status = Command::new(program)
            .arg(scripts.join(script))
            .arg(&daemon.address)
            .status()
            .unwrap();
        assert!(status.success(), "{script}");
    }
}
