//! The system disk is removed in the middle of the copy.

use serde_json::json;

use sigmavault_vm::{Bus, Drive, Rig};

use crate::answers::Answers;
use crate::bench::{Bench, INSTALL_LIMIT, SYSTEM_BYTES};
use crate::disk::{self, SYSTEM};
use crate::error::Error;
use crate::installer::Verdict;
use crate::lab::LIVE_BOOT_LIMIT;

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let system = bench.blank(SYSTEM_BYTES)?;
    let rig = Rig::new(bench.path("vars"))
        .drive(&system, SYSTEM, Bus::Usb)
        .iso(&bench.lab.iso)
        .given(Answers::erase(SYSTEM).credential()?);
    let half = bench.lab.manifest.sizes.root / 2;
    let mut boot = bench.boot("disk removed", &rig)?;
    boot.wait_for_system(LIVE_BOOT_LIMIT)?;
    boot.wait_for_writes(0, half, INSTALL_LIMIT, |_| false)?;
    boot.qmp("device_del", &json!({ "id": Drive::device_id(0) }))?;
    bench.say("disk removed");
    let report = bench.installers_report(&mut boot)?;
    bench.equal("result", &report.result, &Verdict::Failed);
    bench.contains("reason", report.reasons(), "cannot ");
    bench.contains("advice", report.reasons(), "try:");
    let alive = boot.run("systemctl is-active multi-user.target; echo alive")?;
    bench.contains("the live system keeps running", alive.output, "alive");
    boot.cut();
    let left = disk::labels(&system);
    bench.note(format!("partitions left on the disk: {}", left.join(" ")));

    let mut again = bench.empty_machine()?;
    again.system = system;
    let report = bench.install_and_power_off("plugged in again", &again.rig(), &Answers::erase(SYSTEM))?;
    bench.same(
        "installed at the second try",
        report.serial.unwrap_or_default(),
        SYSTEM,
    );
    Ok(())
}
