use std::fs;
use std::sync::Mutex;

use sigmavault_facts::Files;
use sigmavault_host::run::{Invocation, Output, Run, Scripted};
use tempfile::TempDir;

use super::plan::{Level, Plan};
use super::request::{REQUEST, is_pending, pending};
use super::reset::{Outcome, ResetError, ask, cancel, carry_out, plan};

struct Machine {
    _folder: TempDir,
    files: Files,
    encrypted: bool,
    asked: Mutex<Vec<String>>,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        for (path, text) in [
            ("/proc/sys/kernel/hostname", "vault\n"),
            ("/proc/cmdline", "quiet\n"),
            (
                "/proc/self/mountinfo",
                "30 1 8:5 / /run/initramfs/state rw - ext4 /dev/vda6 rw\n",
            ),
            ("/run/sigmavault/boot.json", r#"{"slot":"a","disk":"vda"}"#),
            ("/run/initramfs/state/var/.keep", ""),
        ] {
            fs::create_dir_all(files.path(path).parent().unwrap()).unwrap();
            fs::write(files.path(path), text).unwrap();
        }
        Self {
            _folder: folder,
            files,
            encrypted: false,
            asked: Mutex::default(),
        }
    }

    fn run(&self) -> impl Run {
        Scripted(|invocation: &Invocation| self.answer(invocation))
    }

    fn answer(&self, invocation: &Invocation) -> Output {
        let line = invocation.to_string();
        let words: Vec<&str> = line.split(' ').collect();
        let text = match words.as_slice() {
            ["zpool", "list", "-v", ..] => "tank\t1G\n\t/dev/vdb1\t1G\n\t/dev/vdc1\t1G\n",
            ["zpool", "list", ..] => "tank\t1073741824\t104857600\n",
            ["zfs", "list", ..] if self.encrypted => {
                "tank\ttank\tfile:///etc/sigmavault/keys/tank.key\tavailable\n"
            }
            ["zfs", "list", ..] => "tank\t-\tnone\t-\n",
            _ => "",
        };
        self.asked.lock().unwrap().push(line);
        Output::success(text)
    }

    fn plan(&self, level: Level) -> Plan {
        plan(&self.files, level, &self.run()).unwrap()
    }

    fn carry_out(&self, level: Level, restart: bool) -> Outcome {
        let plan = self.plan(level);
        self.asked.lock().unwrap().clear();
        carry_out(&self.files, plan, restart, &self.run()).unwrap()
    }
}

#[test]
fn settings_go_and_data_stay() {
    assert_eq!(
        Machine::new().plan(Level::Configuration).show(),
        "Factory reset of vault: configuration\n\
         Goes        /etc: every setting since the installation, such as network, shares, keys, and users with their passwords\n\
         Stays       /var, /home, /root, /srv, /opt, /mnt and /usr/local, with all files in them\n            \
         the system in every slot, and which slot is taken\n            \
         every pool, with its data: tank\n\
         Afterwards  log in as the user created at installation, with the password set then\n"
    );
}

#[test]
fn everything_names_pools_and_disks() {
    let plan = Machine::new().plan(Level::Everything);
    assert_eq!(
        plan.goes,
        [
            "pool tank: 100 MiB of data on /dev/vdb1, /dev/vdc1",
            "the system disk vda: settings, state, users' files and every slot; it no longer starts",
        ]
    );
    assert_eq!(plan.stays, ["disks that hold no imported pool"]);
    assert_eq!(plan.destroyed[0].members, ["/dev/vdb1", "/dev/vdc1"]);
    assert!(
        plan.afterwards
            .last()
            .unwrap()
            .starts_with("the disks of tank are free, but not overwritten: ")
    );
}

#[test]
fn the_keys_of_pools_stay_with_the_pools_and_go_with_everything() {
    let mut machine = Machine::new();
    machine.encrypted = true;
    let keys = machine.files.path("/etc/sigmavault/keys");
    fs::create_dir_all(&keys).unwrap();
    // A key of a pool that is not imported, too.
    for name in ["tank.key", "backup.key"] {
        fs::write(keys.join(name), "").unwrap();
    }
    let kept = "the keys of encrypted pools, in /etc/sigmavault/keys";
    for level in [Level::Configuration, Level::System] {
        assert!(machine.plan(level).stays.iter().any(|line| line == kept));
    }
    let text = machine.plan(Level::Everything).show();
    let expected = "Factory reset of vault: everything\n\
        Goes        pool tank: 100 MiB of data on /dev/vdb1, /dev/vdc1, encrypted\n            \
        the system disk vda: settings, state, users' files and every slot; it no longer starts\n            \
        the keys of encrypted pools in /etc/sigmavault/keys: backup, tank; whatever disks hold of these pools can be read \
        only with their recovery sheet, and by nobody without it\n\
        Stays       disks that hold no imported pool\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(
        text.ends_with(
            "Afterwards  install again from the stick\n            \
             an encrypted state loses its keys, any other is overwritten once; before giving a solid-state disk away, erase it \
             with the manufacturer's tool or nvme format too: it may keep copies\n            \
             destroy the recovery sheets of backup, tank too, if nobody shall read these pools again\n"
        ),
        "{text}"
    );
}

