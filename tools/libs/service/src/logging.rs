//! The log: the journal if standard error is connected to it, else standard error.

use std::io::Write as _;

use log::{Level, LevelFilter, Log, Metadata, Record};
use systemd_journal_logger::{JournalLog, connected_to_journal};

/// Sets up the log of the program, named `program` in the journal. It can be called once. Standard error is the fallback
/// for an unreachable journal.
pub fn install(program: &str, level: LevelFilter) -> Result<(), log::SetLoggerError> {
    log::set_max_level(level);
    if connected_to_journal() {
        match JournalLog::new() {
            Ok(journal) => {
                return journal.with_syslog_identifier(program.to_owned()).install();
            }
            Err(error) => {
                eprintln!("{program}: cannot reach the journal, logging to standard error: {error}");
            }
        }
    }
    log::set_logger(&StandardError)
}

/// One line per record, beginning with its level.
#[derive(Debug)]
struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) {
            let level = match record.level() {
                Level::Error => "error",
                Level::Warn => "warning",
                Level::Info => "info",
                Level::Debug | Level::Trace => "debug",
            };
            // There is nowhere to report a failure.
            let _ = writeln!(std::io::stderr().lock(), "{level}: {}", record.args());
        }
    }

    fn flush(&self) {}
}
