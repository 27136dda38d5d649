//! Decode and prefill of the engine and of llama.cpp, on the same files of random weights and of a trained model, in turns.
//!
//! `ci/bench-ryzan` builds llama.cpp and runs this program. Speed does not depend on the values of the weights, so no
//! trained model is needed. Each number is the best of several rounds. The engines take turns, so that both run under
//! the same conditions.
#![expect(
    clippy::cast_precision_loss,
    reason = "rates; their inputs are far below 2^52"
)]

mod machine;
mod ours;
mod peer;
mod report;
mod speed;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Parser, ValueEnum};
use sigmavault_bench_ryzan::weights;
use sigmavault_ternary::Precision;

use crate::machine::Machine;
use crate::report::{Comparison, Report, Subject};
use crate::speed::Tests;
use crate::weights::{Encoding, Shape};

/// Compares the engine's speed with llama.cpp's on files of random ternary weights and on a trained model
#[derive(Debug, Parser)]
#[command(name = "ci/bench-ryzan", version)]
struct Options {
    /// llama-bench of llama.cpp; without it only the engine is measured
    #[arg(long, value_name = "FILE", hide = true)]
    peer: Option<PathBuf>,

    /// How finely the engine quantises activations [default: as the service does]
    #[arg(long, value_enum)]
    activations: Option<Activations>,

    /// Folder for the model files, 3 GB with the packed weights; later runs reuse them
    #[arg(long, value_name = "DIR")]
    work: PathBuf,

    /// Shapes of the models
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["0.6b", "1.7b"])]
    shapes: Vec<Shape>,

    /// How the weights are stored
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["q2_0", "tq2_0"])]
    encodings: Vec<Encoding>,

    /// GGUF files of trained models to measure too, each named by its folder
    #[arg(long = "model", value_name = "FILE", hide = true)]
    models: Vec<PathBuf>,

    /// Threads of both engines [default: one for each processor]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    #[command(flatten)]
    tests: Tests,

    /// Number of rounds; the best one counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// How finely activations are quantised.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Activations {
    /// 8 bits, a scale for 64 of them.
    Int8,
    /// 16 bits, a scale for 64 of them.
    Int16,
}

impl From<Activations> for Precision {
    fn from(activations: Activations) -> Self {
        match activations {
            Activations::Int8 => Self::Int8Blocks,
            Activations::Int16 => Self::Int16Blocks,
        }
    }
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let threads = options
        .threads
        .map_or_else(|| std::thread::available_parallelism().map(Into::into), Ok)
        .context("cannot count the processors; try: --threads")?;
    std::fs::create_dir_all(&options.work)
        .with_context(|| format!("cannot make the folder {}", options.work.display()))?;
    let machine = Machine::measure(threads)?;
    let mut comparisons = Vec::new();
    for &shape in &options.shapes {
        for &encoding in &options.encodings {
            let path = weights::file(&options.work, shape, encoding)?;
            eprintln!("== {shape} {encoding}");
            let subject = Subject::Random { shape, encoding };
            comparisons.push(compare(&options, threads, &path, subject)?);
        }
    }
    for path in &options.models {
        let name = path
            .parent()
            .and_then(Path::file_name)
            .unwrap_or(path.as_os_str());
        let subject = Subject::Model {
            model: name.to_string_lossy().into_owned(),
        };
        eprintln!("== {subject}");
        comparisons.push(compare(&options, threads, path, subject)?);
    }
    let report = Report::new(machine, options.tests, &comparisons);
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}

/// Measures the engines in turns on one file.
fn compare(options: &Options, threads: usize, path: &Path, subject: Subject) -> anyhow::Result<Comparison> {
    let mut comparison = Comparison::new(subject, std::fs::metadata(path)?.len());
    let mut against = Vec::new();
    for round in 1..=options.rounds.max(1) {
        // One copy of the weights in memory at a time.
        let ours = ours::Engine::load(path, threads, options.activations.map(Precision::from))?;
        comparison.bytes_per_token = ours.bytes_per_token();
        let speed = ours.measure(options.tests)?;
        against.push(ours.against_memory(options.tests.tokens)?);
        drop(ours);
        eprintln!(
            "   round {round}: decode {:.1}, prefill {:.1} tokens/s",
            speed.decode, speed.prefill
        );
        comparison.ours = comparison.ours.best(speed);
        if let Some(peer) = &options.peer {
            let theirs = peer::measure(peer, path, threads, options.tests)?;
            eprintln!(
                "   llama.cpp: decode {:.1}, prefill {:.1} tokens/s",
                theirs.decode, theirs.prefill
            );
            comparison.peer = Some(comparison.peer.unwrap_or_default().best(theirs));
        }
    }
    comparison.take(against);
    Ok(comparison)
}
