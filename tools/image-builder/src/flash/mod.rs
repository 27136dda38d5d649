//! The `flash` command: writes an image to a disk and verifies it.
//!
//! [`disk`] says what a disk is and holds, [`mod@refusal`] whether it may be overwritten, [`copy`] does the writing, [`answers`] adds
//! answers for an unattended installation.

use std::fs::File;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use indicatif::BinaryBytes;
use serde::Serialize;
use sigmavault_facts::terminal::{printable, printable_json};
use sigmavault_host::run::Local;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::check;
use crate::check::outcome::Checked;
use crate::cli::FlashArgs;
use crate::inspect::{self, InspectError, Inspection};
use crate::progress::{Mode, Progress};

pub mod answers;
pub mod copy;
pub mod device;
pub mod disk;
pub mod refusal;

use answers::AnswersError;
use copy::CopyError;
use disk::{Disk, DiskError};
use refusal::{Options, Refusal, refusal};

/// Why an ISO was not written, or not well.
#[derive(Debug, thiserror::Error)]
pub enum FlashError {
    /// The ISO could not be read.
    #[error(transparent)]
    Iso(#[from] InspectError),
    /// The ISO is not good.
    #[error("{} is not written, because {}", file.display(), problems.join("; "))]
    BadIso {
        /// The ISO.
        file: PathBuf,
        /// What is wrong with it.
        problems: Vec<String>,
    },
    /// The disk could not be looked at.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The disk must not be overwritten.
    #[error("{device} is not written: {refusal}")]
    Refused {
        /// The disk.
        device: String,
        /// Why.
        refusal: Refusal,
    },
    /// The name was not typed.
    #[error("nothing was written: `{typed}` is not `{name}`")]
    NotConfirmed {
        /// What was typed.
        typed: String,
        /// What should have been.
        name: String,
    },
    /// The disk could not be opened.
    #[error("cannot open {device} for writing{}", hint(source))]
    Open {
        /// The disk.
        device: String,
        /// Why.
        source: std::io::Error,
    },
    /// Writing or verifying failed.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The answers are not good, or not on the disk.
    #[error(transparent)]
    Answers(#[from] AnswersError),
    /// What was written is not what was checked.
    #[error(
        "{} changed while it was written: {device} now holds nothing that can be relied on; wait until the ISO is complete, then run the same command again",
        file.display()
    )]
    Changed {
        /// The ISO.
        file: PathBuf,
        /// The disk.
        device: String,
    },
    /// Ctrl-C could not be caught.
    #[error("cannot catch Ctrl-C")]
    Signals(#[source] std::io::Error),
    /// The terminal is gone.
    #[error("cannot talk to the terminal")]
    Terminal(#[from] std::io::Error),
    /// JSON could not be written.
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
}

fn hint(error: &std::io::Error) -> &'static str {
    match error.raw_os_error().map(nix::errno::Errno::from_raw) {
        Some(nix::errno::Errno::EACCES | nix::errno::Errno::EPERM) => ": run this as root, with sudo",
        Some(nix::errno::Errno::EBUSY) => ": something else uses it; unmount it and stop what holds it",
        _ => "",
    }
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    iso: &'a Path,
    bytes: u64,
    disk: &'a Disk,
    checked: Option<&'a Checked>,
    written: bool,
    verified: bool,
    answers: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

/// Runs `flash`.
pub fn run(args: &FlashArgs) -> Result<ExitCode, FlashError> {
    let progress = Progress::new(Mode::detect(args.json));
    let iso = good(inspect::inspect(&args.iso, &progress)?)?;
    // Known before anything is written.
    let answers = args.answers.as_deref().map(answers::read).transpose()?;
    let place = answers
        .as_ref()
        .map(|_| answers::partition(&iso).cloned())
        .transpose()?;
    let disk = Disk::look(&Local, &args.device)?;
    let options = Options {
        iso_bytes: iso.content_bytes(),
        serial: args.serial.clone(),
    };
    if let Some(refusal) = refusal(&disk, &options) {
        return Err(FlashError::Refused {
            device: disk.path.clone(),
            refusal,
        });
    }
    let iso = good(check::complete(iso, args.verify_key.as_deref(), &progress)?)?;
    let mut report = Report {
        iso: &args.iso,
        bytes: iso.content_bytes(),
        disk: &disk,
        checked: iso.checked.as_ref(),
        written: false,
        verified: false,
        answers: false,
        sha256: None,
    };
    eprint!("{}", plan(&iso, &disk));
    if !args.dry_run {
        if !args.yes {
            confirm(&disk, &mut std::io::stdin().lock())?;
        }
        // Into the image where that is unpacked, so that they are written and read back with it.
        if let (Some(text), Some(place), Some(_)) = (&answers, &place, &iso.unpacked) {
            let content = iso.content()?;
            answers::write_into(&content, place, text)?;
            report.answers = true;
        }
        report.sha256 = Some(write(args, &iso, &disk, &progress)?);
        report.written = true;
        if let (Some(text), Some(place), false) = (&answers, &place, report.answers) {
            answers::write(&disk.path, place, text)?;
            report.answers = true;
        }
        report.verified = !args.no_verify;
        if let Some(sha256) = &report.sha256 {
            let how = if report.verified {
                "Written and verified"
            } else {
                "Written, not verified"
            };
            let answers = if report.answers {
                " The answers are on it, and whoever has it can read them."
            } else {
                ""
            };
            eprintln!(
                "{how}: SHA-256 {sha256}.{answers} {} can be taken out.",
                disk.path
            );
        }
    }
    if args.json {
        writeln!(
            std::io::stdout().lock(),
            "{}",
            printable_json(&serde_json::to_string_pretty(&report)?)
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The ISO, unless something is wrong with it.
fn good(iso: Inspection) -> Result<Inspection, FlashError> {
    if iso.is_good() {
        return Ok(iso);
    }
    Err(FlashError::BadIso {
        file: iso.file,
        problems: iso.problems,
    })
}

/// Writes and verifies; gives the SHA-256 of the ISO.
fn write(args: &FlashArgs, iso: &Inspection, disk: &Disk, progress: &Progress) -> Result<String, FlashError> {
    let source = iso.content().map_err(|source| InspectError::Open {
        path: args.iso.clone(),
        source,
    })?;
    let mut source: &File = &source;
    let bytes = iso.content_bytes();
    let mut device = device::Device::open(disk).map_err(|source| FlashError::Open {
        device: disk.path.clone(),
        source,
    })?;
    // Not earlier: at the question, Ctrl-C simply ends the program.
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // A second Ctrl-C ends it even when the device no longer answers.
        signal_hook::flag::register_conditional_shutdown(signal, 1, stop.clone())
            .map_err(FlashError::Signals)?;
        signal_hook::flag::register(signal, stop.clone()).map_err(FlashError::Signals)?;
    }
    let job = copy::Job {
        name: &disk.path,
        bytes,
        stop: &stop,
    };
    let stage = progress.stage("write");
    stage.bytes(bytes);
    let written = job.write(&mut source, &mut device, &mut |at| stage.position(at));
    let written = written.inspect_err(|_| stage.failed(""))?;
    // What was unpacked has no name, so that nobody changes it.
    let may_change = iso.checked.as_ref().filter(|_| iso.unpacked.is_none());
    if may_change.is_some_and(|checked| checked.sha256 != written.sha256) {
        stage.failed("the ISO changed");
        return Err(FlashError::Changed {
            file: iso.file.clone(),
            device: disk.path.clone(),
        });
    }
    stage.done(&format!("{} to {}", BinaryBytes(bytes), disk.path));
    if !args.no_verify {
        let stage = progress.stage("verify");
        stage.bytes(bytes);
        let verified = job.verify(&written, &mut device, &mut |at| stage.position(at));
        verified.inspect_err(|_| stage.failed(""))?;
        stage.done("it holds what the ISO holds");
    }
    Ok(written.sha256)
}

/// What will happen and what will be lost.
fn plan(iso: &Inspection, disk: &Disk) -> String {
    let image = iso.manifest.as_ref();
    let image = image
        .map(|image| format!(": {} {} {}", image.profile, image.version, image.arch))
        .unwrap_or_default();
    let mut lines = vec![
        format!(
            "Write  {} ({}){image}",
            iso.file.display(),
            BinaryBytes(iso.content_bytes())
        ),
        format!("to     {}: {}", disk.path, disk.summary()),
    ];
    if let Some(checked) = &iso.checked {
        lines.push(format!("Source {}", checked.sums_text()));
        lines.push(format!("       signature: {}", checked.signature.text()));
        lines.push(format!("       root file system: {}", checked.root_text()));
    }
    let losses = disk.losses();
    if losses.is_empty() {
        lines
            .push("Lost   nothing that can be recognised on it; whatever it holds is overwritten".to_owned());
    }
    let words = std::iter::once("Lost").chain(std::iter::repeat(""));
    lines.extend(words.zip(losses).map(|(word, loss)| format!("{word:7}{loss}")));
    lines.iter().map(|line| printable(line) + "\n").collect()
}

fn confirm(disk: &Disk, input: &mut dyn BufRead) -> Result<(), FlashError> {
    eprint!("Everything on it will be lost. Type {} to go on: ", disk.name);
    std::io::stderr().flush()?;
    let mut typed = String::new();
    input.read_line(&mut typed)?;
    let typed = typed.trim();
    if typed == disk.name || typed == disk.path {
        return Ok(());
    }
    Err(FlashError::NotConfirmed {
        typed: typed.to_owned(),
        name: disk.name.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_confirms() {
        let disk = disk::sample("sdb");
        for (typed, good) in [
            ("sdb\n", true),
            (" /dev/sdb \n", true),
            ("sda\n", false),
            ("y\n", false),
            ("", false),
        ] {
            assert_eq!(confirm(&disk, &mut typed.as_bytes()).is_ok(), good, "{typed:?}");
        }
        let error = confirm(&disk, &mut "yes\n".as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "nothing was written: `yes` is not `sdb`");
    }

    #[test]
    fn the_plan_names_what_is_lost() {
        let iso = Inspection {
            file: "x.iso".into(),
            bytes: 3 << 20,
            expected_bytes: 3 << 20,
            volume_id: String::new(),
            manifest: None,
            table: None,
            checked: None,
            unpacked: None,
            problems: Vec::new(),
        };
        let mut disk = disk::sample("sdb");
        assert_eq!(
            plan(&iso, &disk),
            "Write  x.iso (3.00 MiB)\n\
             to     /dev/sdb: SanDisk Ultra, serial 4C53, usb, 28.64 GiB, removable\n\
             Lost   partition table gpt\n       \
             sdb1: vfat \"BOOT\", 512.00 MiB\n"
        );
        disk.partition_table = None;
        disk.parts.clear();
        assert!(
            plan(&iso, &disk)
                .ends_with("Lost   nothing that can be recognised on it; whatever it holds is overwritten\n")
        );
    }
}
