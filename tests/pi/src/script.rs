//! What a sequence of starts must show: texts on the console, in their order, and the partitions that are started.

use crate::report::{End, Start};

/// What is asked for, and how much of it was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// Texts that must appear on the console in this order, over all starts; with the last one, the sequence is over.
    texts: Vec<String>,
    /// The partitions of the starts.
    partitions: Vec<u32>,
    seen: usize,
}

impl Script {
    /// Asks for these texts and partitions.
    pub const fn new(texts: Vec<String>, partitions: Vec<u32>) -> Self {
        Self {
            texts,
            partitions,
            seen: 0,
        }
    }

    /// Takes a line of the console; returns whether it was the last one that was waited for.
    pub fn take(&mut self, line: &str) -> bool {
        let Some(text) = self.texts.get(self.seen) else {
            return false;
        };
        if line.contains(text) {
            self.seen += 1;
        }
        self.seen == self.texts.len()
    }

    /// Whether another start follows this one.
    pub fn goes_on(&self, start: &Start) -> bool {
        start.end == End::Restarted
    }

    /// What is not as asked for.
    pub fn faults(&self, starts: &[Start]) -> Vec<String> {
        let mut faults: Vec<String> = self.texts[self.seen..]
            .first()
            .map(|text| format!("{text:?} did not appear on the console"))
            .into_iter()
            .collect();
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
        Script::new(
            texts.iter().map(|text| (*text).to_owned()).collect(),
            partitions.to_vec(),
        )
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
        assert!(!script.take("second"));
        assert!(!script.take("the first"));
        assert!(!script.take("the first"));
        assert_eq!(script.faults(&[]), ["\"second\" did not appear on the console"]);
        assert!(script.take("a second"));
        assert_eq!(script.faults(&[]), [""; 0]);
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
        assert!(script.take("never"));
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
        assert!(!script(&[], &[]).take("anything"));
    }
}
