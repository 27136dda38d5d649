//! Programs of this machine.

use std::io::{self, Write};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::error::RunError;
use super::invocation::{Input, Invocation};
use super::output::Output;
use super::runner::Run;

/// Runs programs on this machine, in the C.UTF-8 locale unless the invocation says otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub struct Local;

impl Local {
    /// Runs a program on the terminal of this process, such as a shell, until it ends.
    pub fn on_terminal(&self, invocation: &Invocation) -> Result<ExitStatus, RunError> {
        let mut command = Command::new(invocation.program());
        surround(&mut command, invocation);
        command.status().map_err(|error| not_started(invocation, error))
    }

    /// Starts a program that runs beside this one. Its standard error is a pipe that the caller reads; its standard
    /// output goes where that of this process goes.
    pub fn spawn(&self, invocation: &Invocation) -> Result<Child, RunError> {
        let mut command = Command::new(invocation.program());
        surround(&mut command, invocation);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        command.spawn().map_err(|error| not_started(invocation, error))
    }

    /// Starts a program whose output is read as it comes: its standard output is a pipe, its standard error that of this process.
    pub fn listen(&self, invocation: &Invocation) -> Result<Child, RunError> {
        let mut command = Command::new(invocation.program());
        command.env("LC_ALL", "C.UTF-8");
        surround(&mut command, invocation);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.spawn().map_err(|error| not_started(invocation, error))
    }
}

impl Run for Local {
    fn run(&self, invocation: &Invocation) -> Result<Output, RunError> {
        captured(invocation, |_| {}).map_err(|error| not_started(invocation, error))
    }
}

/// Runs a program to its end; `started` is told its process id.
pub(super) fn captured(invocation: &Invocation, started: impl FnOnce(u32)) -> io::Result<Output> {
    let mut command = Command::new(invocation.program());
    command.env("LC_ALL", "C.UTF-8");
    surround(&mut command, invocation);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = match invocation.standard_input() {
        Input::Empty => {
            let child = command.stdin(Stdio::null()).spawn()?;
            started(child.id());
            child.wait_with_output()?
        }
        Input::Plain(bytes) | Input::Secret(bytes) => {
            let mut child = command.stdin(Stdio::piped()).spawn()?;
            started(child.id());
            let stdin = child.stdin.take();
            std::thread::scope(|scope| {
                // A program may print more than a pipe holds before it reads, and may end without reading.
                scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(bytes)));
                child.wait_with_output()
            })?
        }
    };
    Ok(Output {
        status: output.status,
        stdout: output.stdout,
        stderr: output.stderr,
    })
}

fn surround(command: &mut Command, invocation: &Invocation) {
    command.args(invocation.arguments());
    let variables = invocation.environment().iter();
    command.envs(variables.map(|(name, value)| (name, value)));
    command.envs(invocation.secret_environment());
    if let Some(folder) = invocation.working_folder() {
        command.current_dir(folder);
    }
}

pub(super) fn not_started(invocation: &Invocation, source: io::Error) -> RunError {
    RunError::Start {
        invocation: Box::new(invocation.clone()),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn output_or_the_reason() {
        let printf = Invocation::new("printf").arg("a b");
        assert_eq!(Local.text(&printf).unwrap(), "a b");
        let fails = Invocation::new("sh").args(["-c", "echo no >&2; exit 3"]);
        let error = Local.succeed(&fails).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sh -c echo no >&2; exit 3 ended with exit status: 3: no"
        );
        assert_eq!(error.last_words(), "no");
        let absent = Local.run(&Invocation::new("/nowhere")).unwrap_err().to_string();
        assert!(absent.starts_with("cannot run /nowhere: "), "{absent}");
    }

    #[test]
    fn input_environment_and_folder_arrive() {
        let shell = Invocation::new("sh")
            .args(["-c", "cat; echo $LC_ALL $WORD $PIN; pwd"])
            .env("WORD", "yes")
            .secret_env("PIN", "271828")
            .folder("/")
            .input("in\n");
        assert_eq!(Local.text(&shell).unwrap(), "in\nC.UTF-8 yes 271828\n/\n");
    }

    #[test]
    fn more_than_a_pipe_holds_goes_both_ways() {
        let bytes = vec![b'x'; 1 << 20];
        let output = Local
            .succeed(&Invocation::new("cat").input(bytes.clone()))
            .unwrap();
        assert!(output.stdout == bytes);
        let unread = Local.succeed(&Invocation::new("true").input(bytes)).unwrap();
        assert_eq!(unread.stdout, b"");
    }

    #[test]
    fn a_program_beside_this_one_is_heard_and_waited_for() {
        let shell = Invocation::new("sh").args(["-c", "cat; echo here >&2; exit 5"]);
        let mut child = Local.spawn(&shell).unwrap();
        let mut heard = String::new();
        child.stderr.take().unwrap().read_to_string(&mut heard).unwrap();
        assert_eq!(
            (heard.as_str(), child.wait().unwrap().code()),
            ("here\n", Some(5))
        );
    }

    #[test]
    fn a_program_on_the_terminal_gives_its_status() {
        let exit = Invocation::new("sh").args(["-c", "exit 4"]);
        assert_eq!(Local.on_terminal(&exit).unwrap().code(), Some(4));
    }
}
