//! Running a tool: its output goes to the stage's log and, line by line, to the progress bar.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sigmavault_host::run::quote;

use super::error::{Ending, EnvironmentError, Problem, ToolFailure};
use crate::progress::StageBar;

/// Lines of output that an error repeats.
const TAIL: usize = 15;
/// How often a running tool is checked for Ctrl-C.
const TICK: Duration = Duration::from_millis(200);

/// Set by Ctrl-C and termination signals; everything that waits looks at it.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for SIGINT, SIGTERM and SIGHUP from now on.
    pub fn listen() -> Result<Self, std::io::Error> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGTERM,
            signal_hook::consts::SIGHUP,
        ] {
            // A second signal ends the program at once.
            signal_hook::flag::register_conditional_shutdown(signal, 1, flag.clone())?;
            signal_hook::flag::register(signal, flag.clone())?;
        }
        Ok(Self(flag))
    }

    /// Asks everything to stop: another stage has failed.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// An error when somebody asked to stop.
    pub fn check(&self) -> Result<(), Problem> {
        if self.0.load(Ordering::Relaxed) {
            Err(Problem::Interrupted)
        } else {
            Ok(())
        }
    }
}

/// Runs the tools of one stage.
#[derive(Debug)]
pub struct Runner {
    log: Mutex<File>,
    log_path: PathBuf,
    bar: StageBar,
    interrupt: Interrupt,
}

impl Runner {
    /// Starts the stage's log.
    pub fn new(log_path: PathBuf, bar: StageBar, interrupt: Interrupt) -> Result<Self, Problem> {
        if let Some(folder) = log_path.parent() {
            std::fs::create_dir_all(folder).map_err(Problem::io("make the folder", folder))?;
        }
        let log = File::create(&log_path).map_err(Problem::io("write", &log_path))?;
        Ok(Self {
            log: Mutex::new(log),
            log_path,
            bar,
            interrupt,
        })
    }

    /// The stage's bar.
    pub fn bar(&self) -> &StageBar {
        &self.bar
    }

    /// The stage's log file.
    pub fn log_path(&self) -> &Path {
        &self.log_path
    }

    /// An error when somebody asked to stop.
    pub fn check(&self) -> Result<(), Problem> {
        self.interrupt.check()
    }

    /// Runs it to its end; a failure carries the last lines.
    pub fn run(&self, command: &mut Command) -> Result<(), Problem> {
        self.output(command, false).map(drop)
    }

    /// Runs it and returns what it wrote to standard output, as text.
    pub fn read(&self, command: &mut Command) -> Result<String, Problem> {
        self.output(command, true)
    }

    /// Writes a line to the log.
    pub fn note(&self, line: &str) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written must not stop the work.
        let _ = writeln!(log, "{line}");
    }

    fn output(&self, command: &mut Command, keep: bool) -> Result<String, Problem> {
        self.check()?;
        let tool = tool_name(command);
        let text = command_text(command);
        self.note(&format!("$ {text}"));
        let failed = |ending: Ending, tail: Vec<String>| ToolFailure {
            tool: tool.clone(),
            ending,
            tail,
            command: text.clone(),
        };
        let (reader, writer) = std::io::pipe().map_err(EnvironmentError::Pipe)?;
        let stdout = if keep {
            Stdio::piped()
        } else {
            writer_clone(&writer)?
        };
        command.stdin(Stdio::null()).stdout(stdout).stderr(writer);
        let mut child = command
            .spawn()
            .map_err(|error| failed(Ending::NotStarted(error), Vec::new()))?;
        // The command keeps copies of the pipe's writing end: without this the reader never sees the end.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let kept = child.stdout.take().map(|mut out| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                out.read_to_end(&mut bytes).map(|_| bytes)
            })
        });
        let (lines, incoming) = mpsc::channel();
        std::thread::spawn(move || forward(reader, &lines));
        let mut tail = VecDeque::with_capacity(TAIL);
        loop {
            match incoming.recv_timeout(TICK) {
                Ok(line) => self.take(line, &mut tail),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if let Err(stop) = self.check() {
                let _ = child.kill();
                let _ = child.wait();
                return Err(stop);
            }
        }
        let status = child
            .wait()
            .map_err(|error| failed(Ending::Lost(error), Vec::new()))?;
        self.check()?;
        if !status.success() {
            return Err(failed(Ending::Failed(status), tail.into()).into());
        }
        let bytes = match kept.map(std::thread::JoinHandle::join) {
            Some(Ok(Ok(bytes))) => bytes,
            None => Vec::new(),
            Some(_) => return Err(failed(Ending::OutputClosed, tail.into()).into()),
        };
        let text = String::from_utf8(bytes).map_err(|_| failed(Ending::NotText, tail.into()))?;
        Ok(text)
    }

    fn take(&self, line: String, tail: &mut VecDeque<String>) {
        self.note(&line);
        let shown = line.trim();
        if shown.is_empty() {
            return;
        }
        self.bar.message(shown);
        if tail.len() == TAIL {
            tail.pop_front();
        }
        tail.push_back(line);
    }
}

