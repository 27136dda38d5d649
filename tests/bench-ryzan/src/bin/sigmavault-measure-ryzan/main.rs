//! The numbers that the service must hold, measured on the running program: memory, rest, first token, second turn, restart, swapping,
//! and last, since it leaves nothing as it was, memory under attack.
//!
//! `ci/measure-ryzan` builds the service and runs this program. Models have realistic shapes and random weights, which does
//! not affect these numbers: computation and memory do not depend on the values of the weights.
#![expect(
    clippy::cast_precision_loss,
    reason = "bytes and times for people; far below 2^52"
)]

mod conversation;
mod daemon;
mod hostile;
mod http;
mod process;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Parser, ValueEnum};
use daemon::{Daemon, Machine};
use http::count;
use report::{Measure, Report};
use serde_json::Value;
use sigmavault_bench_ryzan::weights::Shape;

/// Limit of the program's memory beside weights and caches, in bytes.
const OWN_MEMORY: u64 = 150_000_000;

/// How long the idle service is observed.
const REST: Duration = Duration::from_secs(20);

/// Measures the numbers that the language model service must hold
///
/// Exits with 1 when one of them does not hold.
#[derive(Debug, Parser)]
#[command(name = "ci/measure-ryzan", version)]
struct Options {
    /// The service
    #[arg(long, value_name = "FILE", hide = true)]
    daemon: PathBuf,

    /// Folder for the model files, 1.3 GB; later runs reuse them
    #[arg(long, value_name = "DIR", hide = true)]
    work: PathBuf,

    /// Shape of the model
    #[arg(long, value_enum, default_value_t = Size::B1_7)]
    shape: Size,

