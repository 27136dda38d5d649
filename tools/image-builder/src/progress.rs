//! Display of progress.
//!
//! On a terminal there is one bar per stage. When standard error is a pipe or a file, or facts are
//! printed as JSON, each event is one line: `[  12.3s] stage: message`, so that a log stays readable.
//! Stages may run in parallel; every type here can be shared between threads.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use sigmavault_facts::terminal::{printable, printable_lines};

/// Shortest time between two messages of one stage in plain mode.
const PLAIN_INTERVAL: Duration = Duration::from_secs(1);
/// How often plain mode checks for a message that came too early to print.
const PLAIN_TICK: Duration = Duration::from_millis(250);
/// Plain mode reports a position each time it has grown by this many percent.
const PLAIN_STEP: u64 = 10;

const SPINNER: &str = "{spinner:.cyan} {prefix:16!.bold} {wide_msg} {elapsed:>6.dim}";
const COUNTED: &str =
    "{spinner:.cyan} {prefix:16!.bold} [{bar:24.cyan}] {pos}/{len} {wide_msg} {elapsed:>6.dim}";
const BYTES: &str = "{spinner:.cyan} {prefix:16!.bold} [{bar:24.cyan}] {bytes}/{total_bytes} at {bytes_per_sec}, {eta} left  {wide_msg}";
const DONE: &str = "{spinner:.green} {prefix:16!.bold} {wide_msg} {elapsed:>6.dim}";
const FAILED: &str = "{spinner:.red} {prefix:16!.bold} {wide_msg:.red} {elapsed:>6.dim}";

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One moving bar per stage.
    Bars,
    /// One line per event.
    Plain,
    /// Nothing.
    Silent,
}

impl Mode {
    /// Bars on a terminal; lines when standard error is not one, or when `json` is printed.
    pub fn detect(json: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if json || dumb || !std::io::stderr().is_terminal() {
            Self::Plain
        } else {
            Self::Bars
        }
    }
}

/// The progress display of one run. Clones share it.
#[derive(Debug, Clone)]
pub struct Progress {
    view: View,
}

#[derive(Debug, Clone)]
enum View {
    Bars(MultiProgress),
    Plain(Arc<Plain>),
    Silent,
}

impl Progress {
    /// Starts a display on standard error.
    pub fn new(mode: Mode) -> Self {
        let view = match mode {
            Mode::Bars => View::Bars(MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
            Mode::Plain => View::Plain(Plain::start(Box::new(std::io::stderr()))),
            Mode::Silent => View::Silent,
        };
        Self { view }
    }

    /// Starts a plain display on any writer, for logs.
    pub fn plain_to(out: Box<dyn Write + Send>) -> Self {
        Self {
            view: View::Plain(Plain::start(out)),
        }
    }

    /// Opens a stage: a bar, or a first line that says it has started.
    pub fn stage(&self, name: &str) -> StageBar {
        let view = match &self.view {
            View::Bars(bars) => {
                let bar = bars.add(
                    ProgressBar::no_length()
                        .with_style(style(SPINNER))
                        .with_prefix(name.to_owned()),
                );
                bar.enable_steady_tick(Duration::from_millis(120));
                StageView::Bar(bar)
            }
            View::Plain(plain) => StageView::Line(plain.clone(), plain.open(name)),
            View::Silent => StageView::Silent,
        };
        StageBar { view }
    }

    /// Prints one line above the bars, or between the lines.
    pub fn note(&self, line: &str) {
        let line = &printable_lines(line);
        match &self.view {
            View::Bars(bars) => bars.suspend(|| eprintln!("{line}")),
            View::Plain(plain) => plain.lock().line(line),
            View::Silent => {}
        }
    }

    /// Runs `body` while the bars are taken off the screen, for a question to the user.
    pub fn suspend<R>(&self, body: impl FnOnce() -> R) -> R {
        match &self.view {
            View::Bars(bars) => bars.suspend(body),
            View::Plain(_) | View::Silent => body(),
        }
    }
}

/// One stage of a run. Dropping it unfinished says so.
#[derive(Debug)]
pub struct StageBar {
    view: StageView,
}

#[derive(Debug)]
enum StageView {
    Bar(ProgressBar),
    Line(Arc<Plain>, usize),
    Silent,
}

impl StageBar {
    /// Says what the stage is doing now.
    pub fn message(&self, text: &str) {
        let text = &printable(text);
        match &self.view {
            StageView::Bar(bar) => bar.set_message(text.clone()),
            StageView::Line(plain, id) => plain.lock().message(*id, text),
            StageView::Silent => {}
        }
    }

