//! Parameters and results of a measurement.

use serde::Serialize;

/// Parameters of a measurement.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Tests {
    /// Tokens of the prompt
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub prompt: usize,

    /// Tokens decoded in a round
    #[arg(long, value_name = "N", default_value_t = 48)]
    pub tokens: usize,

    /// Tokens of context before the prompt, and before the decoded tokens
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub depth: usize,
}

/// Tokens per second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Speed {
    /// Decoding, token by token.
    pub decode: f64,
    /// Reading a prompt.
    pub prefill: f64,
}

impl Speed {
    /// The better of two, number by number.
    pub fn best(self, other: Self) -> Self {
        Self {
            decode: self.decode.max(other.decode),
            prefill: self.prefill.max(other.prefill),
        }
    }

    /// The ratio of two speeds.
    pub fn over(self, other: Self) -> Self {
        Self {
            decode: self.decode / other.decode,
            prefill: self.prefill / other.prefill,
        }
    }
}

/// Decoding compared with reading memory, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Against {
    /// Decoding a token.
    pub token: f64,
    /// Reading the same amount of memory sequentially.
    pub plain: f64,
    /// The same, with the prefetch distance of the kernels.
    pub ahead: f64,
}
