//! A data pool of three disks beside the system disk.

use sigmavault_vm::{Boot, Bus, GIB};

use crate::answers::{Answers, Pool};
use crate::bench::Bench;
use crate::disk::{self, SYSTEM};
use crate::error::Error;
use crate::scenarios::checks;

/// Serial numbers and buses of the data disks.
const DISKS: [(&str, Bus); 3] = [
    ("SV-DATA-1", Bus::Virtio),
    ("SV-DATA-2", Bus::Sata),
    ("SV-DATA-3", Bus::Nvme),
];
/// Size of each.
const BYTES: u64 = 4 * GIB;
/// Name of the pool.
pub(super) const POOL: &str = "tank";
/// A text in a file of the pool, too random to be compressed.
pub(super) const MARKER: &str = "vq7Xz1PkE9wRtY4uLm2Nc8BhJ6sGd3Fa5KoTiQeWxSvZyUbCnMrHpDfAgVjLl0O";

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.empty_machine()?;
    let mut rig = machine.rig();
    let mut data = Vec::new();
    for (serial, bus) in DISKS {
        let image = bench.blank(BYTES)?;
        rig = rig.drive(&image, serial, bus);
        data.push(image.path);
    }
    let answers = Answers {
        pool: Some(Pool {
            name: POOL.to_owned(),
            ..Pool::default()
        }),
        ..Answers::erase(SYSTEM)
    };
    bench.install_and_power_off("install", &rig, &answers)?;

    let mut boot = bench.start("first start", &rig)?;
    checks::healthy(bench, &mut boot)?;
    imported(bench, &mut boot)?;
    let write = &format!(
        "dir=$(zfs get -H -o value mountpoint tank) && echo kept >$dir/mark && {} && echo written",
        write_marker("$dir")
    );
    bench.same("file written", boot.run(write)?.text(), "written");
    boot.reboot()?;

    let mut boot = bench.start("second start", &rig)?;
    checks::healthy(bench, &mut boot)?;
    imported(bench, &mut boot)?;
    let read = boot.run("cat $(zfs get -H -o value mountpoint tank)/mark")?;
    bench.same("file after a restart", read.text(), "kept");
    boot.power_off()?;
    let found = data.iter().map(|path| disk::holds(path, MARKER.as_bytes()));
    let found: Vec<bool> = found.collect::<Result<_, Error>>()?;
    bench.equal(
        "text on the disks of a pool that is not encrypted",
        &found.contains(&true),
        &true,
    );
    Ok(())
}

/// Writes the marker to a file in a folder of the pool, many times between bytes that cannot be compressed: the disks of a raidz hold a
/// short file inside a compressed block of metadata, and may share the text.
pub(super) fn write_marker(folder: &str) -> String {
    format!(
        "for i in $(seq 64); do head -c 5000 /dev/urandom; echo; echo {MARKER}; done >{folder}/marker && zpool sync && sync"
    )
}

/// The pool is imported and mounted, with the layout that is suggested for three equal disks.
fn imported(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let health = boot.run("zpool list -H -o name,health; zfs get -H -o value mounted tank")?;
    bench.same("pool", health.text(), format!("{POOL}\tONLINE\nyes"));
    let place = boot.run("zfs get -H -o value mountpoint tank")?;
    bench.same("mount point", place.text(), format!("/srv/sigmavault/{POOL}"));
    let status = boot.run("zpool status -P tank")?.text();
    let raidz1 = status.contains("raidz1-0");
    let by_id = DISKS.iter().all(|(serial, _)| {
        let mut lines = status.lines().filter(|line| line.contains("/dev/disk/by-id/"));
        lines.any(|line| line.contains(serial) && line.contains("ONLINE"))
    });
    bench.check(
        "layout",
        raidz1 && by_id,
        status,
        "raidz1 of the three disks, named by their serial numbers",
    );
    Ok(())
}