    /// Sets how many steps there are; `None` when that is not known.
    pub fn length(&self, steps: Option<u64>) {
        self.set_length(steps, COUNTED);
    }

    /// Like [`StageBar::length`], for a length in bytes: the bar shows rate and time left.
    pub fn bytes(&self, total: u64) {
        self.set_length(Some(total), BYTES);
    }

    /// Says how many steps or bytes are done.
    pub fn position(&self, at: u64) {
        match &self.view {
            StageView::Bar(bar) => bar.set_position(at),
            StageView::Line(plain, id) => plain.lock().position(*id, at),
            StageView::Silent => {}
        }
    }

    /// Ends the stage well.
    pub fn done(&self, text: &str) {
        self.end("✔", DONE, "done", text);
    }

    /// Ends the stage without work: its result was in the cache.
    pub fn cached(&self, text: &str) {
        self.end("=", DONE, "cached", text);
    }

    /// Ends the stage with a failure.
    pub fn failed(&self, text: &str) {
        self.end("✘", FAILED, "FAILED", text);
    }

    fn set_length(&self, total: Option<u64>, template: &str) {
        match &self.view {
            StageView::Bar(bar) => {
                if let Some(total) = total {
                    bar.set_length(total);
                    bar.set_style(style(template));
                } else {
                    bar.unset_length();
                    bar.set_style(style(SPINNER));
                }
            }
            StageView::Line(plain, id) => plain.lock().length(*id, total),
            StageView::Silent => {}
        }
    }

    fn end(&self, mark: &str, template: &str, word: &str, text: &str) {
        let text = &printable(text);
        match &self.view {
            StageView::Bar(bar) => {
                if bar.is_finished() {
                    return;
                }
                bar.set_style(style(template).tick_strings(&[mark, mark]));
                let text = if text.is_empty() {
                    word.to_owned()
                } else {
                    format!("{word}: {text}")
                };
                bar.finish_with_message(text);
            }
            StageView::Line(plain, id) => plain.lock().end(*id, word, text),
            StageView::Silent => {}
        }
    }
}

impl Drop for StageBar {
    fn drop(&mut self) {
        self.end("-", FAILED, "stopped", "");
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

/// The plain display: a writer and the state of each stage.
struct Plain {
    state: Mutex<Lines>,
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plain").finish_non_exhaustive()
    }
}

impl Plain {
    fn start(out: Box<dyn Write + Send>) -> Arc<Self> {
        let plain = Arc::new(Self {
            state: Mutex::new(Lines {
                out,
                began: Instant::now(),
                stages: Vec::new(),
            }),
        });
        let weak = Arc::downgrade(&plain);
        // The ticker prints a message that came within a second of another.
        std::thread::spawn(move || tick(&weak));
        plain
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, name: &str) -> usize {
        self.lock().open(name)
    }
}

fn tick(plain: &Weak<Plain>) {
    loop {
        std::thread::sleep(PLAIN_TICK);
        let Some(plain) = plain.upgrade() else { return };
        plain.lock().flush_pending();
    }
}

struct Lines {
    out: Box<dyn Write + Send>,
    began: Instant,
    stages: Vec<Line>,
}

struct Line {
    name: String,
    began: Instant,
    spoke: Option<Instant>,
    pending: Option<String>,
    length: Option<u64>,
    percent: u64,
    ended: bool,
}

impl Lines {
    fn line(&mut self, text: &str) {
        let at = self.began.elapsed().as_secs_f64();
        // A closed pipe must not stop the work that is being reported.
        let _ = writeln!(self.out, "[{at:6.1}s] {text}");
        let _ = self.out.flush();
    }

    fn open(&mut self, name: &str) -> usize {
        self.line(&format!("{name}: start"));
        self.stages.push(Line {
            name: name.to_owned(),
            began: Instant::now(),
            spoke: None,
            pending: None,
            length: None,
            percent: 0,
            ended: false,
        });
        self.stages.len() - 1
    }

    fn message(&mut self, id: usize, text: &str) {
        let Some(stage) = self.stages.get_mut(id).filter(|stage| !stage.ended) else {
            return;
        };
        stage.pending = Some(text.to_owned());
        self.flush_stage(id);
    }

    fn flush_pending(&mut self) {
        for id in 0..self.stages.len() {
            self.flush_stage(id);
        }
    }

