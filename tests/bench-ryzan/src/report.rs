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
    /// Bytes a second that memory gives over that many bytes.
    pub bandwidth: f64,
    /// Ours.
    pub ours: Speed,
    /// llama.cpp.
    pub peer: Speed,
}

impl Comparison {
    /// Nothing measured yet.
    pub fn new(shape: Shape, encoding: Encoding, file_bytes: u64) -> Self {
        Self {
            shape,
            encoding,
            file_bytes,
            bytes_per_token: 0,
            bandwidth: 0.0,
            ours: Speed::default(),
            peer: Speed::default(),
        }
    }

    /// Decoding as a share of what memory allows.
    fn share_of_bandwidth(&self) -> f64 {
        self.ours.decode * self.bytes_per_token as f64 / self.bandwidth
    }
}

/// A comparison with what follows from it.
#[derive(Debug, Clone, Serialize)]
struct Row {
    #[serde(flatten)]
    comparison: Comparison,
    /// Ours over llama.cpp's on the same file.
    ratio: Speed,
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
            comparisons.iter().find(same).map(|other| other.peer)
        };
        let row = |comparison: &Comparison| Row {
            ratio: comparison.ours.over(comparison.peer),
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
            "\ntokens/s; prefill of {} tokens; \"of memory\": share of bandwidth / bytes per token",
            self.prompt_tokens
        )?;
        writeln!(
            f,
            "{:<12} {:>8} {:>10} {:>7} {:>11} {:>9} | {:>8} {:>10} {:>7} {:>11}",
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
            writeln!(
                f,
                "{name:<12} {:>8.1} {:>10.1} {:>7.2} {:>9.0} % {:>9.1} | {:>8.1} {:>10.1} {:>7.2} {to_tq2_0:>11}",
                of.ours.decode,
                of.peer.decode,
                row.ratio.decode,
                100.0 * row.share_of_bandwidth,
                of.bandwidth / 1e9,
                of.ours.prefill,
                of.peer.prefill,
                row.ratio.prefill,
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
        (q2_0.bytes_per_token, q2_0.bandwidth) = (500_000_000, 50e9);
        q2_0.ours = Speed {
            decode: 90.0,
            prefill: 200.0,
        };
        q2_0.peer = Speed {
            decode: 3.0,
            prefill: 4.0,
        };
        let mut tq2_0 = Comparison::new(Shape::B1_7, Encoding::Tq2_0, 10);
        tq2_0.ours = Speed {
            decode: 95.0,
            prefill: 210.0,
        };
        tq2_0.peer = Speed {
            decode: 45.0,
            prefill: 50.0,
        };
        let report = Report::new(machine, 512, &[q2_0, tq2_0]);
        let row = &report.rows[0];
        assert_eq!(
            row.ratio,
            Speed {
                decode: 30.0,
                prefill: 50.0
            }
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
