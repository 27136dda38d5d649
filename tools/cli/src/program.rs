//! Other programs.

use std::process::{Command, Stdio};

/// Runs a program, named first, with its arguments: its output, or why there is none.
pub type Run<'a> = &'a dyn Fn(&[&str]) -> Result<String, String>;

/// Runs a program of this machine.
pub fn run(words: &[&str]) -> Result<String, String> {
    let [program, arguments @ ..] = words else {
        return Err("no program is named".to_owned());
    };
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    let colon = if said.is_empty() { "" } else { ": " };
    Err(format!(
        "{} ended with {}{colon}{said}",
        words.join(" "),
        output.status
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_or_the_reason() {
        assert_eq!(run(&["printf", "a b"]), Ok("a b".into()));
        assert_eq!(
            run(&["sh", "-c", "echo no >&2; exit 3"]),
            Err("sh -c echo no >&2; exit 3 ended with exit status: 3: no".into())
        );
        assert!(
            run(&["/nowhere"])
                .unwrap_err()
                .starts_with("cannot run /nowhere: ")
        );
    }
}
