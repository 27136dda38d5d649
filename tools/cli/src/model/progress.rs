//! Bars, notes and Ctrl-C.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sigmavault_catalogue::download::{Stage, Watch};
use sigmavault_facts::terminal::{printable, printable_lines};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// A signal handler could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for Ctrl-C: {0}")]
pub struct SignalError(#[from] io::Error);

/// Shows progress on standard error if that is a terminal, and catches Ctrl-C. A second Ctrl-C ends the program.
#[derive(Debug)]
pub struct Onlooker {
    bar: ProgressBar,
    /// The file and stage that the bar shows.
    shown: Option<(String, Stage)>,
    stop: Arc<AtomicBool>,
}

impl Onlooker {
    pub fn new() -> Result<Self, SignalError> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))?;
            flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(Self {
            bar: ProgressBar::hidden(),
            shown: None,
            stop,
        })
    }

    /// Moves the bar; a new file or stage gets a new bar.
    fn show(&mut self, what: &str, stage: Stage, done: u64, total: u64) {
        let same = self
            .shown
            .as_ref()
            .is_some_and(|(shown, at)| shown == what && *at == stage);
        if !same {
            self.bar.finish_and_clear();
            self.bar = ProgressBar::new(total)
                .with_style(style(stage))
                .with_message(printable(what));
            self.shown = Some((what.to_owned(), stage));
        }
        self.bar.set_position(done);
    }

    /// Waits for a time, and says whether to go on.
    pub fn waiting(&self) -> impl Fn(Duration) -> bool + use<> {
        let stop = Arc::clone(&self.stop);
        move |time| {
            std::thread::sleep(time);
            !stop.load(Ordering::Relaxed)
        }
    }

    /// Whether the user asked to stop.
    pub fn wants_end(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Moves the bar while a file is being read.
    pub fn reading(&mut self, what: &str, done: u64, total: u64) {
        self.show(what, Stage::Checking, done, total);
    }
}

impl Drop for Onlooker {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Onlooker {
    fn progress(&mut self, file: &str, stage: Stage, done: u64, total: u64) {
        self.show(file, stage, done, total);
    }

    fn note(&mut self, text: &str) {
        self.bar.suspend(|| eprintln!("note: {}", printable_lines(text)));
    }

    fn stopped(&self) -> bool {
        self.wants_end()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

fn template(stage: Stage) -> &'static str {
    match stage {
        Stage::Resuming => "{msg}: reading what is here [{bar:30}] {bytes} of {total_bytes}",
        Stage::Fetching => "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        Stage::Checking => "{msg}: checking [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}",
    }
}

fn style(stage: Stage) -> ProgressStyle {
    ProgressStyle::with_template(template(stage)).map_or_else(
        |_| ProgressStyle::default_bar(),
        |style| style.progress_chars("=> "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_follows_its_file_and_stage() {
        let mut onlooker = Onlooker::new().unwrap();
        onlooker.progress("f", Stage::Fetching, 3, 10);
        assert_eq!((onlooker.bar.position(), onlooker.bar.length()), (3, Some(10)));
        onlooker.progress("f", Stage::Checking, 1, 10);
        assert_eq!(onlooker.bar.position(), 1);
        onlooker.reading("g", 4, 20);
        assert_eq!(onlooker.bar.length(), Some(20));
        assert_eq!(onlooker.bar.message(), "g");
        assert!(!onlooker.stopped());
    }

    #[test]
    fn every_template_is_one() {
        for stage in [Stage::Resuming, Stage::Fetching, Stage::Checking] {
            assert!(ProgressStyle::with_template(template(stage)).is_ok(), "{stage:?}");
        }
    }
}
