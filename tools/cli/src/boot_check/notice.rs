//! Bad news, where somebody may see them.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use nix::fcntl::OFlag;
use sigmavault_facts::Files;

use crate::program::Run;

/// Shows a text on every console and to everybody who is logged in. One that takes no text is left out.
pub fn everywhere(files: &Files, run: Run<'_>, text: &str) {
    let screen = format!("\r\n{}\r\n", text.replace('\n', "\r\n"));
    let active = files
        .attribute("/sys/class/tty/console/active")
        .unwrap_or_default();
    for console in active.split_whitespace().filter(|name| !name.contains('/')) {
        // A console must not become this program's terminal, nor hold it up when nobody reads a serial line.
        let _ = OpenOptions::new()
            .write(true)
            .custom_flags((OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits())
            .open(files.path(format!("/dev/{console}")))
            .and_then(|mut console| console.write_all(screen.as_bytes()));
    }
    let _ = run(&["wall", text]);
}