fn writer_clone(writer: &std::io::PipeWriter) -> Result<Stdio, EnvironmentError> {
    Ok(writer.try_clone().map_err(EnvironmentError::Pipe)?.into())
}

/// Sends each line, ended by a newline or a carriage return, without terminal colours.
fn forward(reader: PipeReader, lines: &mpsc::Sender<String>) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while let Ok(bytes) = reader.fill_buf() {
        if bytes.is_empty() {
            break;
        }
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let used = end.map_or(bytes.len(), |at| at + 1);
        line.extend_from_slice(&bytes[..end.unwrap_or(used)]);
        reader.consume(used);
        if end.is_some() && lines.send(text_of(&std::mem::take(&mut line))).is_err() {
            return;
        }
    }
    if !line.is_empty() {
        let _ = lines.send(text_of(&line));
    }
}

fn text_of(bytes: &[u8]) -> String {
    console::strip_ansi_codes(&String::from_utf8_lossy(bytes)).into_owned()
}

/// The program that does the work: what stands behind `--` in a sandbox's command line.
fn tool_name(command: &Command) -> String {
    let mut args = command.get_args().skip_while(|arg| *arg != "--").skip(1);
    let program = args.next().unwrap_or_else(|| command.get_program());
    Path::new(program)
        .file_name()
        .unwrap_or(program)
        .to_string_lossy()
        .into_owned()
}

/// The command as one would type it.
fn command_text(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| quote(&word.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::{Mode, Progress};

    fn runner(folder: &Path, interrupt: Interrupt) -> Runner {
        let bar = Progress::new(Mode::Silent).stage("test");
        Runner::new(folder.join("test.log"), bar, interrupt).unwrap()
    }

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_is_returned_and_logged() {
        let folder = tempfile::tempdir().unwrap();
        let runner = runner(folder.path(), Interrupt::default());
        assert_eq!(runner.read(&mut sh("echo out; echo err >&2")).unwrap(), "out\n");
        runner.run(&mut sh("printf 'one\\rtwo\\n'")).unwrap();
        let log = std::fs::read_to_string(runner.log_path()).unwrap();
        assert_eq!(
            log,
            "$ sh -c 'echo out; echo err >&2'\nerr\n$ sh -c 'printf '\\''one\\rtwo\\n'\\'''\none\ntwo\n"
        );
    }

    #[test]
    fn a_failure_carries_status_and_tail() {
        let folder = tempfile::tempdir().unwrap();
        let runner = runner(folder.path(), Interrupt::default());
        let error = runner.run(&mut sh("seq 100; exit 3")).unwrap_err();
        let Problem::Tool(ToolFailure {
            tool, ending, tail, ..
        }) = error
        else {
            panic!("{error}")
        };
        assert_eq!(
            (tool.as_str(), ending.to_string().as_str()),
            ("sh", "ended with exit code 3")
        );
        assert_eq!(tail.len(), 15);
        assert_eq!(tail.last().map(String::as_str), Some("100"));
    }

    #[test]
    fn an_interrupt_ends_the_tool() {
        let folder = tempfile::tempdir().unwrap();
        let interrupt = Interrupt::default();
        let runner = runner(folder.path(), interrupt.clone());
        let began = std::time::Instant::now();
        let result = std::thread::scope(|scope| {
            let run = scope.spawn(|| runner.run(Command::new("sleep").arg("60")));
            std::thread::sleep(Duration::from_millis(300));
            interrupt.raise();
            run.join().unwrap()
        });
        assert!(matches!(result, Err(Problem::Interrupted)), "{result:?}");
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_missing_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let runner = runner(folder.path(), Interrupt::default());
        let error = runner.run(&mut Command::new("/nonexistent/tool")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("tool cannot be started: No such file"),
            "{error}"
        );
    }
}