    fn flush_stage(&mut self, id: usize) {
        let Some(stage) = self.stages.get_mut(id) else {
            return;
        };
        if stage.spoke.is_some_and(|last| last.elapsed() < PLAIN_INTERVAL) {
            return;
        }
        if let Some(text) = stage.pending.take() {
            stage.spoke = Some(Instant::now());
            let line = format!("{}: {text}", stage.name);
            self.line(&line);
        }
    }

    fn length(&mut self, id: usize, total: Option<u64>) {
        if let Some(stage) = self.stages.get_mut(id) {
            stage.length = total;
            stage.percent = 0;
        }
    }

    fn position(&mut self, id: usize, at: u64) {
        let Some(stage) = self.stages.get_mut(id).filter(|stage| !stage.ended) else {
            return;
        };
        let Some(total) = stage.length.filter(|total| *total > 0) else {
            return;
        };
        let percent = u64::try_from(u128::from(at.min(total)) * 100 / u128::from(total)).unwrap_or(100);
        if percent >= stage.percent + PLAIN_STEP {
            stage.percent = percent - percent % PLAIN_STEP;
            let line = format!("{}: {percent} %", stage.name);
            self.line(&line);
        }
    }

    fn end(&mut self, id: usize, word: &str, text: &str) {
        let Some(stage) = self.stages.get_mut(id).filter(|stage| !stage.ended) else {
            return;
        };
        stage.ended = true;
        stage.pending = None;
        let took = stage.began.elapsed().as_secs_f64();
        let text = if text.is_empty() {
            String::new()
        } else {
            format!(": {text}")
        };
        let line = format!("{}: {word} in {took:.1}s{text}", stage.name);
        self.line(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(buf);
            Ok(buf.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Shared {
        /// The lines, without their time stamps and durations.
        fn lines(&self) -> Vec<String> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            text.lines()
                .map(|line| {
                    let (stamp, rest) = line.split_at(9);
                    assert!(stamp.starts_with('[') && stamp.ends_with("s]"), "{line}");
                    let mut words = rest.trim_start().split(' ').collect::<Vec<_>>();
                    words.retain(|word| {
                        let seconds = word.trim_end_matches(':').strip_suffix('s');
                        seconds.is_none_or(|number| number.parse::<f64>().is_err())
                    });
                    words.join(" ")
                })
                .collect()
        }
    }

    #[test]
    fn templates_are_valid() {
        for template in [SPINNER, COUNTED, BYTES, DONE, FAILED] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn plain_mode_prints_one_line_per_event() {
        let out = Shared::default();
        let progress = Progress::plain_to(Box::new(out.clone()));
        let root = progress.stage("root");
        root.message("making erofs");
        root.message("too early to be shown");
        root.length(Some(200));
        for at in 0..=200 {
            root.position(at);
        }
        root.done("182 MB");
        root.message("after the end");
        progress.stage("base").cached("");
        progress.stage("iso").failed("xorriso: no room");
        drop(progress.stage("left"));
        let lines = out.lines();
        assert_eq!(&lines[..2], ["root: start", "root: making erofs"]);
        assert_eq!(
            lines[2..12].join(","),
            "root: 10 %,root: 20 %,root: 30 %,root: 40 %,root: 50 %,root: 60 %,root: 70 %,root: 80 %,root: 90 %,root: 100 %"
        );
        assert_eq!(
            &lines[12..],
            [
                "root: done in 182 MB",
                "base: start",
                "base: cached in",
                "iso: start",
                "iso: FAILED in xorriso: no room",
                "left: start",
                "left: stopped in",
            ]
        );
    }

    #[test]
    fn a_message_that_came_too_early_is_shown_later() {
        let out = Shared::default();
        let progress = Progress::plain_to(Box::new(out.clone()));
        let stage = progress.stage("zfs");
        stage.message("unpacking");
        stage.message("compiling");
        assert_eq!(out.lines(), ["zfs: start", "zfs: unpacking"]);
        std::thread::sleep(PLAIN_INTERVAL + PLAIN_TICK * 3);
        assert_eq!(out.lines(), ["zfs: start", "zfs: unpacking", "zfs: compiling"]);
    }

    #[test]
    fn stages_run_in_parallel() {
        let out = Shared::default();
        let progress = Progress::plain_to(Box::new(out.clone()));
        std::thread::scope(|scope| {
            for name in ["a", "b", "c", "d"] {
                let progress = &progress;
                scope.spawn(move || progress.stage(name).done(""));
            }
        });
        let mut lines = out.lines();
        lines.sort();
        assert_eq!(
            lines,
            [
                "a: done in",
                "a: start",
                "b: done in",
                "b: start",
                "c: done in",
                "c: start",
                "d: done in",
                "d: start"
            ]
        );
    }
}
