//! QEMU as a process: started, listened for, ended.

use std::fs::{self, File};
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::ending::Ending;
use crate::error::{Error, LastSeen};

/// How long QEMU may take to open its connections.
const CONNECT_LIMIT: Duration = Duration::from_mins(1);
/// Between two looks at a listener.
const CONNECT_TICK: Duration = Duration::from_millis(20);
/// How long a QEMU that hung up may take to say why and end.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Between two looks at a QEMU that hung up.
const LAST_WORDS_TICK: Duration = Duration::from_millis(100);

/// A running QEMU. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    exit: Option<ExitStatus>,
    messages: PathBuf,
}

impl Process {
    /// Starts QEMU by a complete command. What it prints goes to the file `messages`.
    pub fn spawn(mut command: Command, messages: &Path) -> Result<Self, Error> {
        let log = File::create(messages).map_err(Error::io("create", messages))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(Error::io("run", Path::new(command.get_program())))?;
        Ok(Self {
            child,
            exit: None,
            messages: messages.to_owned(),
        })
    }

    /// Number of the process.
    #[cfg(test)]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, once it has.
    pub fn exit(&self) -> Option<ExitStatus> {
        self.exit
    }

    /// Asks whether it has ended.
    pub fn poll(&mut self) -> Result<Option<ExitStatus>, Error> {
        if self.exit.is_none() {
            self.exit = self
                .child
                .try_wait()
                .map_err(Error::io("wait for", Path::new("QEMU")))?;
        }
        Ok(self.exit)
    }

    /// Waits for QEMU to connect to the socket at `path`.
    pub fn accept(
        &mut self,
        listener: &UnixListener,
        path: &Path,
        interrupted: &AtomicBool,
    ) -> Result<UnixStream, Error> {
        let deadline = Instant::now() + CONNECT_LIMIT;
        listener
            .set_nonblocking(true)
            .map_err(Error::io("listen on", path))?;
        loop {
            match listener.accept() {
                Ok((stream, _)) => return Ok(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(Error::io("listen on", path)(error)),
            }
            if interrupted.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            if self.poll()?.is_some() {
                return Err(self.not_started());
            }
            if Instant::now() >= deadline {
                return Err(self.failed(|said| Ending::NotConnected { said }));
            }
            thread::sleep(CONNECT_TICK);
        }
    }

    /// The error for a QEMU that hangs up before it runs the machine; gives it time to say why, then ends it.
    pub fn not_started(&mut self) -> Error {
        self.failed(|said| Ending::NotStarted { said })
    }

    fn failed(&mut self, ending: impl FnOnce(String) -> Ending) -> Error {
        let patience = Instant::now() + LAST_WORDS;
        while matches!(self.poll(), Ok(None)) && Instant::now() < patience {
            thread::sleep(LAST_WORDS_TICK);
        }
        self.stop();
        Error::MachineEnded {
            how: ending(self.said()),
            last: LastSeen {
                at: "before power on".to_owned(),
                ..LastSeen::default()
            },
        }
    }

    /// The end of what QEMU printed, for a message.
    pub fn said(&self) -> String {
        let text = fs::read(&self.messages).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(4)..].join("; ")
    }

    /// Kills bubblewrap, with which everything in its process namespace dies.
    fn stop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}