    /// Threads that compute [default: one for each processor]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// Measure this part alone
    #[arg(long, value_enum, value_name = "PART")]
    only: Option<Part>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Shapes that fit into the limits of a small machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Size {
    /// 1024 wide, 28 layers.
    #[value(name = "0.6b")]
    B0_6,
    /// 2048 wide, 28 layers.
    #[value(name = "1.7b")]
    B1_7,
}

/// What can be measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Everything but the attack.
    Peace,
    /// Memory with hostile clients.
    Attack,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<bool> {
    let threads = options
        .threads
        .map_or_else(|| std::thread::available_parallelism().map(Into::into), Ok)
        .context("cannot count the processors; try: --threads")?;
    let shapes = match options.shape {
        Size::B0_6 => [Shape::B0_6, Shape::B1_7],
        Size::B1_7 => [Shape::B1_7, Shape::B0_6],
    };
    let machine = Machine::make(&options.work, shapes, threads)?;
    let measures = measure(options, &machine)?;
    machine.forget_prefixes()?;
    let report = Report {
        model: machine.models[0].id.clone(),
        threads,
        measures,
    };
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(report.holds())
}

fn measure(options: &Options, machine: &Machine) -> anyhow::Result<Vec<Measure>> {
    let mut measures = Vec::new();
    machine.forget_prefixes()?;
    // Pack the weights first. Later loads come from the page cache, except for packed weights, which the first answer reads from
    // disk.
    let daemon = Daemon::start(&options.daemon, machine)?;
    for model in &machine.models {
        daemon.load(&model.id)?;
    }
    daemon.stop()?;
    if options.only != Some(Part::Attack) {
        measures.extend(in_peace(options, machine)?);
    }
    if options.only != Some(Part::Peace) {
        measures.extend(under_attack(options, machine)?);
    }
    Ok(measures)
}

/// Everything that is measured without hostile clients.
fn in_peace(options: &Options, machine: &Machine) -> anyhow::Result<Vec<Measure>> {
    let mut measures = Vec::new();
    let daemon = Daemon::start(&options.daemon, machine)?;
    measures.push(Measure::free(
        "start until the model is ready",
        "s",
        daemon.ready_after.as_secs_f64(),
    ));
    daemon.chat(&conversation::question("Hello", 8))?;
    measures.push(rest(&daemon)?);
    let resting = process::memory(daemon.id())?;
    measures.push(Measure::free("RSS at rest", "MB", resting.rss as f64 / 1e6));
    measures.extend(first_token(&daemon)?);
    let (turns, second) = second_turn(&daemon)?;
    measures.extend(turns);
    measures.extend(memory(&daemon, machine)?);
    daemon.stop()?;

    let daemon = Daemon::start(&options.daemon, machine)?;
    let again = daemon.chat(&second)?;
    measures.push(Measure::at_most(
        "tokens computed again for the same turn after a restart",
        "tokens",
        computed(&again)? as f64,
        64.0,
    ));
    measures.extend(swap(&daemon, machine)?);
    daemon.stop()?;
    Ok(measures)
}

/// Processor use of the idle service, in percent of one processor.
fn rest(daemon: &Daemon) -> anyhow::Result<Measure> {
    // Idle threads end after ten seconds.
    std::thread::sleep(Duration::from_secs(11));
    let (before, began) = (process::processor_time(daemon.id())?, Instant::now());
    std::thread::sleep(REST);
    let ran = process::processor_time(daemon.id())?.saturating_sub(before);
    let share = ran.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    Ok(Measure::at_most("processor at rest, over 20 s", "%", share, 0.1))
}

/// Time to the first text with system prompt and functions in the prefix cache; best of three.
fn first_token(daemon: &Daemon) -> anyhow::Result<Vec<Measure>> {
    let cold = daemon.first_text(&conversation::with_tools(
        "What is the temperature of the first disk?",
    ))?;
    let mut best = Duration::MAX;
    for question in [
        "How much space is left on the pool?",
        "Which of the shares is the largest one?",
        "When was the last snapshot made?",
    ] {
        best = best.min(daemon.first_text(&conversation::with_tools(question))?);
    }
    let usage = daemon.chat(&conversation::with_tools("Is everything well?"))?;
    Ok(vec![
        Measure::free(
            "prompt with system prompt and 8 tools",
            "tokens",
            count(&usage, "/usage/prompt_tokens")? as f64,
        ),
        Measure::free("first token, nothing known", "s", cold.as_secs_f64()),
        Measure::at_most(
            "first token, system prompt and 8 tools known",
            "s",
            best.as_secs_f64(),
            1.0,
        ),
    ])
}

/// The second turn of a conversation of 2000 tokens; returns its request too.
fn second_turn(daemon: &Daemon) -> anyhow::Result<(Vec<Measure>, Value)> {
    let first = conversation::long(2000);
    let answer = daemon.chat(&first)?;
    let prompt = count(&answer, "/usage/prompt_tokens")?;
    let second = conversation::next(&first, &answer, "And what does that mean for the backup?");
    let answer = daemon.chat(&second)?;
    let measures = vec![
        Measure::free("conversation before the second turn", "tokens", prompt as f64),
        Measure::at_most(
            "tokens computed again in the second turn",
            "tokens",
            computed(&answer)? as f64,
            64.0,
        ),
    ];
    Ok((measures, second))
}

/// Memory, compared with one copy of the weights, the cache as reported by the service, and 150 MB.
fn memory(daemon: &Daemon, machine: &Machine) -> anyhow::Result<Vec<Measure>> {
    let memory = process::memory(daemon.id())?;
    let status = daemon.status()?;
    let cache = count(&status, "/models/0/cache_bytes")?;
    let weights = machine.models[0].bytes;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    Ok(vec![
        Measure::free("weights (size of the file)", "MB", megabytes(weights)),
        Measure::free("kept prefixes", "MB", megabytes(cache)),
        Measure::at_most(
            "RSS",
            "MB",
            megabytes(memory.rss),
            megabytes(weights + cache + OWN_MEMORY),
        ),
        Measure::free("PSS", "MB", megabytes(memory.pss)),
        // Packed weights are in the service's own memory or in the page cache; in both would mean two copies.
        Measure::at_most(
            "anonymous memory, and packed weights in the page cache",
            "MB",
            megabytes(memory.anonymous + process::page_cache(&machine.packed(0))?),
            megabytes(weights + cache + OWN_MEMORY),
        ),
    ])
}

/// Memory while hostile clients want as much as they can get, of a service that keeps as many prefixes as it may.
fn under_attack(options: &Options, machine: &Machine) -> anyhow::Result<Vec<Measure>> {
    machine.forget_prefixes()?;
    let daemon = Daemon::start(&options.daemon, machine)?;
    daemon.chat(&conversation::with_tools("Is everything well?"))?;
    daemon.chat(&conversation::long(2000))?;
    let seen = hostile::run(&daemon)?;
    daemon.stop()?;
    let beside = seen.beside_caches.saturating_sub(machine.models[0].bytes);
    Ok(vec![
        Measure::at_most(
            "RSS beside weights and caches, with 32 hostile clients for 60 s",
            "MB",
            beside as f64 / 1e6,
            OWN_MEMORY as f64 / 1e6,
        ),
        Measure::free("their requests", "", seen.requests as f64),
        Measure::free(
            "slowest answer of 8 tokens to another client meanwhile",
            "s",
            seen.slowest.as_secs_f64(),
        ),
        Measure::free("refusals that it met", "", seen.refused as f64),
    ])
}

/// Swaps two models of which only one fits; the slowest of six.
fn swap(daemon: &Daemon, machine: &Machine) -> anyhow::Result<Vec<Measure>> {
    let (mut loading, mut answering) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..3 {
        for model in [&machine.models[1], &machine.models[0]] {
            loading = loading.max(daemon.load(&model.id)?);
        }
    }
    for _ in 0..3 {
        for model in [&machine.models[1], &machine.models[0]] {
            let mut question = conversation::question("Hello", 8);
            question["model"] = Value::from(model.id.as_str());
            answering = answering.max(daemon.first_text(&question)?);
        }
    }
    Ok(vec![
        Measure::at_most("swap of two models", "s", loading.as_secs_f64(), 2.0),
        Measure::at_most("swap and first token", "s", answering.as_secs_f64(), 2.0),
    ])
}

/// Prompt tokens that did not come from the cache.
fn computed(answer: &Value) -> anyhow::Result<u64> {
    let prompt = count(answer, "/usage/prompt_tokens")?;
    Ok(prompt - count(answer, "/usage/prompt_tokens_details/cached_tokens")?)
}
