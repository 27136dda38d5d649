//! Starting and stopping the program of a service.

use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;
use log::{LevelFilter, info};
use sigmavault_facts::Files;
use sigmavault_facts::terminal::printable_lines;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::manager::{NotifyState, notify};

/// Options that every service has.
#[allow(clippy::doc_markdown, reason = "these comments are the help text")]
#[derive(Debug, Args)]
pub struct Options {
    /// Read settings from this file only
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How much to log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: LevelFilter,
    /// Read /proc, /sys, /run, /etc and /usr below this folder
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    pub root: PathBuf,
    /// Print shell completions
    #[arg(long, value_name = "SHELL", hide = true, exclusive = true)]
    pub completions: Option<Shell>,
    /// Print the manual page
    #[arg(long, hide = true, exclusive = true)]
    pub man: bool,
}

/// Why a service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A thread could not be started.
    #[error("cannot start the threads of the service: {0}")]
    Threads(io::Error),
    /// A signal handler could not be installed.
    #[error("cannot wait for SIGTERM and SIGINT: {0}")]
    Signals(io::Error),
}

impl Options {
    /// Prints completions or the manual page if they were requested; returns whether it did. `command` is the command line.
    pub fn print(&self, mut command: Command) -> io::Result<bool> {
        let mut text = Vec::new();
        if let Some(shell) = self.completions {
            let name = command.get_name().to_owned();
            clap_complete::generate(shell, &mut command, name, &mut text);
        } else if self.man {
            clap_mangen::Man::new(command)
                .section("8")
                .manual("SigmaVault NAS OS")
                .render(&mut text)?;
        } else {
            return Ok(false);
        }
        io::stdout().lock().write_all(&text)?;
        Ok(true)
    }

    /// The machine's files.
    pub fn files(&self) -> Files {
        Files::new(&self.root)
    }
}

/// The exit code of the program `name`: 1 with the reason on standard error when it failed.
pub fn exit(name: &str, result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {}", printable_lines(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

/// Runs a service on its own threads. A thread that still hangs at the end, such as one waiting for a file system, does
/// not delay the exit of the program.
pub fn run(service: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(32)
        .enable_all()
        .build()
        .map_err(StartError::Threads)?;
    let result = runtime.block_on(service);
    runtime.shutdown_background();
    result
}

/// Receives SIGTERM and SIGINT from its creation on.
#[derive(Debug)]
pub struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Must be called within [`run`].
    pub fn listen() -> Result<Self, StartError> {
        let hear = |kind| signal(kind).map_err(StartError::Signals);
        Ok(Self {
            terminate: hear(SignalKind::terminate())?,
            interrupt: hear(SignalKind::interrupt())?,
        })
    }

    /// Waits for a signal, and tells the service manager that the service is stopping.
    pub async fn asked(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        info!("stopping");
        notify(&[NotifyState::Stopping, NotifyState::Status("Finishing requests")]);
    }
}
