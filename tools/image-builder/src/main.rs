//! `sigmavault-image`: see [`sigmavault_image_builder`].

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use sigmavault_image_builder::cli::{Cli, Color, Command};
use sigmavault_image_builder::{flash, inspect, profile};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.global.color {
        Color::Auto => {}
        Color::Always => console::set_colors_enabled_stderr(true),
        Color::Never => console::set_colors_enabled_stderr(false),
    }
    match &cli.command {
        Command::Flash(args) => report(flash::run(args)),
        Command::Inspect(args) => report(inspect::run(args)),
        Command::Profiles(args) => report(profile::show::run(args, &cli.global)),
        Command::Completions(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut Cli::command(), "sigmavault-image", &mut script);
            report(std::io::stdout().write_all(&script).map(|()| ExitCode::SUCCESS))
        }
        Command::Man(args) => {
            let written = std::fs::create_dir_all(&args.folder)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), &args.folder));
            report(written.map(|()| ExitCode::SUCCESS))
        }
        other => {
            eprintln!("error: {other:?} is not part of this program");
            ExitCode::FAILURE
        }
    }
}

/// The exit code, after the error and its causes have been told.
fn report<E: Error>(result: Result<ExitCode, E>) -> ExitCode {
    let error = match result {
        Ok(code) => return code,
        Err(error) => error,
    };
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}
