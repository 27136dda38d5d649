//! Power cuts during changes by the storage service. The writes to a pool's disk are logged while changes are made; the log is replayed to
//! points at which the power goes off, with what the disk's cache loses then; each disk that this leaves is plugged into a live system and its
//! pool imported. What is there must be what was there before the change that was cut off, or after it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sigmavault_vm::{Boot, Cache, GIB, Image, PowerCut, Random, Replay, WriteLog};

use crate::error::Error;
use crate::machine;
use crate::options::Cuts;

/// The disk that the pool is on.
const DISK: &str = "SV-DISK-01";
/// The serial number of a disk that is plugged in.
const PLUGGED: &str = "SVCUT";
/// Longest a change or an import may take.
const LIMIT: Duration = Duration::from_mins(3);
/// Changes of a pool, in this order; each is a command of the shell that ends with 0 when it is done.
const CHANGES: [&str; 15] = [
    "sv pool create tank $disk --layout single --accept-no-redundancy",
    "sv dataset create tank/a",
    "sv dataset create tank/b --encrypt passphrase --key-file /run/key",
    "sv snapshot create tank@one -r",
    "sv dataset set tank/a quota=100M compression=zstd",
    "sv dataset rename tank/a tank/c",
    "sv snapshot create tank/c@two",
    "sigmavault snapshot rollback tank/c@one --confirm tank/c",
    "sv snapshot create tank/c@three",
    "sv snapshot clone tank/c@three tank/d",
    "sv snapshot hold tank/c@three keep",
    "sv dataset promote tank/d",
    "sv snapshot release tank/d@three keep",
    "sigmavault dataset destroy tank/b --confirm tank/b",
    "sv pool set tank autotrim=on",
];
/// What stands before each change.
const PRELUDE: &str = "export LC_ALL=C.UTF-8; disk=/dev/disk/by-id/virtio-SV-DISK-01
sv() { sigmavault \"$@\" --yes; }
exec </dev/null
";
/// Everything in the pool that a change can change.
const STATE: &str = "zfs get -H -p -o name,property,value -r -t all guid,origin,quota,compression,userrefs,encryption tank | sort
zpool get -H -o value autotrim tank";

/// A change that was made: the length of the log before and after it, and what was there.
struct Made {
    log: [u64; 2],
    before: String,
    after: String,
}

/// Makes the changes, cuts, and looks at what is left.
pub fn run(asked: &Cuts, tree: &Path) -> Result<(), Error> {
    let folder = tempfile::Builder::new()
        .prefix("sv-cuts-")
        .tempdir_in(std::env::temp_dir());
    let folder = folder.map_err(Error::io("create a folder in", &std::env::temp_dir()))?;
    let log = folder.path().join("writes.log");
    File::create(&log).map_err(Error::io("create", &log))?;
    let made = make_changes(asked, tree, &log)?;
    let disks = cut(asked, &made, &log, folder.path())?;
    let mut wrong = 0;
    machine::with_rig(
        &asked.place,
        tree,
        0,
        |rig, _| Ok(rig.pluggable(folder.path())),
        |boot, _| {
            boot.run("printf 'correct horse battery' >/run/key")?;
            for (number, (at, image)) in disks.iter().enumerate() {
                let good = look(boot, image, &made[*at], CHANGES[*at], number + 1)?;
                wrong += usize::from(!good);
                fs::remove_file(&image.path).map_err(Error::io("remove", &image.path))?;
            }
            Ok(())
        },
    )?;
    if wrong > 0 {
        return Err(Error::Cuts(wrong));
    }
    println!(
        "{} power cuts: the pool imported after each, and each change was done or not done",
        disks.len()
    );
    Ok(())
}

/// Makes the changes on a disk whose writes are logged.
fn make_changes(asked: &Cuts, tree: &Path, log: &Path) -> Result<Vec<Made>, Error> {
    let mut made = Vec::new();
    let length = || {
        fs::metadata(log)
            .map(|data| data.len())
            .map_err(Error::io("read", log))
    };
    machine::with_rig(
        &asked.place,
        tree,
        1,
        |rig, _| Ok(rig.logged(DISK, log)),
        |boot, _| {
            boot.run("printf 'correct horse battery' >/run/key")?;
            let mut before = String::new();
            for change in CHANGES {
                let start = length()?;
                let answer = boot.run_for(&format!("{PRELUDE}{change}"), LIMIT)?;
                if answer.status != 0 {
                    let said = answer.output;
                    return Err(Error::Change { change, said });
                }
                let end = length()?;
                let after = boot.run(STATE)?.output;
                eprintln!("== {change}: {} bytes of the log", end - start);
                made.push(Made {
                    log: [start, end],
                    before: std::mem::replace(&mut before, after.clone()),
                    after,
                });
            }
            Ok(())
        },
    )?;
    Ok(made)
}

/// The disks that the cuts leave, each with the number of the change that it was cut in.
fn cut(asked: &Cuts, made: &[Made], log: &Path, folder: &Path) -> Result<Vec<(usize, Image)>, Error> {
    let log = WriteLog::open(log).map_err(sigmavault_vm::Error::from)?;
    let mut random = Random::new(asked.seed);
    let mut places: Vec<(usize, usize)> = (0..asked.cuts)
        .map(|number| {
            // Every change gets its share; within it, chance decides.
            let at = number * made.len() / asked.cuts.max(1);
            let [start, end] = made[at].log.map(|length| log.entries_in(length));
            let within = (end - start).max(1) as u64;
            (start + usize::try_from(random.next() % within).unwrap_or(0), at)
        })
        .collect();
    places.sort_unstable();
    let base = Image::create(folder.join("base.raw"), GIB)?;
    let mut replay = Replay::new(&log, base)?;
    let caches = [Cache::Last, Cache::Mixed, Cache::Lost, Cache::Kept];
    let mut disks = Vec::new();
    for (number, (entries, at)) in places.into_iter().enumerate() {
        let cache = caches[usize::try_from(random.next() % 4).unwrap_or(0)];
        let cut = PowerCut::new(&log, entries, cache, &mut || random.next());
        let path: PathBuf = folder.join(format!("cut-{number}.raw"));
        disks.push((at, replay.cut(&cut)?.make(path)?));
    }
    Ok(disks)
}

/// Imports the pool on a disk, and compares what is there; whether it is what it should be.
fn look(boot: &mut Boot<'_>, image: &Image, made: &Made, change: &str, number: usize) -> Result<bool, Error> {
    boot.plug(image, PLUGGED)?;
    let settle = format!(
        "for try in $(seq 100); do udevadm settle; [ -n \"$(lsblk -dnro NAME,SERIAL | grep -w {PLUGGED})\" ] && break; sleep 0.2; done"
    );
    let answer = boot.run_for(
        &format!("{settle}; zpool import -f -N -d /dev/disk/by-id tank"),
        LIMIT,
    )?;
    let (good, found) = if answer.status == 0 {
        let state = boot.run(STATE)?.output;
        let word = match &state {
            state if *state == made.after => "after",
            state if *state == made.before => "before",
            _ => "neither",
        };
        boot.run_for("zpool destroy -f tank", LIMIT)?;
        (
            word != "neither",
            if word == "neither" {
                format!("something else:\n{state}")
            } else {
                format!("as {word} it")
            },
        )
    } else {
        // Only a pool that was just being made may be none.
        (made.before.is_empty(), format!("no pool: {}", answer.output))
    };
    let mark = if good { "" } else { "  WRONG" };
    println!("cut {number} in `{change}`: {found}{mark}");
    boot.unplug(PLUGGED)?;
    boot.run(&format!(
        "while lsblk -dnro SERIAL | grep -qw {PLUGGED}; do sleep 0.1; done; udevadm settle"
    ))?;
    Ok(good)
}
