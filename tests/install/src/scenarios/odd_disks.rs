//! Disks that are not what they seem: two devices that are one disk, two that are one drive, two that have one serial
//! number. What would count or erase the wrong one is refused; what names them rightly is done.

use sigmavault_types::slots::Slot;
use sigmavault_vm::{Boot, Bus, GIB, Image, Rig, Share};

use crate::answers::{Answers, Pool, Selector};
use crate::bench::{Bench, SYSTEM_BYTES, digests, installed};
use crate::disk::{self, SYSTEM};
use crate::error::Error;
use crate::lab::LIVE_BOOT_LIMIT;
use crate::live::{self, Disk};
use crate::scenarios::checks;

/// A disk that two paravirtual controllers lead to.
const TWO_PATHS: &str = "SV-TWO-PATHS";
/// A drive with two namespaces.
const DRIVE: &str = "SV-DRIVE";
/// A dock with two disks, and what its disks are called that hold something.
const DOCK: &str = "SV-DOCK";
const PHOTOS: &str = "PHOTOS";
const COPIES: &str = "COPIES";
/// Name of the pool.
const POOL: &str = "tank";

/// The disks, besides the system disk.
#[derive(Debug)]
struct Odd {
    two_paths: Image,
    namespaces: [Image; 2],
    photos: Image,
    copies: Image,
    card: Image,
}

impl Odd {
    fn new(bench: &mut Bench<'_>) -> Result<Self, Error> {
        let odd = Self {
            two_paths: bench.blank(GIB)?,
            namespaces: [bench.blank(GIB)?, bench.blank(GIB)?],
            photos: bench.blank(GIB)?,
            copies: bench.blank(GIB)?,
            card: bench.blank(SYSTEM_BYTES)?,
        };
        label(bench, &odd.photos, PHOTOS)?;
        label(bench, &odd.copies, COPIES)?;
        Ok(odd)
    }

    fn attached(&self, rig: Rig) -> Rig {
        rig.drive(&self.two_paths, TWO_PATHS, Bus::TwoSasPorts)
            .drive(&self.namespaces[0], DRIVE, Bus::Namespace)
            .drive(&self.namespaces[1], DRIVE, Bus::Namespace)
            .drive(&self.photos, DOCK, Bus::Dock)
            .drive(&self.copies, DOCK, Bus::Dock)
            .drive(&self.card, "", Bus::Card)
    }

    /// The disks that nothing may be written to.
    fn untouched(&self) -> [&Image; 4] {
        [&self.namespaces[0], &self.namespaces[1], &self.photos, &self.card]
    }
}

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let system = bench.blank(SYSTEM_BYTES)?;
    let odd = Odd::new(bench)?;
    let rig = Rig::new(system.path.with_extension("vars")).boot_drive_on(&system, SYSTEM, Bus::TwoScsiPaths);
    let rig = odd.attached(rig);
    let before = digests(&rig)?;
    let mut boot = bench.boot("live", &rig.clone().iso(&bench.lab.iso))?;
    // The agent starts before udev has looked at the disks.
    bench.settle("live", &mut boot, LIVE_BOOT_LIMIT)?;
    let disks = live::disks(bench, &mut boot)?;
    seen(bench, &disks);
    refusals(bench, &mut boot, &disks)?;
    plans(bench, &mut boot, &disks)?;
    bench.unwritten("plans", &mut boot)?;
    bench.same("disks after plans", digests(&rig)?, before);

    let untouched = digests_of(odd.untouched())?;
    let answers = to_install(&disks);
    installed(live::install(bench, &mut boot, &answers)?)?;
    boot.power_off()?;
    bench.same(
        "disks that are not in the plan",
        digests_of(odd.untouched())?,
        untouched.as_str(),
    );

    let mut boot = bench.start("first start", &rig)?;
    checks::healthy(bench, &mut boot)?;
    checks::slot(bench, &mut boot, Slot::A)?;
    checks::verified_root(bench, &mut boot, Slot::A)?;
    checks::writable_state(bench, &mut boot)?;
    one_path(bench, &mut boot)?;
    let marks = boot.run(checks::MARKS)?.text();
    boot.reboot()?;
    let mut boot = bench.start("second start", &rig)?;
    checks::healthy(bench, &mut boot)?;
    one_path(bench, &mut boot)?;
    bench.same("files after a restart", boot.run(checks::MARKS)?.text(), marks);
    boot.power_off()?;
    bench.same(
        "other disks after two starts",
        digests_of(odd.untouched())?,
        untouched.as_str(),
    );
    Ok(())
}

