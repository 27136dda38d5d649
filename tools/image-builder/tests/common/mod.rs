//! A small ISO for tests of the program.

#[path = "../../src/fat32/sample.rs"]
mod fat_sample;
#[path = "../../src/iso9660/sample.rs"]
mod iso_sample;
#[path = "../../src/check/sample.rs"]
pub mod sample;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sigmavault_image_builder::gpt;

/// Runs the program.
pub fn program(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sigmavault-image"))
        .args(args)
        .output()
        .unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Writes an ISO whose root partition has room for this many bytes behind its file system.
pub fn iso(folder: &Path, padding: usize) -> PathBuf {
    let path = folder.join("test.iso");
    std::fs::write(&path, sample::good_iso(padding)).unwrap();
    path
}
