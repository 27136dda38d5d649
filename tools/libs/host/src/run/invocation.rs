//! A program to be run, with its arguments, environment and input.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use super::quote::quote;

/// What stands in place of a secret wherever an invocation is shown.
const SECRET: &str = "<secret>";

/// Standard input of a program.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Input {
    /// Nothing: the program reads the end at once.
    #[default]
    Empty,
    /// Bytes that anybody may see.
    Plain(Vec<u8>),
    /// Bytes that are never shown, logged or recorded, such as a password.
    Secret(Vec<u8>),
}

impl Input {
    /// The bytes that the program reads.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Empty => b"",
            Self::Plain(bytes) | Self::Secret(bytes) => bytes,
        }
    }

    /// The input as text that anybody may see; `None` when it is empty.
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::Empty => None,
            Self::Plain(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Self::Secret(_) => Some(SECRET.to_owned()),
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shown() {
            None => f.write_str("Empty"),
            Some(text) => f.debug_tuple("Input").field(&text).finish(),
        }
    }
}

/// A value that is never shown, logged or recorded.
#[derive(Clone, PartialEq, Eq)]
struct Hidden(OsString);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SECRET)
    }
}

/// A program with its arguments and surroundings.
///
/// `Display` gives program and arguments separated by spaces, for messages; [`Invocation::quoted`] gives a line that a
/// shell takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    secrets: Vec<(OsString, Hidden)>,
    input: Input,
    folder: Option<PathBuf>,
}

impl Invocation {
    /// A program without arguments, found in `PATH` when its name holds no slash.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            secrets: Vec::new(),
            input: Input::Empty,
            folder: None,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable, in addition to those of this process.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Sets an environment variable whose value is never shown, logged or recorded. Root alone reads the environment of
    /// root's programs.
    #[must_use]
    pub fn secret_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.secrets.push((name.into(), Hidden(value.into())));
        self
    }

    /// Sets the standard input.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Plain(bytes.into());
        self
    }

    /// Sets a standard input that is never shown, logged or recorded.
    #[must_use]
    pub fn secret_input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Secret(bytes.into());
        self
    }

    /// Sets the working folder.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Name or path of the program.
    pub fn program(&self) -> &OsStr {
        &self.program
    }

    /// Its arguments.
    pub fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    /// Variables added to the environment, in the order in which they were set.
    pub fn environment(&self) -> &[(OsString, OsString)] {
        &self.environment
    }

    /// Variables added to the environment that are never shown.
    pub fn secret_environment(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.secrets
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.0.as_os_str()))
    }

    /// Its standard input.
    pub fn standard_input(&self) -> &Input {
        &self.input
    }

    /// Its working folder, where one is set.
    pub fn working_folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The invocation as a line for a shell, without its input and secrets.
    pub fn quoted(&self) -> String {
        let mut words = Vec::new();
        if let Some(folder) = &self.folder {
            words.extend(["cd".to_owned(), shown(folder.as_os_str()), "&&".to_owned()]);
        }
        let variables = self.environment.iter();
        words.extend(variables.map(|(name, value)| format!("{}={}", name.to_string_lossy(), shown(value))));
        let secrets = self.secrets.iter();
        words.extend(secrets.map(|(name, _)| format!("{}={SECRET}", name.to_string_lossy())));
        let command = std::iter::once(&self.program).chain(&self.arguments);
        words.extend(command.map(|word| shown(word)));
        words.join(" ")
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program.to_string_lossy())?;
        self.arguments
            .iter()
            .try_for_each(|argument| write!(f, " {}", argument.to_string_lossy()))
    }
}

/// A word of a line for people: control characters become `?`, so that the line stays a line.
fn shown(word: &OsStr) -> String {
    quote(
        &word
            .to_string_lossy()
            .replace(|letter: char| letter.is_control(), "?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_a_shell() {
        for (invocation, plain, quoted) in [
            (Invocation::new("true"), "true", "true"),
            (
                Invocation::new("useradd").args(["--comment", "Ada O'Neil", ""]),
                "useradd --comment Ada O'Neil ",
                r"useradd --comment 'Ada O'\''Neil' ''",
            ),
            (
                Invocation::new("make")
                    .arg("all")
                    .env("CC", "gcc -m32")
                    .folder("/a b"),
                "make all",
                "cd '/a b' && CC='gcc -m32' make all",
            ),
            (
                Invocation::new("bootctl").args(["set-oneshot", "sigmavault-b*.conf"]),
                "bootctl set-oneshot sigmavault-b*.conf",
                "bootctl set-oneshot 'sigmavault-b*.conf'",
            ),
            (Invocation::new("wall").arg("a\nb"), "wall a\nb", "wall 'a?b'"),
        ] {
            assert_eq!(invocation.to_string(), plain);
            assert_eq!(invocation.quoted(), quoted);
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let invocation = Invocation::new("chpasswd").secret_input("ada:correct horse");
        assert_eq!(invocation.standard_input().shown().as_deref(), Some("<secret>"));
        assert_eq!(invocation.standard_input().bytes(), b"ada:correct horse");
        assert!(!format!("{invocation:?}").contains("horse"));

        let invocation = Invocation::new("systemd-cryptenroll").secret_env("NEWPIN", "271828");
        assert_eq!(invocation.quoted(), "NEWPIN=<secret> systemd-cryptenroll");
        let given: Vec<_> = invocation.secret_environment().collect();
        assert_eq!(given, [(OsStr::new("NEWPIN"), OsStr::new("271828"))]);
        let shown = format!("{invocation:?} {invocation}");
        assert!(shown.contains("NEWPIN") && !shown.contains("271828"), "{shown}");
    }
}