/// One disk for each way to it, one for each namespace and each place in the dock.
fn seen(bench: &mut Bench<'_>, disks: &[Disk]) {
    let mut lines: Vec<String> = disks
        .iter()
        .filter(|disk| disk.in_use() != "\"medium\"")
        .map(|disk| {
            let ways = 1 + disk.paths().len();
            format!("{} {} {ways}", disk.text("serial"), disk.text("bus"))
        })
        .collect();
    lines.sort();
    let expected = [
        "0xdeadbeef mmc 1",
        "SV-DOCK usb 1",
        "SV-DOCK usb 1",
        "SV-DRIVE nvme 1",
        "SV-DRIVE nvme 1",
        "SV-SYSTEM  2",
        "SV-TWO-PATHS sas 2",
    ];
    bench.same(
        "disks: serial number, bus, ways to it",
        lines.join("\n"),
        expected.join("\n"),
    );
}

/// Pools of one disk, of one drive, and of a disk that is not told apart.
fn refusals(bench: &mut Bench<'_>, boot: &mut Boot<'_>, disks: &[Disk]) -> Result<(), Error> {
    let two_paths = find(disks, TWO_PATHS);
    let ways: Vec<&str> = two_paths.iter().flat_map(|disk| both_ways(disk)).collect();
    let namespaces: Vec<&str> = find(disks, DRIVE).iter().map(|disk| disk.text("path")).collect();
    let three = [&ways[..], &namespaces[..1]].concat();
    let copies = place(disks, COPIES);
    for (name, pool, reason) in [
        ("a mirror of two paths", pool("mirror", &ways), "again"),
        ("raidz1 of two paths and a disk", pool("raidz1", &three), "again"),
        (
            "a mirror of two namespaces",
            pool("mirror", &namespaces),
            "namespaces of one drive (SV-DRIVE): when it fails, both do",
        ),
        (
            "a serial number of two disks",
            Pool {
                disks: vec![Selector::Serial(DOCK.to_owned())],
                ..pool("single", &[])
            },
            "2 disks match",
        ),
        (
            "a serial number of two disks in `erase`",
            Pool {
                erase: vec![DOCK.to_owned()],
                ..pool("single", &[copies])
            },
            "its serial number is also that of",
        ),
        (
            "the place of the other disk in `erase`",
            Pool {
                erase: vec![place(disks, PHOTOS).to_owned()],
                ..pool("single", &[copies])
            },
            "to pool.erase if that may be lost",
        ),
    ] {
        let plan = live::plan(boot, &with_pool(Answers::erase(SYSTEM), pool))?;
        bench.equal(format!("{name}: refused"), &plan.is_refused(), &true);
        bench.contains(format!("{name}: reason"), plan.refusals(), reason);
    }
    Ok(())
}

