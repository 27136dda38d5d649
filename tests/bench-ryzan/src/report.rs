//! The result: a table for people, one object for programs.

use std::fmt;

use serde::Serialize;

use crate::machine::Machine;
use crate::weights::{Encoding, Shape};

/// Tokens a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Speed {
    /// One token after the other.
    pub decode: f64,
    /// A whole prompt.
    pub prefill: f64,
}

impl Speed {
    /// The better of each.
    pub fn best(self, other: Self) -> Self {
        Self {
            decode: self.decode.max(other.decode),
            prefill: self.prefill.max(other.prefill),
        }
    }

    fn over(self, other: Self) -> Self {
        Self {
            decode: self.decode / other.decode,
            prefill: self.prefill / other.prefill,
        }
    }
}

/// Bytes a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Bandwidth {
    /// Reading one line after the other.
    pub plain: f64,
    /// Asking for lines as far ahead as the kernels do.
    pub ahead: f64,
}

impl Bandwidth {
    fn best(self) -> f64 {
        self.plain.max(self.ahead)
    }
}

/// Both engines on one file.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Shape of the model.
    pub shape: Shape,
    /// How its weights are stored.
    pub encoding: Encoding,
    /// Size of the file.
    pub file_bytes: u64,
    /// Bytes of weights that our engine reads for a token.
    pub bytes_per_token: usize,
    /// What memory gives over that many bytes.
    pub bandwidth: Bandwidth,
    /// Ours.
    pub ours: Speed,
    /// llama.cpp, if it was measured.
    pub peer: Option<Speed>,
}

impl Comparison {
    /// Nothing measured yet.
    pub fn new(shape: Shape, encoding: Encoding, file_bytes: u64) -> Self {
        Self {
            shape,
            encoding,
            file_bytes,
            bytes_per_token: 0,
            bandwidth: Bandwidth::default(),
            ours: Speed::default(),
            peer: None,
        }
    }

    /// Decoding as a share of what memory allows.
    fn share_of_bandwidth(&self) -> f64 {
        self.ours.decode * self.bytes_per_token as f64 / self.bandwidth.best()
    }
}

/// A comparison with what follows from it.
#[derive(Debug, Clone, Serialize)]
struct Row {
    #[serde(flatten)]
    comparison: Comparison,
    /// Ours over llama.cpp's on the same file.
    ratio: Option<Speed>,
    /// Ours over llama.cpp's on its fastest ternary encoding of this shape.
    ratio_to_tq2_0: Option<Speed>,
    /// Our decoding as a share of (memory bandwidth / bytes per token).
    share_of_bandwidth: f64,
}

/// Everything.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    machine: Machine,
    prompt_tokens: usize,
    rows: Vec<Row>,
}

impl Report {
    /// Puts the parts together.
    pub fn new(machine: Machine, prompt_tokens: usize, comparisons: &[Comparison]) -> Self {
        let tq2_0 = |shape| {
            let same = |other: &&Comparison| other.shape == shape && other.encoding == Encoding::Tq2_0;
            comparisons.iter().find(same).and_then(|other| other.peer)
        };
        let row = |comparison: &Comparison| Row {
            ratio: comparison.peer.map(|peer| comparison.ours.over(peer)),
            ratio_to_tq2_0: tq2_0(comparison.shape).map(|peer| comparison.ours.over(peer)),
            share_of_bandwidth: comparison.share_of_bandwidth(),
            comparison: comparison.clone(),
        };
        Self {
            machine,
            prompt_tokens,
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
            "\ntokens/s; prefill of {} tokens; \"of memory\": share of bandwidth / bytes per token,\nof the better of reading plainly and with the kernels' prefetching (GB/s)",
            self.prompt_tokens
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
            let name = format!("{} {}", of.shape, of.encoding);
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
                100.0 * row.share_of_bandwidth,
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

    #[test]
    fn ratios() {
        let machine = Machine {
            processor: "x".to_owned(),
            processors: 2,
            threads: 2,
            isa: "scalar",
            kernel: "6".to_owned(),
        };
        let mut q2_0 = Comparison::new(Shape::B1_7, Encoding::Q2_0, 10);
        q2_0.bytes_per_token = 500_000_000;
        q2_0.bandwidth = Bandwidth {
            plain: 30e9,
            ahead: 50e9,
        };
        q2_0.ours = Speed {
            decode: 90.0,
            prefill: 200.0,
        };
        q2_0.peer = Some(Speed {
            decode: 3.0,
            prefill: 4.0,
        });
        let mut tq2_0 = Comparison::new(Shape::B1_7, Encoding::Tq2_0, 10);
        tq2_0.ours = Speed {
            decode: 95.0,
            prefill: 210.0,
        };
        tq2_0.peer = Some(Speed {
            decode: 45.0,
            prefill: 50.0,
        });
        let report = Report::new(machine, 512, &[q2_0, tq2_0]);
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
        assert!((row.share_of_bandwidth - 0.9).abs() < 1e-12);
        assert!(report.to_string().contains("1.7b q2_0"), "{report}");
    }
}
