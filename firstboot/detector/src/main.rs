//! `sigmavault-detector`: reads the machine's hardware and chooses the language model tier.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::anyhow;
use clap::{CommandFactory as _, Parser};
use clap_complete::Shell;
use sigmavault_detector::report;
use sigmavault_facts::terminal::printable_lines;
use sigmavault_facts::{Files, show};
use sigmavault_types::hardware::REPORT_PATH;

/// Read the machine's hardware and choose the language model tier
///
/// Memory, processor, disks and sensors are read from /proc and /sys, the memory bandwidth is measured for at most one
/// second, and the tier follows: draft-350m below 16 GiB of memory, bitnet-7b from 16 GiB, bitnet-7b+mamba from 32 GiB
/// with AVX-512. `tier` in the table [model] of /etc/sigmavault/ryzan.toml overrides it.
#[derive(Debug, Parser)]
#[command(name = "sigmavault-detector", version)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
struct Arguments {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Write the report for the other services
    #[arg(long)]
    write: bool,
    /// Where to write it
    #[arg(long, value_name = "FILE", requires = "write")]
    output: Option<PathBuf>,
    /// Do not measure the memory bandwidth
    #[arg(long)]
    no_probe: bool,
    /// Read /proc, /sys, /run, /etc and /usr below this folder; another one than / is never probed
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Print shell completions
    #[arg(long, value_name = "SHELL", hide = true, exclusive = true)]
    completions: Option<Shell>,
    /// Print the manual page
    #[arg(long, hide = true, exclusive = true)]
    man: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sigmavault-detector: {}", printable_lines(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut out = Vec::new();
    if let Some(shell) = arguments.completions {
        clap_complete::generate(shell, &mut Arguments::command(), "sigmavault-detector", &mut out);
        return print(&out);
    }
    if arguments.man {
        clap_mangen::Man::new(Arguments::command())
            .section("8")
            .manual("SigmaVault NAS OS")
            .render(&mut out)?;
        return print(&out);
    }

    let files = Files::new(&arguments.root);
    let probe = !arguments.no_probe && files.is_this_machine();
    let report = report::gather(&files, SystemTime::now(), probe)?;
    if arguments.write {
        let path = arguments
            .output
            .clone()
            .unwrap_or_else(|| files.path(REPORT_PATH));
        report::write(&report, &path)?;
        if !arguments.json {
            let choice = &report.model;
            writeln!(
                out,
                "wrote {}: {} ({})",
                path.display(),
                choice.tier,
                choice.reason
            )?;
            for warning in choice.warnings.iter().chain(&report.warnings) {
                writeln!(out, "note: {warning}")?;
            }
        }
    } else if !arguments.json {
        out.extend(show::hardware(&report, show::Style::of_stdout()).as_bytes());
    }
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        out.push(b'\n');
    }
    print(&out)
}

/// Prints all of it; a closed pipe is not an error.
fn print(out: &[u8]) -> anyhow::Result<()> {
    match io::stdout().lock().write_all(out) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow!("cannot print the report: {error}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
