//! A pool on the disks of an old NAS: an array that is assembled by itself with a volume on it that is active, and what is
//! left of an array whose other disks are gone.

use sigmavault_vm::{Boot, Bus, GIB, Rig};

use crate::answers::{Answers, Pool, Selector};
use crate::bench::{Bench, SYSTEM_BYTES, digests, installed};
use crate::disk::SYSTEM;
use crate::error::Error;
use crate::lab::LIVE_BOOT_LIMIT;
use crate::live::{self, Disk};
use crate::scenarios::checks;

/// Two disks of a mirror, and one of three disks of a RAID 5.
const OLD: [&str; 3] = ["SV-OLD-1", "SV-OLD-2", "SV-OLD-3"];
/// Name of the pool.
const POOL: &str = "tank";

/// Makes the arrays as another system did, and lets go of them.
const MAKE: &str = "set -e
    one=/dev/disk/by-id/ata-QEMU_HARDDISK_SV-OLD-1
    two=/dev/disk/by-id/ata-QEMU_HARDDISK_SV-OLD-2
    three=/dev/disk/by-id/ata-QEMU_HARDDISK_SV-OLD-3
    for disk in $one $two $three; do sgdisk --new=1:0:0 --typecode=1:fd00 $disk >/dev/null; done
    udevadm settle
    mdadm --create /dev/md/data --homehost=oldnas --run --level=1 --raid-devices=2 --assume-clean $one-part1 $two-part1
    for name in four five; do truncate --size=1G /run/$name; losetup --find /run/$name; done
    mdadm --create /dev/md/rest --homehost=oldnas --run --level=5 --raid-devices=3 --assume-clean $three-part1 $(
        losetup --noheadings --list --output NAME,BACK-FILE | sed -n 's,^\\([^ ]*\\) */run/\\(four\\|five\\)$,\\1,p')
    udevadm settle
    mkfs.ext4 -q -L music /dev/md/rest
    sync
    mdadm --stop /dev/md/data; mdadm --stop /dev/md/rest
    sync";

/// A linear volume on the array, as LVM makes it active: its mapping. The image has no tools of LVM, which does it in a
/// live session of another maker.
const ACTIVATE: &str = "set -e
    array=$(readlink -f /dev/disk/by-id/md-name-oldnas:data)
    sectors=$(($(blockdev --getsz $array) - 2048))
    dmsetup create vg0-data --uuid LVM-tXtmDkYqYRqTkjwSHrNOT0w2JDXbLPfkbqkhwYDAXJmfGLnLQvTDDqsJmWYTbqjM \\
        --table \"0 $sectors linear $array 2048\"
    mkfs.ext4 -q -L photos /dev/mapper/vg0-data
    udevadm settle";

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let system = bench.blank(SYSTEM_BYTES)?;
    let mut rig = Rig::new(system.path.with_extension("vars")).boot_drive(&system, SYSTEM);
    for serial in OLD {
        rig = rig.drive(&bench.blank(GIB)?, serial, Bus::Sata);
    }
    let live = rig.clone().iso(&bench.lab.iso);
    let mut boot = bench.boot("an old system", &live)?;
    // The agent starts before udev has looked at the disks.
    bench.settle("live", &mut boot, LIVE_BOOT_LIMIT)?;
    let made = boot.run(MAKE)?;
    bench.keep("arrays.txt", &made.text())?;
    bench.equal("arrays made", &made.status, &0);
    boot.power_off()?;

    let before = digests(&rig)?;
    let mut boot = bench.boot("install", &live)?;
    // The agent starts before udev has looked at the disks.
    bench.settle("live", &mut boot, LIVE_BOOT_LIMIT)?;
    assembled(bench, &mut boot)?;
    bench.same("disks after the arrays were assembled", digests(&rig)?, before);
    let active = boot.run(ACTIVATE)?;
    bench.keep("volume.txt", &active.text())?;
    bench.equal("volume made active", &active.status, &0);
    let disks = live::disks(bench, &mut boot)?;
    seen(bench, &disks);
    let answers = answers();
    stopped_first(bench, &mut boot, &answers)?;
    installed(live::install(bench, &mut boot, &answers)?)?;
    boot.power_off()?;

    let mut boot = bench.start("first start", &rig)?;
    checks::healthy(bench, &mut boot)?;
    let pool = boot.run(
        "zpool list -H -o name,health; zpool status tank | grep -c raidz1-0
         zpool status -P tank | grep -cE 'by-id/.*SV-OLD-[123].*ONLINE'
         grep -s ^md /proc/mdstat | wc -l; dmsetup ls | grep -c vg0",
    )?;
    bench.same(
        "pool, and what is left of arrays and volumes",
        pool.output,
        format!("{POOL}\tONLINE\n1\n3\n0\n0"),
    );
    Ok(boot.power_off()?)
}

fn answers() -> Answers {
    Answers {
        pool: Some(Pool {
            name: POOL.to_owned(),
            layout: Some("raidz1"),
            erase: OLD.map(str::to_owned).into(),
            disks: OLD.map(|serial| Selector::Serial(serial.to_owned())).into(),
        }),
        ..Answers::erase(SYSTEM)
    }
}

/// The mirror runs without anybody's doing; the rest of the other array waits for its disks.
fn assembled(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let arrays =
        boot.run("udevadm settle; sed -n 's/^md[0-9]* : \\([a-z]*\\).*/\\1/p' /proc/mdstat | sort")?;
    bench.same(
        "arrays that assembled themselves",
        arrays.output,
        "active\ninactive",
    );
    Ok(())
}

/// Nothing keeps the old disks from being used.
fn seen(bench: &mut Bench<'_>, disks: &[Disk]) {
    let mut lines: Vec<String> = disks
        .iter()
        .filter(|disk| OLD.contains(&disk.text("serial")))
        .map(|disk| {
            format!(
                "{} in use: {} runs: {}",
                disk.text("serial"),
                disk.in_use(),
                disk.holders().join(" ")
            )
        })
        .collect();
    lines.sort();
    let expected = [
        "SV-OLD-1 in use: null runs: lvm raid1",
        "SV-OLD-2 in use: null runs: lvm raid1",
        "SV-OLD-3 in use: null runs: incomplete array",
    ];
    bench.same(
        "what runs on the old disks",
        lines.join("\n"),
        expected.join("\n"),
    );
}

/// The volume is stopped before the array that it is on, and both before anything is erased.
fn stopped_first(bench: &mut Bench<'_>, boot: &mut Boot<'_>, answers: &Answers) -> Result<(), Error> {
    let plan = live::plan(boot, answers)?;
    bench.same("refusals", plan.refusals(), "");
    let kinds: Vec<&str> = plan
        .actions()
        .into_iter()
        .filter_map(|action| {
            let words = ["stop vg0-data (lvm", "(raid1", "(incomplete array", "erase"];
            words.into_iter().find(|word| action.contains(word))
        })
        .collect();
    bench.same(
        "order of the plan",
        kinds.join(", "),
        "stop vg0-data (lvm, (raid1, (incomplete array, erase, erase, erase, erase",
    );
    let shown = live::shown_plan(boot, answers)?;
    let stopped = shown
        .lines()
        .filter(|line| line.ends_with("is stopped first"))
        .count();
    // The volume and the mirror stand below both of their disks.
    bench.equal("what the plan says is stopped", &stopped, &5);
    Ok(())
}
