//! `sigmavault-image`: see [`sigmavault_image_builder`].

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use sigmavault_facts::terminal::printable_lines;
use sigmavault_image_builder::cli::{Cli, Color, Command, PoolAction};
use sigmavault_image_builder::{
    doctor, flash, hardware_check, inspect, invocation, pipeline, profile, smoke, source,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.global.color {
        Color::Auto => {}
        Color::Always => colours(true),
        Color::Never => colours(false),
    }
    let source = source::find(cli.global.source.as_deref()).ok();
    invocation::settle(source.as_deref());
    match &cli.command {
        Command::Build(args) => report(pipeline::build(args, &cli.global)),
        Command::Lock(args) => report(pipeline::lock(args, &cli.global)),
        Command::Pool(args) => match &args.action {
            PoolAction::Save(args) => report(pipeline::save(args, &cli.global)),
        },
        Command::Clean(args) => report(pipeline::clean(args, source.as_deref())),
        Command::Smoke(args) => report(smoke::run(args, &cli.global)),
        Command::Doctor(args) => report(doctor::run(args, source.as_deref())),
        Command::Flash(args) => report(flash::run(args)),
        Command::Inspect(args) => report(inspect::show::run(args)),
        Command::Profiles(args) => report(profile::command::run(args, &cli.global)),
        Command::HardwareCheck(args) => report(hardware_check::run(args, &cli.global)),
        Command::Emulated(args) => report(Err(pipeline::emulation::become_program(
            args.arch,
            &args.interpreter,
            &args.program,
            &args.args,
        ))),
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
    }
}

fn colours(on: bool) {
    console::set_colors_enabled(on);
    console::set_colors_enabled_stderr(on);
}

/// The exit code, after the error and its causes have been told.
fn report<E: Error + 'static>(result: Result<ExitCode, E>) -> ExitCode {
    let error = match result {
        Ok(code) => return code,
        Err(error) => error,
    };
    let first: &(dyn Error + 'static) = &error;
    let chain: Vec<_> = std::iter::successors(Some(first), |error| (*error).source()).collect();
    let mut io = chain
        .iter()
        .filter_map(|error| error.downcast_ref::<std::io::Error>());
    // Whoever closed the pipe, like `head`, has seen enough.
    if !io.any(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
        for (nth, error) in chain.iter().enumerate() {
            let error = printable_lines(&error.to_string());
            eprintln!("{}{error}", if nth == 0 { "error: " } else { "  because: " });
        }
    }
    ExitCode::FAILURE
}
