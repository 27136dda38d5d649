use std::fs;
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use sigmavault_host::run::{Invocation, Output, Scripted};
use tempfile::TempDir;

use super::*;

mod tried;

const BOOT_ID: &str = "0b0e5d7c-9a6e-4a51-9d1b-6f6f2a3c4d5e";
const EFIVARS: &str = "/sys/firmware/efi/efivars";
const VENDOR: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// An installed machine that has just been started.
struct Fake {
    folder: TempDir,
    files: Files,
    /// `ActiveState` of every unit, by the look at which it is asked for.
    unit: Box<dyn Fn(u32) -> &'static str + Send + Sync>,
    pools: &'static str,
    keys: &'static str,
    state: &'static str,
    jobs: &'static str,
    looks: Mutex<u32>,
    asked: Mutex<Vec<String>>,
    notes: Mutex<Vec<String>>,
    slept: Mutex<Duration>,
}

impl Fake {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        let fake = Self {
            folder,
            files,
            unit: Box::new(|_| "active"),
            pools: "tank\n",
            keys: "tank\t-\tnone\t-\n",
            state: "running",
            jobs: "7 zfs-import.target start waiting\n9 zfs-import-cache.service start running\n",
            looks: Mutex::default(),
            asked: Mutex::default(),
            notes: Mutex::default(),
            slept: Mutex::default(),
        };
        let hash = "5b1ab0d0eb26c4e3a1a4ff0a1f6de2c17d5a2bc93b9e3bb1d2be57d7e0e1fd02";
        fake.write("/proc/cmdline", &format!("quiet roothash={hash}\n"));
        fake.write("/sys/block/dm-0/dm/name", "root\n");
        fake.write("/sys/block/dm-0/dm/uuid", "CRYPT-VERITY-0011-root\n");
        fake.write(
            "/proc/self/mountinfo",
            "30 1 8:5 / /run/initramfs/state rw - ext4 /dev/vda6 rw\n",
        );
        fake.write("/proc/sys/kernel/random/boot_id", &format!("{BOOT_ID}\n"));
        fake.write("/sys/class/tty/console/active", "ttyS0 tty0\n");
        fake.write("/dev/ttyS0", "");
        fake.write("/run/sigmavault/boot.json", r#"{"slot":"b"}"#);
        fake.write("/boot/sigmavault/failures.tsv", "");
        for (file, slot, key) in [("sigmavault-a.conf", "a", 2), ("sigmavault-b+1-2.conf", "b", 1)] {
            fake.write(&format!("/boot/EFI/sigmavault/slot-{slot}.efi"), "MZ");
            fake.write(
                &format!("/boot/loader/entries/{file}"),
                &format!("version 1\nsort-key sigmavault-{key}\nefi /EFI/sigmavault/slot-{slot}.efi\n"),
            );
        }
        fake
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.files.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn keep(&self, name: &str, text: &str) {
        self.write(&slots::record(name), text);
    }

    fn kept(&self, name: &str) -> String {
        self.files.text(slots::record(name)).unwrap_or_default()
    }

    /// Has the boot loader count this start.
    fn counted(&self, file: &str) {
        let path = format!("\\loader\\entries\\{file}\0");
        let units: Vec<u8> = path.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let variable = self.files.path(format!("{EFIVARS}/LoaderBootCountPath-{VENDOR}"));
        fs::create_dir_all(variable.parent().unwrap()).unwrap();
        fs::write(variable, [vec![6, 0, 0, 0], units].concat()).unwrap();
    }

    fn asked(&self) -> MutexGuard<'_, Vec<String>> {
        self.asked.lock().unwrap()
    }

    fn slept(&self) -> Duration {
        *self.slept.lock().unwrap()
    }

    fn answer(&self, invocation: &Invocation) -> Output {
        let line = invocation.to_string();
        let words: Vec<&str> = line.split(' ').collect();
        let text = match words.as_slice() {
            ["systemctl", "show", "--property=SystemState", ..] => format!("{}\n", self.state),
            ["systemctl", "show", .., "lost.service"] => "LoadState=not-found\nActiveState=inactive\n".into(),
            ["systemctl", "show", ..] => format!(
                "LoadState=loaded\nActiveState={}\nUnitFileState=enabled\n",
                (self.unit)(*self.looks.lock().unwrap())
            ),
            ["systemctl", "list-units", ..] => r#"[{"unit":"smbd.service","description":"Samba"}]"#.into(),
            ["systemctl", "list-jobs", ..] => self.jobs.to_owned(),
            ["zpool", "list", ..] => self.pools.to_owned(),
            ["zfs", "list", ..] => self.keys.to_owned(),
            ["journalctl", ..] => "kernel panic ahead\nsmbd: no\n".into(),
            _ => String::new(),
        };
        self.asked().push(line);
        Output::success(text)
    }

