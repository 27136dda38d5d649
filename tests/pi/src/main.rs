//! `sigmavault-pi-boot`: see [`sigmavault_pi_boot`].

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use sigmavault_image_builder::cli::default_cache;
use sigmavault_image_builder::pipeline::stages::tools;
use sigmavault_image_builder::profile::Arch;
use sigmavault_image_builder::source;
use sigmavault_pi_boot::bench::Bench;
use sigmavault_pi_boot::card::Card;
use sigmavault_pi_boot::error::Error;
use sigmavault_pi_boot::options::Options;
use sigmavault_pi_boot::report::Report;
use sigmavault_pi_boot::script::{self, Script, Step};
use sigmavault_pi_firmware::Flag;
use sigmavault_vm::{ToolsTree, interrupt_flag};

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the image as often as it takes; returns whether it did what was asked for.
fn run(options: &Options) -> Result<bool, Error> {
    let interrupted = interrupt_flag().map_err(Error::io("listen for signals in", Path::new(".")))?;
    let scratch = tempfile::Builder::new()
        .prefix("sigmavault-pi-")
        .tempdir()
        .map_err(Error::io("create a folder in", &std::env::temp_dir()))?;
    let folder = |path: &Path| {
        fs::create_dir_all(path)
            .and_then(|()| fs::canonicalize(path))
            .map_err(Error::io("create", path))
    };
    let artifacts = match &options.artifacts {
        Some(path) => folder(path)?,
        None => folder(&source::find(options.source.as_deref())?.join("out/pi-boot"))?,
    };
    let work = folder(options.work.as_deref().unwrap_or(scratch.path()))?;
    let tools = tools_tree(options)?;
    let card = Card::make(&options.image, &work.join("card.raw"), options.card_size)?;
    if let Some(answers) = &options.answers {
        card.put(&tools, answers, "answers.toml")?;
    }
    let mut bench = Bench {
        firmware: options.board.firmware(),
        flag: Flag::default(),
        card: &card,
        tools: &tools,
        // The path of a socket is short.
        work: scratch.path(),
        artifacts: &artifacts,
        interrupted: &interrupted,
        starts: 0,
    };
    let steps = match &options.script {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
            script::parse(&text)?
        }
        None => options.until.iter().cloned().map(Step::Expect).collect(),
    };
    let mut script = Script::new(steps, options.partitions.clone());
    let mut starts = Vec::new();
    for _ in 0..options.starts {
        let start = bench.start(options.limit(), &mut |text| script.take(text))?;
        let goes_on = script.goes_on(&start);
        starts.push(start);
        if !goes_on {
            break;
        }
    }
    let faults = script.faults(&starts);
    let report = Report {
        passed: faults.is_empty(),
        faults,
        starts,
    };
    let json = serde_json::to_string_pretty(&report)? + "\n";
    let path = artifacts.join("report.json");
    fs::write(&path, &json).map_err(Error::io("write", &path))?;
    if options.json {
        print!("{json}");
    } else {
        println!("{report}");
    }
    Ok(report.passed)
}

fn tools_tree(options: &Options) -> Result<ToolsTree, Error> {
    let root = match &options.tools {
        Some(root) => root.clone(),
        None => {
            let tree = source::find(options.source.as_deref())?;
            let found = tools::existing(&tree, &default_cache(), Arch::Arm64);
            found.map_err(|problem| Error::Tools(Box::new(problem)))?
        }
    };
    Ok(ToolsTree { root })
}
