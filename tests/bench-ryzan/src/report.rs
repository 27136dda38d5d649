//! The result: a table for people, one object for programs.

use std::fmt;

use serde::Serialize;

use crate::machine::Machine;
use crate::speed::{Against, Speed, Tests};
use crate::weights::{Encoding, Shape};

/// Bytes per second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Bandwidth {
    /// Reading sequentially.
    pub plain: f64,
    /// With the prefetch distance of the kernels.
    pub ahead: f64,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Subject {
    /// Random weights.
    Random {
        /// Their shape.
        shape: Shape,
        /// How they are stored.
        encoding: Encoding,
    },
    /// A trained model.
    Model {
        /// Its name.
        model: String,
    },
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random { shape, encoding } => write!(f, "{shape} {encoding}"),
            Self::Model { model } => f.write_str(model),
        }
    }
}

/// Both engines on one file.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// What the file holds.
    #[serde(flatten)]
    pub subject: Subject,
    /// Size of the file.
    pub file_bytes: u64,
    /// Bytes of weights that our engine reads for a token.
    pub bytes_per_token: usize,
    /// Memory bandwidth over that many bytes, from the same round as the share.
    pub bandwidth: Bandwidth,
    /// Our decoding speed as a share of (memory bandwidth / bytes per token), measured in turns: the median round. (The best
    /// ratio would be that of a round with slow memory.)
    pub share_of_bandwidth: f64,
    /// Our speed.
    pub ours: Speed,
    /// Speed of llama.cpp, if it was measured.
    pub peer: Option<Speed>,
}

impl Comparison {
    /// A comparison without measurements.
    pub fn new(subject: Subject, file_bytes: u64) -> Self {
        Self {
            subject,
            file_bytes,
            bytes_per_token: 0,
            bandwidth: Bandwidth::default(),
            share_of_bandwidth: 0.0,
            ours: Speed::default(),
            peer: None,
        }
    }

    /// Adds the results of the rounds.
    pub fn take(&mut self, mut rounds: Vec<Against>) {
        let share = |round: &Against| round.plain.min(round.ahead) / round.token;
        rounds.sort_by(|a, b| share(a).total_cmp(&share(b)));
        let Some(round) = rounds.get(rounds.len() / 2) else {
            return;
        };
        let bytes = self.bytes_per_token as f64;
        self.share_of_bandwidth = share(round);
        self.bandwidth = Bandwidth {
            plain: bytes / round.plain,
            ahead: bytes / round.ahead,
        };
    }
}

/// A comparison with derived numbers.
#[derive(Debug, Clone, Serialize)]
struct Row {
    #[serde(flatten)]
    comparison: Comparison,
    /// Our speed relative to llama.cpp's on the same file.
    ratio: Option<Speed>,
    /// Our speed relative to llama.cpp's on its fastest ternary encoding of this shape.
    ratio_to_tq2_0: Option<Speed>,
}

/// All results.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    machine: Machine,
    prompt_tokens: usize,
    depth_tokens: usize,
    rows: Vec<Row>,
}

