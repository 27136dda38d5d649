//! `sigmavault hardware`.

use sigmavault_facts::show::{self, Style};
use sigmavault_facts::{FactError, Files, report};
use sigmavault_types::HardwareReport;

use crate::client::{ApiError, Client};

/// The report is neither in its file nor available from the REST interface.
#[derive(Debug, thiserror::Error)]
#[error(
    "the hardware is unknown: {file}\nand: {api}\nWrite the report again with: systemctl restart sigmavault-detect.service"
)]
pub struct HardwareError {
    file: FactError,
    api: ApiError,
}

/// The report of this boot, from its file, or else from the REST interface.
pub fn get(client: &Client, files: &Files) -> Result<HardwareReport, HardwareError> {
    report::hardware(files).or_else(|file| {
        client
            .get("/api/v1/system/hardware")
            .map_err(|api| HardwareError { file, api })
    })
}

/// The report for a person.
pub fn show(report: &HardwareReport) -> String {
    show::hardware(report, Style::of_stdout())
}
