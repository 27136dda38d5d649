//! What was seen of each start, as lines and as JSON.

use std::fmt;

use serde::Serialize;
use sigmavault_pi_firmware::Boot;

/// How a start ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "how", content = "what")]
pub enum End {
    /// It did not begin: what the firmware would say.
    NotStarted(String),
    /// The console showed the last line that was waited for; the power was cut.
    Seen(String),
    /// The guest restarted.
    Restarted,
    /// The guest switched itself off.
    PoweredOff,
    /// Time ran out; the power was cut.
    TimedOut,
    /// QEMU ended otherwise.
    Crashed,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(why) => write!(f, "nothing is started: {why}"),
            Self::Seen(line) => write!(f, "seen: {line}"),
            Self::Restarted => f.write_str("the guest restarted"),
            Self::PoweredOff => f.write_str("the guest switched itself off"),
            Self::TimedOut => f.write_str("time ran out"),
            Self::Crashed => f.write_str("QEMU ended"),
        }
    }
}

/// One start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Start {
    /// Its number, from 1.
    pub number: usize,
    /// The partition that was started, if one was.
    pub partition: Option<u32>,
    /// Whether the tryboot flag was set.
    pub tryboot: bool,
    /// Partitions that were not bootable.
    pub passed_over: Vec<u32>,
    /// What the start relied on without a document behind it.
    pub notes: Vec<String>,
    /// What the guest set the flag to.
    pub flag: Option<bool>,
    /// How it ended.
    pub end: End,
    /// The last lines of the console, when it ended otherwise than it should.
    pub last: Vec<String>,
    /// How long it took.
    pub seconds: u64,
}

impl Start {
    /// A start of which nothing is known yet.
    pub const fn new(number: usize, tryboot: bool) -> Self {
        Self {
            number,
            partition: None,
            tryboot,
            passed_over: Vec::new(),
            notes: Vec::new(),
            flag: None,
            end: End::Crashed,
            last: Vec::new(),
            seconds: 0,
        }
    }

    /// Notes what the firmware took.
    pub fn took(&mut self, boot: &Boot) {
        self.partition = Some(boot.partition);
        self.passed_over.clone_from(&boot.passed_over);
        self.notes = boot.notes.iter().map(ToString::to_string).collect();
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.partition {
            Some(partition) => write!(f, "partition {partition}")?,
            None => f.write_str("no partition")?,
        }
        if self.tryboot {
            f.write_str(", as a try")?;
        }
        self.notes
            .iter()
            .try_for_each(|note| write!(f, "\n   note: {note}"))
    }
}

/// All starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Whether everything that was asked for was seen.
    pub passed: bool,
    /// What was not as asked for.
    pub faults: Vec<String>,
    /// The starts.
    pub starts: Vec<Start>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for start in &self.starts {
            writeln!(
                f,
                "start {} ({} s): {start}: {}",
                start.number, start.seconds, start.end
            )?;
            for line in &start.last {
                writeln!(f, "     {line}")?;
            }
        }
        for fault in &self.faults {
            writeln!(f, "fault: {fault}")?;
        }
        f.write_str(if self.passed { "passed" } else { "FAILED" })
    }
}
