//! The `smoke` command: the test with its progress, and its report as text or JSON.

use std::process::ExitCode;

use sigmavault_facts::terminal::{printable_json, printable_lines};
use sigmavault_vm::accel::KvmVerdict;
use sigmavault_vm::{Accel, ToolsTree, interrupt_flag};

use super::error::Error;
use super::image::{ImageError, TestImage};
use super::options::Options;
use super::run::smoke;
use crate::cli::{Global, default_cache};
use crate::pipeline::stages::tools;
use crate::progress::{Mode, Progress};
use crate::source;

/// Why the command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The test could not be run to its end.
    #[error(transparent)]
    Smoke(#[from] Error),
    /// The file is not an ISO that can be tested.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The source tree was not found.
    #[error(transparent)]
    Source(#[from] source::SourceError),
    /// The tools tree is missing.
    #[error(transparent)]
    Tools(#[from] crate::pipeline::error::Problem),
    /// Signals cannot be listened to, or standard output is gone.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The report could not be written as JSON.
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
}

/// Runs the test; exit code 0 when every check passed.
pub fn run(options: &Options, global: &Global) -> Result<ExitCode, CommandError> {
    let source = source::find(global.source.as_deref())?;
    let interrupted = interrupt_flag()?;
    let progress = Progress::new(Mode::detect(options.json));
    let stage = progress.stage("smoke");
    stage.message("checking the ISO");
    let image = TestImage::open(&options.iso).inspect_err(|_| stage.failed(""))?;
    let tools = ToolsTree {
        root: tools::existing(&source, &default_cache(), image.arch)?,
    };
    let verdict = KvmVerdict::of(&default_cache());
    let asked = options.accel;
    let options = Options {
        accel: verdict.narrow(options.accel),
        ..options.clone()
    };
    if options.accel != asked {
        progress.note(
            "KVM has failed since this machine booted, so the image is emulated (--accel kvm tries again)",
        );
    }
    let result = smoke(&options, &image, &tools, &interrupted, &mut |line| {
        stage.message(line);
    });
    let report = match result {
        Ok(report) => report,
        Err(error) => {
            stage.failed("");
            return Err(error.into());
        }
    };
    if options.accel == Accel::Auto && report.no_kvm.is_some() {
        verdict.remember_unusable();
    }
    if report.passed {
        stage.done("");
    } else {
        stage.failed("");
    }
    if options.json {
        println!("{}", printable_json(&serde_json::to_string_pretty(&report)?));
    } else {
        println!("{}", printable_lines(&report.to_string()));
    }
    Ok(if report.passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