/// What is accepted, and what the plan says of paths.
fn plans(bench: &mut Bench<'_>, boot: &mut Boot<'_>, disks: &[Disk]) -> Result<(), Error> {
    let all = live::plan(
        boot,
        &with_pool(
            Answers::erase(SYSTEM),
            Pool {
                name: POOL.to_owned(),
                ..Pool::default()
            },
        ),
    )?;
    let of = |serial: &str| find(disks, serial).first().map_or("", |disk| disk.text("path"));
    let expected = [of("0xdeadbeef"), of(DRIVE), of(TWO_PATHS)];
    let mut proposed = all.pool();
    proposed.sort_by_key(|path| expected.iter().position(|one| one == path));
    bench.same(
        "a pool of all disks takes each drive once",
        proposed.join(" "),
        expected.join(" "),
    );

    let mut card = Answers::erase("0xdeadbeef");
    card.system.disk = Selector::Bus("mmc".to_owned());
    let plan = live::plan(boot, &card)?;
    let place = format!("{}{}", plan.refusals(), plan.system());
    bench.same("the disk on the bus mmc", place, of("0xdeadbeef"));

    let answers = to_install(disks);
    let plan = live::plan(boot, &answers)?;
    let members = format!("{}{}", plan.refusals(), plan.pool().join(" "));
    let copies = disks.iter().find(|disk| disk.contents().contains(COPIES));
    let expected = format!(
        "{} {}",
        of(TWO_PATHS),
        copies.map_or("", |disk| disk.text("path"))
    );
    bench.same("a pool of disks that are told apart", members, expected);
    let shown = live::shown_plan(boot, &answers)?;
    for serial in [SYSTEM, TWO_PATHS] {
        let ways = find(disks, serial)
            .iter()
            .flat_map(|disk| disk.paths())
            .collect::<Vec<_>>()
            .join(" ");
        bench.contains(
            format!("{serial}: its other path is named"),
            &*shown,
            &format!("also {ways}"),
        );
    }
    bench.contains("no path takes over", shown, "no other path takes over");
    Ok(())
}

/// The system on the disk with two ports, and a pool of the disk with two paths and the dock's second disk.
fn to_install(disks: &[Disk]) -> Answers {
    let copies = place(disks, COPIES).to_owned();
    let pool = Pool {
        erase: vec![copies.clone()],
        disks: vec![Selector::Serial(TWO_PATHS.to_owned()), Selector::Path(copies)],
        ..pool("mirror", &[])
    };
    with_pool(Answers::erase(SYSTEM), pool)
}

/// The state is mounted from one device, though two lead to it, and the pool is whole.
fn one_path(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let devices = boot.run(
        "lsblk --noheadings --list --output PARTLABEL | grep -cx state
         for folder in /run/initramfs/state /var /home; do findmnt -nvro SOURCE $folder; done | sort -u | wc -l
         zpool list -H -o name,health; zpool status tank | grep -c mirror-0",
    )?;
    bench.same(
        "devices of the state partition, those mounted, and the pool",
        devices.text(),
        format!("2\n1\n{POOL}\tONLINE\n1"),
    );
    Ok(())
}

fn with_pool(answers: Answers, pool: Pool) -> Answers {
    Answers {
        pool: Some(pool),
        ..answers
    }
}

fn pool(layout: &'static str, paths: &[&str]) -> Pool {
    Pool {
        name: POOL.to_owned(),
        layout: Some(layout),
        erase: Vec::new(),
        disks: paths
            .iter()
            .map(|path| Selector::Path((*path).to_owned()))
            .collect(),
    }
}

fn find<'a>(disks: &'a [Disk], serial: &str) -> Vec<&'a Disk> {
    disks
        .iter()
        .filter(|disk| disk.text("serial") == serial)
        .collect()
}

fn both_ways(disk: &Disk) -> Vec<&str> {
    [vec![disk.text("path")], disk.paths()].concat()
}

/// The plug of the disk with a file system of this label.
fn place<'a>(disks: &'a [Disk], label: &str) -> &'a str {
    let disk = disks.iter().find(|disk| disk.contents().contains(label));
    disk.map_or("", Disk::place)
}

fn label(bench: &Bench<'_>, image: &Image, label: &str) -> Result<(), Error> {
    let arguments = ["-n".as_ref(), label.as_ref(), image.path.as_os_str()];
    let shares = [Share::Write(&image.path)];
    bench.lab.tools.read("mkfs.vfat", &shares, &arguments)?;
    Ok(())
}

fn digests_of<const N: usize>(images: [&Image; N]) -> Result<String, Error> {
    let digests: Result<Vec<String>, Error> = images.iter().map(|image| disk::digest(&image.path)).collect();
    Ok(digests?.join("\n"))
}
