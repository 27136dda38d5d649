//! An installation from an answer file on an empty disk, two boots of the installed system, and all checks.

use std::time::Duration;

use sigmavault_types::slots::Slot;
use sigmavault_vm::{Boot, Bus};

use crate::answers::Answers;
use crate::bench::{Bench, installed};
use crate::disk::{self, SYSTEM};
use crate::error::Error;
use crate::esp::{self, Counter};
use crate::ext4;
use crate::installer::{Report, step_seconds};
use crate::scenarios::checks;
use crate::scenarios::closed::closed;

/// Serial number of the disk that `dd` writes to for comparison.
const SCRATCH: &str = "SV-SCRATCH";
/// Partitions of an installed disk, in order.
pub const LABELS: &str = "esp root-a root-a-verity root-b root-b-verity state";
/// Longest `dd` may take.
const DD_LIMIT: Duration = Duration::from_mins(10);

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.empty_machine()?;
    let sizes = bench.lab.manifest.sizes;
    let scratch = bench.blank((sizes.root + sizes.verity).next_multiple_of(1 << 20))?;
    let with_scratch = machine.rig().drive(&scratch, SCRATCH, Bus::Virtio);
    let (report, mut boot) = bench.install("install", &with_scratch, &Answers::erase(SYSTEM))?;
    let report = installed(report)?;
    let root_hash = bench.lab.manifest.root_hash.clone();
    bench.same(
        "root hash in the report",
        report.root_hash.clone().unwrap_or_default(),
        root_hash,
    );
    bench.same(
        "serial number in the report",
        report.serial.clone().unwrap_or_default(),
        SYSTEM,
    );
    compare_with_dd(bench, &mut boot, &report)?;
    boot.power_off()?;

    bench.same("partitions", disk::labels(&machine.system).join(" "), LABELS);
    let entries = bench.boot_entries(&machine)?;
    bench.same(
        "boot entries",
        entries.join(" "),
        "sigmavault-a+3.conf sigmavault-b+3.conf",
    );
    bench.lab.keep_installed(&machine.system, &machine.variables)?;

    let mut boot = bench.start("first start", &machine.rig())?;
    checks::healthy(bench, &mut boot)?;
    checks::verified_root(bench, &mut boot, Slot::A)?;
    checks::writable_state(bench, &mut boot)?;
    checks::identity(bench, &mut boot)?;
    checks::quiet(bench, &mut boot)?;
    closed(bench, &mut boot)?;
    checks::slot(bench, &mut boot, Slot::A)?;
    checks::login(bench, &mut boot)?;
    let marks = boot.run(checks::MARKS)?.text();
    boot.reboot()?;

    let mut boot = bench.start("second start", &machine.rig())?;
    let kept = boot.run(checks::MARKS)?.text();
    bench.same("machine id and files after a restart", kept, marks);
    checks::healthy(bench, &mut boot)?;
    checks::slot(bench, &mut boot, Slot::A)?;
    boot.power_off()?;

    let entries = bench.boot_entries(&machine)?;
    let counter = esp::counter(&entries, Slot::A);
    bench.check(
        "slot A counts as good",
        counter == Some(Counter::Good),
        entries.join(" "),
        "sigmavault-a.conf",
    );
    let state = ext4::state(&machine.system, machine.partition("state")?)?;
    bench.equal("state file system", &state, &ext4::State::Clean);
    Ok(())
}

/// Compares the time of the installation with `dd`, which copies the same bytes from the medium to another disk of the
/// same machine: once with an empty page cache, as for slot A, and once more, as for slot B.
fn compare_with_dd(bench: &mut Bench<'_>, boot: &mut Boot<'_>, report: &Report) -> Result<(), Error> {
    if let Some(seconds) = report.seconds {
        bench.note(format!("installed in {seconds:.1} s"));
    }
    let steps = step_seconds(boot.session().transcript().lines());
    for (step, seconds) in &steps {
        bench.note(format!("{step}: {seconds:.1} s"));
    }
    let bytes = bench.lab.manifest.sizes.root;
    let dd = format!(
        "dd if=/dev/mapper/root of=/dev/disk/by-id/virtio-{SCRATCH} bs=4M count={bytes} iflag=count_bytes oflag=direct conv=fsync \
         status=none || exit 1"
    );
    for (step, before) in [
        ("Copy the system to slot A", "echo 3 >/proc/sys/vm/drop_caches"),
        ("Copy the system to slot B", ":"),
    ] {
        let script = format!(
            "{before}; began=$EPOCHREALTIME; {dd}; echo $(((${{EPOCHREALTIME/./}} - ${{began/./}}) / 1000))"
        );
        let answer = boot.run_for(&script, DD_LIMIT)?;
        let ours = steps
            .iter()
            .find(|(name, _)| name == step)
            .map(|(_, seconds)| seconds * 1000.0);
        match (answer.output.parse::<u32>(), ours) {
            (Ok(ms), Some(ours)) if ms > 0 && answer.status == 0 => bench.note(format!(
                "{step}: {:.0} % of the rate of dd, which took {:.1} s",
                f64::from(ms) / ours * 100.0,
                f64::from(ms) / 1000.0
            )),
            _ => bench.check("dd to a second disk", false, answer.text(), "milliseconds"),
        }
    }
    Ok(())
}
