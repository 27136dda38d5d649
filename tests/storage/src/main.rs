//! `sigmavault-storage-tests`: see [`sigmavault_storage_tests`].

use std::process::ExitCode;

use clap::Parser;
use sigmavault_image_builder::source;
use sigmavault_storage_tests::error::Error;
use sigmavault_storage_tests::options::{Command, Options};
use sigmavault_storage_tests::{cuts, record, scenario};

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Error> {
    let tree = source::find(options.source.as_deref())?;
    match &options.command {
        Command::Record(asked) => record::run(asked, &tree),
        Command::Run(asked) => scenario::run(asked, &tree),
        Command::List => {
            scenario::list();
            Ok(())
        }
        Command::Cuts(asked) => cuts::run(asked, &tree),
    }
}
