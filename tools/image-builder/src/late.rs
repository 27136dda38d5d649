//! Progress of work that is often over at once: it is shown from the moment on at which the work has taken a while.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::progress::{Progress, StageBar};

/// Work that takes longer shows its progress.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// A stage that appears late, or never. Threads may share it.
#[derive(Debug)]
pub struct LateStage<'a> {
    progress: &'a Progress,
    name: &'static str,
    shown_at: Instant,
    bar: Mutex<Option<StageBar>>,
}

impl<'a> LateStage<'a> {
    /// A stage that begins now and appears when it has not ended after `patience`.
    pub fn new(progress: &'a Progress, name: &'static str, patience: Duration) -> Self {
        Self {
            progress,
            name,
            shown_at: Instant::now() + patience,
            bar: Mutex::new(None),
        }
    }

    /// Says how many bytes of how many are done.
    pub fn position(&self, at: u64, total: u64) {
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if bar.is_none() && Instant::now() >= self.shown_at {
            let stage = self.progress.stage(self.name);
            stage.bytes(total);
            *bar = Some(stage);
        }
        if let Some(bar) = &*bar {
            bar.position(at);
        }
    }

    /// Ends the stage well.
    pub fn done(self, text: &str) {
        if let Some(bar) = self.bar.into_inner().unwrap_or_else(PoisonError::into_inner) {
            bar.done(text);
        }
    }

    /// Ends the stage with a failure.
    pub fn failed(self, text: &str) {
        if let Some(bar) = self.bar.into_inner().unwrap_or_else(PoisonError::into_inner) {
            bar.failed(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn shown(patience: Duration) -> String {
        let log = Log::default();
        let progress = Progress::plain_to(Box::new(log.clone()));
        let stage = LateStage::new(&progress, "check", patience);
        stage.position(50, 100);
        stage.done("good");
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn quick_work_shows_nothing() {
        assert_eq!(shown(Duration::from_hours(1)), "");
    }

    #[test]
    fn slow_work_shows_where_it_is_and_how_it_ended() {
        let text = shown(Duration::ZERO);
        assert!(
            text.contains("check: start") && text.contains("50 %") && text.contains("check: done"),
            "{text}"
        );
    }
}
