//! The command line of `smoke`: one struct that is also its documentation.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use sigmavault_vm::{Accel, Firmware, Medium, Memory};

/// Boots an ISO in a virtual machine and checks what came up.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// ISO to boot
    pub iso: PathBuf,
    /// How the ISO is attached
    #[arg(long = "as", value_enum, value_name = "MEDIUM", default_value_t = Medium::Usb)]
    pub medium: Medium,
    /// Firmware of the virtual machine
    #[arg(long, value_enum, default_value_t = Firmware::Uefi)]
    pub firmware: Firmware,
    /// Memory of the virtual machine, with a unit: 4G, 16G, 1536M
    #[arg(long, value_name = "SIZE", default_value = "16G")]
    pub memory: Memory,
    /// Processor model as QEMU names it (`max` is everything the accelerator offers)
    #[arg(long, value_name = "MODEL", default_value = "max")]
    pub cpu: String,
    /// Folder for serial log, journal, screenshot and report [default: NAME.smoke/MEDIUM-FIRMWARE beside the ISO]
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
    /// How the processor is virtualised; `auto` takes KVM when the image really boots under it
    #[arg(long, value_enum, default_value_t = Accel::Auto)]
    pub accel: Accel,
    /// Longest time the whole test may take
    #[arg(long, value_name = "SECS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(10..))]
    pub timeout: u64,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

impl Options {
    /// Longest time the whole test may take.
    pub fn time_limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    /// Folder for what the run leaves behind: the one asked for, or one beside the ISO.
    pub fn artifacts_dir(&self) -> PathBuf {
        self.artifacts.clone().unwrap_or_else(|| {
            let mut folder = self.iso.file_stem().unwrap_or_default().to_os_string();
            folder.push(".smoke");
            self.iso
                .with_file_name(folder)
                .join(format!("{}-{}", self.medium, self.firmware))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn parse(args: &[&str]) -> Result<Options, clap::Error> {
        Line::try_parse_from([&["smoke"], args].concat()).map(|line| line.options)
    }

    #[test]
    fn defaults() {
        let options = parse(&["out/a.iso"]).unwrap();
        assert_eq!(
            (options.medium, options.firmware, options.accel),
            (Medium::Usb, Firmware::Uefi, Accel::Auto)
        );
        assert_eq!((options.memory, options.cpu.as_str()), (Memory::gib(16), "max"));
        assert_eq!(options.time_limit(), Duration::from_mins(10));
        assert_eq!(options.artifacts_dir(), PathBuf::from("out/a.smoke/usb-uefi"));
    }

    #[test]
    fn everything_asked_for() {
        let line = "a.iso --as cd --firmware bios --memory 1536M --cpu Nehalem --artifacts d --accel tcg --timeout 30 --json";
        let options = parse(&line.split(' ').collect::<Vec<_>>()).unwrap();
        assert_eq!(
            (options.medium, options.firmware, options.accel),
            (Medium::Cd, Firmware::Bios, Accel::Tcg)
        );
        assert_eq!((options.memory.mib(), options.cpu.as_str()), (1536, "Nehalem"));
        assert_eq!(
            (options.artifacts_dir(), options.timeout, options.json),
            (PathBuf::from("d"), 30, true)
        );
    }

    #[test]
    fn refused() {
        for args in [
            &["a", "--memory", "16"],
            &["a", "--as", "tape"],
            &["a", "--timeout", "9"],
        ] {
            assert_eq!(parse(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }
}