impl Report {
    /// Derives the rows from the comparisons.
    pub fn new(machine: Machine, tests: Tests, comparisons: &[Comparison]) -> Self {
        let tq2_0 = |subject: &Subject| {
            let Subject::Random { shape, .. } = *subject else {
                return None;
            };
            let tq2_0 = Subject::Random {
                shape,
                encoding: Encoding::Tq2_0,
            };
            let same = |other: &&Comparison| other.subject == tq2_0;
            comparisons.iter().find(same).and_then(|other| other.peer)
        };
        let row = |comparison: &Comparison| Row {
            ratio: comparison.peer.map(|peer| comparison.ours.over(peer)),
            ratio_to_tq2_0: tq2_0(&comparison.subject).map(|peer| comparison.ours.over(peer)),
            comparison: comparison.clone(),
        };
        Self {
            machine,
            prompt_tokens: tests.prompt,
            depth_tokens: tests.depth,
            rows: comparisons.iter().map(row).collect(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine {
            processor,
            processors,
            threads,
            isa,
            kernel,
        } = &self.machine;
        writeln!(
            f,
            "{processor}, {processors} processors, Linux {kernel}; {threads} threads, kernels: {isa}"
        )?;
        writeln!(
            f,
            "\ntokens/s; prefill of {} tokens behind {}; \"of memory\": median time of reading what a token\nreads, plainly or with the kernels' prefetching, whichever is faster (GB/s), over that of decoding it, in turns",
            self.prompt_tokens, self.depth_tokens
        )?;
        writeln!(
            f,
            "{:<12} {:>8} {:>10} {:>7} {:>11} {:>13} | {:>8} {:>10} {:>7} {:>11}",
            "model",
            "decode",
            "llama.cpp",
            "ratio",
            "of memory",
            "GB/s",
            "prefill",
            "llama.cpp",
            "ratio",
            "to tq2_0"
        )?;
        for row in &self.rows {
            let of = &row.comparison;
            let name = of.subject.to_string();
            let to_tq2_0 = row.ratio_to_tq2_0.map_or_else(String::new, |ratio| {
                format!("{:.2} {:.2}", ratio.decode, ratio.prefill)
            });
            let bandwidth = format!(
                "{:.1} / {:.1}",
                of.bandwidth.plain / 1e9,
                of.bandwidth.ahead / 1e9
            );
            let number = |speed: Option<Speed>, of: fn(Speed) -> f64, digits: usize| {
                speed.map_or_else(|| "-".to_owned(), |speed| format!("{:.digits$}", of(speed)))
            };
            writeln!(
                f,
                "{name:<12} {:>8.1} {:>10} {:>7} {:>9.0} % {bandwidth:>13} | {:>8.1} {:>10} {:>7} {to_tq2_0:>11}",
                of.ours.decode,
                number(of.peer, |speed| speed.decode, 1),
                number(row.ratio, |speed| speed.decode, 2),
                100.0 * of.share_of_bandwidth,
                of.ours.prefill,
                number(of.peer, |speed| speed.prefill, 1),
                number(row.ratio, |speed| speed.prefill, 2),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(encoding: Encoding) -> Subject {
        Subject::Random {
            shape: Shape::B1_7,
            encoding,
        }
    }

    #[test]
    fn ratios() {
        let machine = Machine {
            processor: "x".to_owned(),
            processors: 2,
            threads: 2,
            isa: "scalar",
            kernel: "6".to_owned(),
        };
        let mut q2_0 = Comparison::new(random(Encoding::Q2_0), 10);
        q2_0.bytes_per_token = 500_000_000;
        let rounds = [(0.01, 0.02, 0.008), (0.01, 0.009, 0.010), (0.02, 0.019, 0.020)];
        q2_0.take(
            rounds
                .map(|(token, plain, ahead)| Against { token, plain, ahead })
                .to_vec(),
        );
        q2_0.ours = Speed {
            decode: 90.0,
            prefill: 200.0,
        };
        q2_0.peer = Some(Speed {
            decode: 3.0,
            prefill: 4.0,
        });
        let mut tq2_0 = Comparison::new(random(Encoding::Tq2_0), 10);
        tq2_0.ours = Speed {
            decode: 95.0,
            prefill: 210.0,
        };
        tq2_0.peer = Some(Speed {
            decode: 45.0,
            prefill: 50.0,
        });
        let report = Report::new(
            machine,
            Tests {
                prompt: 512,
                tokens: 48,
                depth: 0,
            },
            &[q2_0, tq2_0],
        );
        let row = &report.rows[0];
        assert_eq!(
            row.ratio,
            Some(Speed {
                decode: 30.0,
                prefill: 50.0
            })
        );
        assert_eq!(
            row.ratio_to_tq2_0,
            Some(Speed {
                decode: 2.0,
                prefill: 4.0
            })
        );
        assert!((row.comparison.share_of_bandwidth - 0.9).abs() < 1e-12);
        assert!((row.comparison.bandwidth.ahead - 50e9).abs() < 1.0);
        assert!(report.to_string().contains("1.7b q2_0"), "{report}");
    }
}
