//! The command line: one struct that is also its documentation.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use sigmavault_pi_firmware::{Board, BootMode, Firmware};

/// A board that an image is started as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AsBoard {
    /// Raspberry Pi 4 Model B, from an SD card
    Pi4,
    /// Raspberry Pi 5 of the first stepping, from an `NVMe` drive
    Pi5,
    /// Raspberry Pi 5 of stepping D0, from an `NVMe` drive
    Pi5D0,
}

impl AsBoard {
    /// The board with its firmware.
    pub const fn firmware(self) -> Firmware {
        match self {
            Self::Pi4 => Firmware::new(Board::Pi4B, BootMode::SdCard),
            Self::Pi5 => Firmware::new(Board::Pi5C1, BootMode::Nvme),
            Self::Pi5D0 => Firmware::new(Board::Pi5D0, BootMode::Nvme),
        }
    }
}

/// Starts a disk image for Raspberry Pis in virtual machines, as the firmware of the boards would.
///
/// The image is copied to a card. Each time the guest restarts, the next machine is started, with the tryboot flag that the
/// guest has set. It ends well when all texts were seen, or, without any, when the guest switches itself off or has started
/// as often as allowed.
#[derive(Debug, Clone, Parser)]
#[command(name = "sigmavault-pi-boot", version)]
pub struct Options {
    /// Image of a disk, as built or unpacked
    #[arg(long, value_name = "FILE")]
    pub image: PathBuf,
    /// Board to start it as
    #[arg(long, value_enum)]
    pub board: AsBoard,
    /// Folder for logs and the report, with a subfolder for each start [default: out/pi-boot in the source tree]
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
    /// Folder for the card [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub work: Option<PathBuf>,
    /// Root of the source tree, which names the tools tree [default: found above the current folder]
    #[arg(long, value_name = "DIR")]
    pub source: Option<PathBuf>,
    /// Tools tree with QEMU for ARM64 [default: the one of the source tree]
    #[arg(long, value_name = "DIR")]
    pub tools: Option<PathBuf>,
    /// Size of the card in GiB, a power of two
    #[arg(long, value_name = "GIB", default_value_t = 8, value_parser = card_size)]
    pub card_size: u64,
    /// Answers for an unattended first start, put on partition 1 as answers.toml
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Text that must appear on the console; several must appear in this order
    #[arg(long, value_name = "TEXT")]
    pub until: Vec<String>,
    /// File of steps, a line each: `expect TEXT` and `type TEXT`; the sequence is over with the last one
    #[arg(long, value_name = "FILE", conflicts_with = "until")]
    pub script: Option<PathBuf>,
    /// Partitions that the starts must take, such as 2,3,2
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub partitions: Vec<u32>,
    /// Most starts
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub starts: u32,
    /// Longest that one start may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    pub limit: u64,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

impl Options {
    /// Longest that one start may take.
    pub const fn limit(&self) -> Duration {
        Duration::from_secs(self.limit)
    }
}

fn card_size(text: &str) -> Result<u64, String> {
    let gib: u64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if gib.is_power_of_two() && gib <= 1024 {
        Ok(gib)
    } else {
        Err("QEMU has cards of 1, 2, 4, 8, 16 GiB and so on up to 1024".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, clap::Error> {
        Options::try_parse_from(["sigmavault-pi-boot"].into_iter().chain(line.split_whitespace()))
    }

    #[test]
    fn wrong_usage() {
        for line in [
            "",
            "--image a.img",
            "--image a.img --board pi3",
            "--image a.img --board pi4 --card-size 6",
            "--image a.img --board pi4 --card-size 2048",
            "--image a.img --board pi4 --starts 0",
            "--image a.img --board pi4 --partitions 2,x",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn a_usual_line() {
        let options = parse("--image a.img --board pi5-d0 --until one --until two --partitions 2,3").unwrap();
        assert_eq!(options.board.firmware().board, Board::Pi5D0);
        assert_eq!(options.until, ["one", "two"]);
        assert_eq!(
            (options.partitions, options.starts, options.card_size),
            (vec![2, 3], 4, 8)
        );
    }
}
