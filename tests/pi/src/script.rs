//! What a sequence of starts must show: texts on the console, in their order, and the partitions that are started.

use crate::report::{End, Start};

/// One step of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A text that must appear on the console.
    Expect(String),
    /// A line that is typed on it.
    Type(String),
}

/// A line of a script that is no step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is neither `expect TEXT` nor `type TEXT`: {text}")]
pub struct NoStep {
    /// Its number.
    pub line: usize,
    /// What it says.
    pub text: String,
}

/// Reads a script: a step a line, `expect TEXT` or `type TEXT`; empty lines and those with `#` in front are none.
pub fn parse(text: &str) -> Result<Vec<Step>, NoStep> {
    let lines = (1..).zip(text.lines().map(str::trim));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| match line.split_once(' ') {
            Some(("expect", text)) => Ok(Step::Expect(text.to_owned())),
            Some(("type", text)) => Ok(Step::Type(text.to_owned())),
            _ => Err(NoStep {
                line: number,
                text: line.to_owned(),
            }),
        })
        .collect()
}

/// What follows from what was just seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The console is watched on.
    Watch,
    /// This is typed first.
    Type(Vec<String>),
    /// All steps are done.
    Over,
}

/// What is asked for, and how much of it was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// What must appear on the console in this order, over all starts; with the last one, the sequence is over.
    steps: Vec<Step>,
    /// The partitions of the starts.
    partitions: Vec<u32>,
    done: usize,
}

impl Script {
    /// Asks for these steps and partitions.
    pub const fn new(steps: Vec<Step>, partitions: Vec<u32>) -> Self {
        Self {
            steps,
            partitions,
            done: 0,
        }
    }

    /// Whether nothing is to be seen: the starts then end by themselves.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Takes text of the console, a whole line or a prompt.
    pub fn take(&mut self, text: &str) -> Next {
        let Some(Step::Expect(wanted)) = self.steps.get(self.done) else {
            return Next::Watch;
        };
        if !text.contains(wanted) {
            return Next::Watch;
        }
        self.done += 1;
        let mut typed = Vec::new();
        while let Some(Step::Type(line)) = self.steps.get(self.done) {
            typed.push(line.clone());
            self.done += 1;
        }
        if !typed.is_empty() {
            Next::Type(typed)
        } else if self.done == self.steps.len() {
            Next::Over
        } else {
            Next::Watch
        }
    }

    /// Whether another start follows this one.
    pub fn goes_on(&self, start: &Start) -> bool {
        start.end == End::Restarted
    }

    /// What is not as asked for.
    pub fn faults(&self, starts: &[Start]) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(Step::Expect(text)) = self.steps.get(self.done) {
            faults.push(format!("{text:?} did not appear on the console"));
        }
        for (start, expected) in starts.iter().zip(&self.partitions) {
            if start.partition != Some(*expected) {
                let was = start
                    .partition
                    .map_or("none".to_owned(), |number| number.to_string());
                faults.push(format!(
                    "start {} took partition {was}, not {expected}",
                    start.number
                ));
            }
        }
        if starts.len() < self.partitions.len() {
            faults.push(format!(
                "the board started {} times, not {}",
                starts.len(),
                self.partitions.len()
            ));
        }
        let bad = starts
            .iter()
            .filter(|start| matches!(start.end, End::NotStarted(_) | End::TimedOut | End::Crashed));
        faults.extend(bad.map(|start| format!("start {}: {}", start.number, start.end)));
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(texts: &[&str], partitions: &[u32]) -> Script {
        let steps = texts.iter().map(|text| Step::Expect((*text).to_owned()));
        Script::new(steps.collect(), partitions.to_vec())
    }

    fn start(number: usize, partition: u32, end: End) -> Start {
        Start {
            partition: Some(partition),
            end,
            ..Start::new(number, false)
        }
    }

    #[test]
    fn texts_in_their_order() {
        let mut script = script(&["first", "second"], &[]);
        assert_eq!(script.take("second"), Next::Watch);
        assert_eq!(script.take("the first"), Next::Watch);
        assert_eq!(script.take("the first"), Next::Watch);
        assert_eq!(script.faults(&[]), ["\"second\" did not appear on the console"]);
        assert_eq!(script.take("a second"), Next::Over);
        assert_eq!(script.faults(&[]), [""; 0]);
    }

    #[test]
    fn what_is_typed_follows_a_prompt() {
        let steps =
            parse("# log in\nexpect login:\ntype ada\n\nexpect $\ntype id\ntype exit\nexpect end\n").unwrap();
        let mut script = Script::new(steps, Vec::new());
        assert_eq!(script.take("pi login: "), Next::Type(vec!["ada".to_owned()]));
        assert_eq!(script.take("pi login: ada"), Next::Watch);
        assert_eq!(
            script.take("ada@pi:~$"),
            Next::Type(vec!["id".to_owned(), "exit".to_owned()])
        );
        assert_eq!(script.take("end"), Next::Over);
        let error = parse("expect x\nwait 3\n").unwrap_err().to_string();
        assert_eq!(error, "line 2 is neither `expect TEXT` nor `type TEXT`: wait 3");
    }

    #[test]
    fn partitions_of_the_starts() {
        let script = script(&[], &[2, 3, 2]);
        let starts = [
            start(1, 2, End::Restarted),
            start(2, 3, End::Restarted),
            start(3, 2, End::PoweredOff),
        ];
        assert_eq!(script.faults(&starts), [""; 0]);
        let mut other = starts.clone();
        other[1].partition = Some(2);
        assert_eq!(script.faults(&other), ["start 2 took partition 2, not 3"]);
        assert_eq!(script.faults(&starts[..1]), ["the board started 1 times, not 3"]);
    }

    #[test]
    fn what_ends_a_sequence() {
        let mut script = script(&["never"], &[]);
        assert!(script.goes_on(&start(1, 2, End::Restarted)));
        for end in [
            End::PoweredOff,
            End::TimedOut,
            End::Crashed,
            End::NotStarted("dark".into()),
        ] {
            assert!(!script.goes_on(&start(1, 2, end.clone())), "{end:?}");
        }
        assert_eq!(script.take("never"), Next::Over);
        assert_eq!(
            script.faults(&[start(1, 2, End::TimedOut)]),
            ["start 1: time ran out"]
        );
        assert_eq!(
            script.faults(&[start(1, 2, End::NotStarted("dark".into()))]),
            ["start 1: nothing is started: dark"]
        );
    }

    #[test]
    fn without_texts_no_line_ends_a_start() {
        assert_eq!(script(&[], &[]).take("anything"), Next::Watch);
        assert!(script(&[], &[]).is_empty());
    }
}
