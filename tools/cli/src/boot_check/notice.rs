//! Messages on consoles and terminals.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use nix::fcntl::OFlag;
use sigmavault_facts::Files;
use sigmavault_host::run::Run;
use sigmavault_host::wall;

/// Shows a text on every console and to every logged-in user. Consoles that fail are skipped.
pub fn everywhere(files: &Files, run: &dyn Run, text: &str) {
    let screen = format!("\r\n{}\r\n", text.replace('\n', "\r\n"));
    let active = files
        .attribute("/sys/class/tty/console/active")
        .unwrap_or_default();
    for console in active.split_whitespace().filter(|name| !name.contains('/')) {
        // A console must not become the controlling terminal, and an unread serial line must not block.
        let _ = OpenOptions::new()
            .write(true)
            .custom_flags((OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits())
            .open(files.path(format!("/dev/{console}")))
            .and_then(|mut console| console.write_all(screen.as_bytes()));
    }
    let _ = run.run(&wall::message(text));
}
