//! Running other programs, so that a test can stand in for them.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::execute::ExecuteError;

/// Runs a program to its end and gives its standard output; standard error ends up in the error.
pub trait Run: Send + Sync + std::fmt::Debug {
    /// `input` is its standard input.
    fn run(&self, program: &str, args: &[&str], input: &[u8]) -> Result<String, ExecuteError>;
}

/// On this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Local;

impl Run for Local {
    fn run(&self, program: &str, args: &[&str], input: &[u8]) -> Result<String, ExecuteError> {
        let failed = |said: String| ExecuteError::Program {
            program: [&[program], args].concat().join(" "),
            said,
            hint: "look at `journalctl -b` and `dmesg`; the installation can be run again".to_owned(),
        };
        let mut child = Command::new(program)
            .args(args)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read its input may close it.
            let _ = stdin.write_all(input);
        }
        let output = child
            .wait_with_output()
            .map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(failed(last_words(&output.stderr, &output.stdout, output.status)))
        }
    }
}

/// The last lines that a program printed, or how it ended when it printed none.
fn last_words(stderr: &[u8], stdout: &[u8], status: std::process::ExitStatus) -> String {
    for bytes in [stderr, stdout] {
        let text = String::from_utf8_lossy(bytes);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        if !lines.is_empty() {
            return lines[lines.len().saturating_sub(3)..].join("; ");
        }
    }
    status.to_string()
}
