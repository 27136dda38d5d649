//! An installation by answers on an empty disk, two starts of what was installed, and everything looked at.

use std::time::Duration;

use sigmavault_image_builder::smoke::Bus;

use crate::answers::Answers;
use crate::bench::Bench;
use crate::boot::Boot;
use crate::error::Error;
use crate::esp::{self, Counter};
use crate::ext4;
use crate::installer::{Report, Verdict, step_seconds};
use crate::rig::SYSTEM;
use crate::scenarios::looks;

/// Serial number of the disk that `dd` writes to for comparison.
const SCRATCH: &str = "SV-SCRATCH";
/// Partitions of an installed disk, in order.
pub const LABELS: &str = "esp root-a root-a-verity root-b root-b-verity state";
/// Longest `dd` may take.
const DD_LIMIT: Duration = Duration::from_mins(10);

/// Plays it.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.empty_machine()?;
    let sizes = bench.lab.manifest.sizes;
    let scratch = bench.blank((sizes.root + sizes.verity).next_multiple_of(1 << 20))?;
    let with_scratch = machine.rig().drive(&scratch, SCRATCH, Bus::Virtio);
    let (report, mut boot) = bench.install("install", &with_scratch, &Answers::erase(SYSTEM))?;
    if report.result != Verdict::Installed {
        return Err(Error::NotInstalled(report.to_string()));
    }
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

    bench.same("partitions", machine.system.labels().join(" "), LABELS);
    let entries = esp::entries(
        &bench.lab.tools,
        &machine.system,
        machine.system.partition("esp")?,
    )?;
    bench.same(
        "boot entries",
        entries.join(" "),
        "sigmavault-a+3.conf sigmavault-b+3.conf",
    );
    bench.lab.keep_installed(&machine.system, &machine.variables)?;

    let mut boot = bench.start("first start", &machine.rig())?;
    looks::healthy(bench, &mut boot)?;
    looks::verified_root(bench, &mut boot, 'a')?;
    looks::writable_state(bench, &mut boot)?;
    looks::identity(bench, &mut boot)?;
    looks::quiet(bench, &mut boot)?;
    looks::slot(bench, &mut boot, "a")?;
    looks::login(bench, &mut boot)?;
    let marks = boot.run(looks::MARKS)?.text();
    boot.reboot()?;

    let mut boot = bench.start("second start", &machine.rig())?;
    let kept = boot.run(looks::MARKS)?.text();
    bench.same("machine id and files after a restart", kept, marks);
    looks::healthy(bench, &mut boot)?;
    looks::slot(bench, &mut boot, "a")?;
    boot.power_off()?;

    let entries = esp::entries(
        &bench.lab.tools,
        &machine.system,
        machine.system.partition("esp")?,
    )?;
    let counter = esp::counter(&entries, 'a');
    bench.check(
        "slot A counts as good",
        counter == Some(Counter::Good),
        entries.join(" "),
        "sigmavault-a.conf",
    );
    let state = ext4::state(&machine.system, machine.system.partition("state")?)?;
    bench.same("state file system", format!("{state:?}"), "Clean");
    Ok(())
}

/// What the installation took, beside `dd` copying the same from the medium to a disk of the same machine: once with
/// nothing in the page cache, as slot A is copied, and once more, as slot B is.
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