    fn with<T>(&self, act: impl FnOnce(&Machine<'_>) -> T) -> T {
        act(&Machine {
            files: &self.files,
            run: &Scripted(|invocation: &Invocation| self.answer(invocation)),
            alive: &|| Ok(()),
            now: SystemTime::UNIX_EPOCH + Duration::from_hours(500_000),
            monotonic: &|| self.slept(),
            sleep: &|time| {
                *self.slept.lock().unwrap() += time;
                *self.looks.lock().unwrap() += 1;
            },
            note: &|note| self.notes.lock().unwrap().push(note.to_owned()),
        })
    }

    fn reboots(&self) -> bool {
        self.asked().iter().any(|asked| asked == "systemctl reboot")
    }
}

#[test]
fn a_good_boot_is_recorded() {
    let fake = Fake::new();
    fake.counted("sigmavault-b+1-2.conf");
    fake.write(
        "/boot/sigmavault/failures.tsv",
        "2026-11-20T08:57:00Z\tb\tno such root\n",
    );
    assert_eq!(fake.with(check).unwrap(), "This boot of slot B is good.\n");
    assert_eq!(fake.slept(), Duration::ZERO);
    assert_eq!(*fake.notes.lock().unwrap(), Vec::<String>::new());
    assert_eq!(
        fake.kept("good.tsv"),
        format!("2027-01-15T08:00:00Z\tb\t{BOOT_ID}\n")
    );
    assert_eq!(fake.kept("pools"), "tank\n");
    assert_eq!(
        fake.kept("failures.tsv"),
        "2026-11-20T08:57:00Z\tb\tno such root\n"
    );
    assert_eq!(fake.files.text("/boot/sigmavault/failures.tsv").unwrap(), "");
    let recorded = slots::recorded(&fake.files).unwrap();
    assert_eq!((recorded.running, recorded.slots.len()), (Some(Slot::B), 2));
    assert_eq!(recorded.slots[1].tries_left, None);
    assert!(!fake.reboots());
    assert!(!fake.files.exists(slots::record("probe")));
}

#[test]
fn services_may_take_their_time() {
    let mut fake = Fake::new();
    fake.unit = Box::new(|look| if look < 5 { "activating" } else { "active" });
    fake.with(check).unwrap();
    assert_eq!(fake.slept(), Duration::from_secs(10));
}

#[test]
fn a_bad_counted_boot_is_kept_shown_and_ended() {
    let mut fake = Fake::new();
    fake.counted("sigmavault-b+1-2.conf");
    fake.keep("pools", "tank\nbackup\n");
    fake.unit = Box::new(|_| "failed");
    fake.write(
        "/etc/sigmavault/boot-check.toml",
        "units = [\"NetworkManager.service\"]\npatience-seconds = 6\n",
    );
    let error = fake.with(check).unwrap_err().to_string();
    let reason = "NetworkManager.service failed; pool backup is not imported";
    assert_eq!(
        error,
        format!(
            "this boot is bad: {reason}\nThe machine restarts in 30 seconds. To stay here: systemctl stop {STOP}"
        )
    );
    assert_eq!(fake.slept(), Duration::from_secs(6 + 30));
    assert!(fake.reboots());
    assert_eq!(
        fake.kept("failures.tsv"),
        format!("2027-01-15T08:00:00Z\tb\t{reason}\n")
    );
    assert_eq!(
        fake.kept("explained.tsv"),
        format!("2027-01-15T08:00:00Z\tb\t{BOOT_ID}\n")
    );
    assert_eq!(fake.kept("good.tsv"), "");
    let console = fs::read_to_string(fake.folder.path().join("dev/ttyS0")).unwrap();
    assert!(
        console.starts_with(&format!(
            "\r\nSigmaVault: this boot of slot B is bad.\r\n  {reason}\r\n"
        )),
        "{console}"
    );
    let told = format!("wall SigmaVault: this boot of slot B is bad.\n  {reason}\n");
    assert!(fake.asked().iter().any(|asked| asked.starts_with(&told)));
}

#[test]
fn a_machine_without_another_slot_stays_up() {
    let mut fake = Fake::new();
    fake.unit = Box::new(|_| "failed");
    let next = |fake: &Fake| fake.with(check).unwrap_err().to_string();
    assert!(next(&fake).contains("stays up: this slot has already proved itself"));

    fake.counted("sigmavault-b+0-3.conf");
    next(&fake);
    assert!(fake.reboots(), "slot A can take over");

    fake.asked().clear();
    fs::rename(
        fake.files.path("/boot/loader/entries/sigmavault-a.conf"),
        fake.files.path("/boot/loader/entries/sigmavault-a+0-3.conf"),
    )
    .unwrap();
    assert!(next(&fake).contains("stays up: no other slot can be started"));

    fake.counted("sigmavault-b+1-2.conf");
    fake.write(history::GOOD_MARK, "");
    assert!(next(&fake).contains("stays up: this boot was good before"));
    assert!(!fake.reboots());
}

#[test]
fn everything_that_is_wrong_is_named() {
    let mut fake = Fake::new();
    fake.pools = "";
    fake.keep("pools", "tank\nspare\n");
    fake.write("/proc/cmdline", "quiet\n");
    fake.write(
        "/proc/self/mountinfo",
        "30 1 8:5 / /run/initramfs/state rw - ext4 /dev/vda6 ro\n",
    );
    let settings = Settings {
        units: vec!["lost.service".into()],
        ignore_pools: vec!["spare".into()],
        ..Settings::default()
    };
    let run = Scripted(|invocation: &Invocation| fake.answer(invocation));
    let problems = |alive| health::problems(&fake.files, &settings, &run, alive);
    assert_eq!(
        problems(&|| Err("the service does not answer".into())),
        [
            "the root file system is not verified: a verity device named root is active, but the kernel's command \
             line has no roothash=",
            "the state file system is read-only",
            "lost.service is not on this system",
            "the service does not answer",
            "pool tank is not imported",
        ]
    );
    fake.write("/proc/self/mountinfo", "");
    assert_eq!(problems(&|| Ok(()))[1], "the state file system is not mounted");
}

#[test]
fn a_pool_without_its_key_is_a_fault() {
    const KEYS: &str = "tank\ttank\tfile:///etc/sigmavault/keys/tank.key\tunavailable\n\
        tank/a\ttank\tnone\tunavailable\n\
        spare\tspare\tfile:///etc/sigmavault/keys/spare.key\tunavailable\n\
        tank/typed\ttank/typed\tprompt\tunavailable\n";
    let mut fake = Fake::new();
    fake.keep("pools", "tank\n");
    let settings = Settings {
        ignore_pools: vec!["spare".into()],
        ..Settings::default()
    };
    let problems = |fake: &Fake| {
        let run = Scripted(|invocation: &Invocation| fake.answer(invocation));
        health::problems(&fake.files, &settings, &run, &|| Ok(()))
    };
    assert_eq!(problems(&fake), [""; 0]);
    fake.keys = KEYS;
    assert_eq!(
        problems(&fake),
        ["pool tank is locked: its key /etc/sigmavault/keys/tank.key is missing"]
    );
    fake.write("/etc/sigmavault/keys/tank.key", "0000");
    assert_eq!(
        problems(&fake),
        ["pool tank is locked: the key in /etc/sigmavault/keys/tank.key was not loaded"]
    );
}

#[test]
fn a_unit_that_somebody_turned_off_is_no_fault() {
    let fake = Fake::new();
    fs::create_dir_all(fake.files.path(BOOT_FOLDER)).unwrap();
    let settings = Settings {
        units: vec!["x.service".into()],
        ..Settings::default()
    };
    let problem = |shown: &str| {
        let run = Scripted(|invocation: &Invocation| {
            if invocation.program() == "systemctl" {
                Output::success(shown)
            } else {
                fake.answer(invocation)
            }
        });
        health::problems(&fake.files, &settings, &run, &|| Ok(())).pop()
    };
    let inactive = |rest: &str| problem(&format!("LoadState=loaded\nActiveState=inactive\n{rest}"));
    let does_not_run = Some("x.service does not run (inactive)".to_owned());
    assert_eq!(inactive("UnitFileState=disabled\n"), None);
    assert_eq!(problem("LoadState=masked\nActiveState=inactive\n"), None);
    let checked = "UnitFileState=enabled\nConditionResult=no\nConditionTimestampMonotonic=77\n";
    assert_eq!(inactive(checked), None);
    let never = "UnitFileState=enabled\nConditionResult=no\nConditionTimestampMonotonic=0\n";
    assert_eq!(inactive(never), does_not_run);
    assert_eq!(
        inactive("UnitFileState=enabled\nConditionResult=yes\n"),
        does_not_run
    );
    assert_eq!(problem("").as_deref(), Some("x.service does not run (unknown)"));
}

#[test]
fn a_boot_that_stopped_in_silence_is_noted_once() {
    let fake = Fake::new();
    fake.keep("previous.tsv", "2026-11-20T08:50:00Z\tb\taaaa-bbbb\n");
    fake.with(check).unwrap();
    fake.with(check).unwrap();
    assert_eq!(
        fake.kept("failures.tsv"),
        "2026-11-20T08:50:00Z\tb\tstopped without a shutdown before it was known to be good; \
         last errors: kernel panic ahead; smbd: no\n"
    );
    let asked = fake.asked();
    let journal: Vec<_> = asked
        .iter()
        .filter(|asked| asked.starts_with("journalctl"))
        .collect();
    assert_eq!(
        journal,
        ["journalctl --boot=aaaabbbb --priority=err --lines=5 --output=cat --no-pager --quiet"]
    );
}

#[test]
fn a_boot_that_was_good_or_shut_down_in_order_is_not() {
    for name in ["good.tsv", "explained.tsv"] {
        let fake = Fake::new();
        fake.keep("previous.tsv", "2026-11-20T08:50:00Z\tb\taaaa-bbbb\n");
        fake.keep(name, "2026-11-20T08:51:00Z\tb\taaaabbbb\n");
        fake.with(check).unwrap();
        assert_eq!(fake.kept("failures.tsv"), "", "{name}");
    }
}

#[test]
fn an_orderly_shutdown_is_noted_and_another_stop_is_not() {
    let mut fake = Fake::new();
    fake.with(check).unwrap();
    fake.pools = "tank\nnew\n";
    fake.with(at_shutdown).unwrap();
    assert_eq!(fake.kept("explained.tsv"), "");
    fake.state = "stopping";
    fake.with(at_shutdown).unwrap();
    assert_eq!(
        fake.kept("explained.tsv"),
        format!("2027-01-15T08:00:00Z\tb\t{BOOT_ID}\n")
    );
    assert_eq!(fake.kept("pools"), "tank\nnew\n");
    // After a bad boot what is missing stays missed.
    fs::remove_file(fake.files.path(history::GOOD_MARK)).unwrap();
    fake.pools = "";
    fake.with(at_shutdown).unwrap();
    assert_eq!(fake.kept("pools"), "tank\nnew\n");
    // A reset of the settings forgets what to import.
    fake.write("/run/initramfs/state/factory-reset", "configuration\n");
    fake.with(at_shutdown).unwrap();
    assert_eq!(fake.kept("pools"), "");
}

#[test]
fn a_boot_that_takes_too_long_is_ended() {
    let fake = Fake::new();
    fake.counted("sigmavault-b+1-2.conf");
    let error = fake.with(deadline).unwrap_err().to_string();
    let reason =
        "the boot was not complete in time; failed: smbd.service; still starting: zfs-import-cache.service";
    assert!(
        error.starts_with(&format!("this boot is bad: {reason}\n")),
        "{error}"
    );
    assert!(fake.reboots());
    fake.write(history::GOOD_MARK, "");
    assert_eq!(fake.with(deadline).unwrap(), "This boot is good.\n");
}

#[test]
fn a_reason_that_the_state_does_not_take_goes_to_the_boot_partition() {
    let fake = Fake::new();
    fake.write("/var/lib/sigmavault/boot", "in the way");
    fake.write(
        "/etc/sigmavault/boot-check.toml",
        "units = []\npatience-seconds = 0\n",
    );
    let error = fake.with(check).unwrap_err().to_string();
    assert!(
        error.contains("the state file system is not writable: cannot write "),
        "{error}"
    );
    let kept = fake.files.text("/boot/sigmavault/failures.tsv").unwrap();
    assert!(
        kept.starts_with("2027-01-15T08:00:00Z\tb\tthe state file system is not writable"),
        "{kept}"
    );
}

#[test]
fn collected_failures_are_not_doubled_by_a_power_cut() {
    let fake = Fake::new();
    fake.keep("failures.tsv", "t1\ta\tone\n");
    fake.write("/boot/sigmavault/failures.tsv", "t1\ta\tone\nt2\ta\ttwo\n");
    fake.with(check).unwrap();
    assert_eq!(fake.kept("failures.tsv"), "t1\ta\tone\nt2\ta\ttwo\n");
}

#[test]
fn only_the_last_good_boots_are_kept() {
    let fake = Fake::new();
    let many: String = (0..150).map(|n| format!("t\ta\tid{n}\n")).collect();
    fake.keep("good.tsv", &many);
    fake.with(check).unwrap();
    let kept = fake.kept("good.tsv");
    assert_eq!(
        (kept.lines().count(), kept.lines().next()),
        (100, Some("t\ta\tid51"))
    );
}

#[test]
fn a_live_medium_has_no_boot_to_check() {
    let fake = Fake::new();
    fake.write("/proc/cmdline", "sigmavault.live\n");
    assert!(matches!(fake.with(check), Err(BootCheckError::Live)));
}
