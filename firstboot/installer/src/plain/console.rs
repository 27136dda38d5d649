//! Questions and answers, one a line.

use std::fmt;
use std::io::{BufRead, Write};

use super::error::PlainError;

/// Said of an answer with a byte that is no text; the question is asked again.
const NOT_TEXT: &str =
    "That has a byte that is not text in UTF-8. Type it again; letters of English always work.";

/// Where questions go and answers come from.
pub struct Console<'a> {
    /// Answers.
    pub input: &'a mut dyn BufRead,
    /// Questions.
    pub output: &'a mut dyn Write,
    /// Hides what is typed (true), or shows it again.
    pub hide: &'a dyn Fn(bool),
    /// An installation begins (true), or has ended.
    pub busy: &'a dyn Fn(bool),
}

impl fmt::Debug for Console<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Console")
    }
}

impl Console<'_> {
    /// Says something.
    pub(super) fn say(&mut self, text: &str) -> Result<(), PlainError> {
        Ok(writeln!(self.output, "{text}")?)
    }

    /// Asks until the answer is text.
    fn line(&mut self, question: &str) -> Result<String, PlainError> {
        loop {
            write!(self.output, "{question}")?;
            self.output.flush()?;
            let mut bytes = Vec::new();
            if self.input.read_until(b'\n', &mut bytes)? == 0 {
                return Err(PlainError::Ended);
            }
            match String::from_utf8(bytes) {
                Ok(line) => return Ok(line.trim_end_matches(['\n', '\r']).to_owned()),
                Err(_) => self.say(NOT_TEXT)?,
            }
        }
    }

    /// A line, or what stands for an empty one.
    pub(super) fn ask(&mut self, question: &str, default: &str) -> Result<String, PlainError> {
        let question = if default.is_empty() {
            format!("{question}: ")
        } else {
            format!("{question} [{default}]: ")
        };
        let line = self.line(&question)?;
        let line = line.trim();
        Ok(if line.is_empty() { default } else { line }.to_owned())
    }

    /// A line that is not shown.
    fn hidden(&mut self, question: &str) -> Result<String, PlainError> {
        (self.hide)(true);
        let line = self.line(&format!("{question}: "));
        (self.hide)(false);
        writeln!(self.output)?;
        line
    }

    /// A line that is not shown, typed twice alike.
    pub(super) fn secret(&mut self, question: &str) -> Result<String, PlainError> {
        loop {
            let first = self.hidden(question)?;
            if self.hidden("Repeat it")? == first {
                return Ok(first);
            }
            self.say("The two differ.")?;
        }
    }

    /// Yes or no.
    pub(super) fn yes(&mut self, question: &str, default: bool) -> Result<bool, PlainError> {
        loop {
            let answer = self.ask(
                &format!("{question} (yes or no)"),
                if default { "yes" } else { "no" },
            )?;
            match answer.to_lowercase().as_str() {
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.say("Type yes or no.")?,
            }
        }
    }

    /// One of a few, by its number.
    pub(super) fn choose(
        &mut self,
        question: &str,
        options: &[String],
        default: usize,
    ) -> Result<usize, PlainError> {
        self.say(question)?;
        for (index, option) in options.iter().enumerate() {
            self.say(&format!("  {}. {option}", index + 1))?;
        }
        loop {
            let answer = self.ask("Number", &(default + 1).to_string())?;
            match answer.parse::<usize>() {
                Ok(number) if (1..=options.len()).contains(&number) => return Ok(number - 1),
                _ => self.say(&format!("Type a number from 1 to {}.", options.len()))?,
            }
        }
    }

    /// One of many, by its name or a part of it.
    pub(super) fn pick(
        &mut self,
        question: &str,
        names: &[String],
        default: &str,
    ) -> Result<String, PlainError> {
        loop {
            let answer = self.ask(&format!("{question} (? lists them)"), default)?;
            if answer == "?" {
                self.say(&names.join("  "))?;
                continue;
            }
            if answer == default || names.contains(&answer) {
                return Ok(answer);
            }
            let wanted = answer.to_lowercase();
            let found: Vec<&String> = names
                .iter()
                .filter(|name| name.to_lowercase().contains(&wanted))
                .collect();
            match found[..] {
                [one] => return Ok(one.clone()),
                [] => {
                    let near = crate::nearest::hint(&answer, names.iter().map(String::as_str));
                    self.say(&format!("There is no '{answer}'{near}."))?;
                }
                _ => {
                    let found: Vec<&str> = found.into_iter().map(String::as_str).collect();
                    self.say(&format!("Several are meant by '{answer}': {}", found.join("  ")))?;
                }
            }
        }
    }
}
