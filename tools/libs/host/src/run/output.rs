//! The result of a program.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// How a program ended and what it printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Exit code or signal.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// A program that ended with exit code 0 and printed this on its standard output.
    pub fn success(stdout: impl Into<Vec<u8>>) -> Self {
        Self {
            status: ExitStatus::from_raw(0),
            stdout: stdout.into(),
            stderr: Vec::new(),
        }
    }

    /// A program that ended with an exit code and printed this on its standard error.
    pub fn failure(code: u8, stderr: impl Into<Vec<u8>>) -> Self {
        Self {
            // wait(2): the exit code stands in the second byte.
            status: ExitStatus::from_raw(i32::from(code) << 8),
            stdout: Vec::new(),
            stderr: stderr.into(),
        }
    }

    /// Standard output as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text, without white space at its ends.
    pub fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }

    /// The last lines that the program printed, or how it ended when it printed none.
    pub fn last_words(&self) -> String {
        for bytes in [&self.stderr, &self.stdout] {
            let text = String::from_utf8_lossy(bytes);
            let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
            if !lines.is_empty() {
                return lines[lines.len().saturating_sub(3)..].join("; ");
            }
        }
        self.status.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words() {
        let with = |stdout: &str, stderr: &str| Output {
            stdout: stdout.into(),
            ..Output::failure(3, stderr)
        };
        for (output, words) in [
            (with("", ""), "exit status: 3"),
            (with("out\n\n", " \n"), "out"),
            (with("out", "a\n\nb\nc\nd\n"), "b; c; d"),
        ] {
            assert_eq!(output.last_words(), words);
        }
    }
}