#[test]
fn a_raspberry_pi_gets_its_image_again() {
    let machine = Machine::new();
    let path = machine.files.path("/run/sigmavault/boot.json");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    for (chain, expected) in [
        ("systemd-boot", "install again from the stick"),
        (
            "tryboot",
            "write the image to the card or disk again to use the machine",
        ),
    ] {
        let info = format!(r#"{{"slot":"a","disk":"mmcblk0","entry":"","chain":"{chain}","trying":false}}"#);
        fs::write(&path, info).unwrap();
        assert_eq!(machine.plan(Level::Everything).afterwards[0], expected);
    }
}

#[test]
fn only_the_name_of_the_machine_confirms() {
    let plan = Machine::new().plan(Level::System);
    let mut shown = Vec::new();
    ask(&plan, &mut "vault\n".as_bytes(), &mut shown).unwrap();
    let shown = String::from_utf8(shown).unwrap();
    assert!(
        shown.starts_with(&plan.show())
            && shown.ends_with("Type the name of this machine, vault, to go on: "),
        "{shown}"
    );
    for typed in ["yes\n", "Vault\n", ""] {
        let error = ask(&plan, &mut typed.as_bytes(), &mut Vec::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "nothing was changed: {:?} is not the name of this machine, vault",
                typed.trim()
            )
        );
    }
}

#[test]
fn the_request_is_one_word_for_the_initrd() {
    let machine = Machine::new();
    let done = machine.carry_out(Level::System, true);
    assert!(done.requested && done.restarting);
    assert_eq!(machine.files.text(REQUEST).unwrap(), "system\n");
    assert_eq!(*machine.asked.lock().unwrap(), ["systemctl reboot"]);
    assert_eq!(pending(&machine.files), Some(Level::System));
    assert_eq!(cancel(&machine.files).unwrap(), Some(Level::System));
    assert!(!is_pending(&machine.files));
    assert_eq!(cancel(&machine.files).unwrap(), None);
}

#[test]
fn pools_are_destroyed_before_the_request() {
    let machine = Machine::new();
    machine.carry_out(Level::Everything, false);
    assert_eq!(
        *machine.asked.lock().unwrap(),
        [
            "zpool export tank",
            "zpool labelclear -f /dev/vdb1",
            "zpool labelclear -f /dev/vdc1",
        ]
    );
    assert_eq!(machine.files.text(REQUEST).unwrap(), "everything\n");
}

#[test]
fn a_pool_in_use_stops_it_before_anything_is_lost() {
    let machine = Machine::new();
    let plan = machine.plan(Level::Everything);
    let run = Scripted(|_: &Invocation| Output::failure(1, "failed"));
    let error = carry_out(&machine.files, plan, true, &run).unwrap_err();
    assert!(matches!(error, ResetError::Pools(_)), "{error}");
    assert!(!is_pending(&machine.files));
}

#[test]
fn without_zfs_only_everything_is_refused() {
    let machine = Machine::new();
    let run = Scripted(|_: &Invocation| Output::failure(1, "no module"));
    assert_eq!(plan(&machine.files, Level::System, &run).unwrap().destroyed, []);
    assert!(plan(&machine.files, Level::Everything, &run).is_err());
}

#[test]
fn without_a_state_partition_there_is_nothing_to_reset() {
    let machine = Machine::new();
    let run = Scripted(|_: &Invocation| Output::success(""));
    fs::write(machine.files.path("/proc/self/mountinfo"), "").unwrap();
    assert!(matches!(
        plan(&machine.files, Level::System, &run),
        Err(ResetError::NoState)
    ));
    fs::write(machine.files.path("/proc/cmdline"), "sigmavault.live\n").unwrap();
    assert!(matches!(
        plan(&machine.files, Level::System, &run),
        Err(ResetError::Live)
    ));
}
