use super::*;
use crate::answers;
use crate::demo::Scenario;
use crate::machine::{Contents, Holder, StopBy};
use crate::plan::{self, Confirmation};

const USER: &str = "[user]\nname = 'anna'\npassword = 'correct horse'\nssh = true\nssh-keys = ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJWcSyyELXhKWB3PzQuVGcJlQnkIoAxVNwQAmlhUDDaJ']\n";

fn actions(scenario: Scenario, rest: &str) -> Vec<Action> {
    let text = format!("[system]\ndisk.serial = 'S5GXNX0R401382F'\nconfirm = 'S5GXNX0R401382F'\n{rest}");
    let answers = answers::parse(&text).unwrap();
    let plan = plan::build(&scenario.machine(), &answers, Confirmation::Required).unwrap();
    stages(&plan)
        .into_iter()
        .flat_map(|stage| stage.actions)
        .collect()
}

fn lines(actions: &[Action]) -> Vec<String> {
    actions.iter().map(ToString::to_string).collect()
}

#[test]
fn a_kept_system_is_replaced_one_slot_after_the_other() {
    assert_eq!(
        lines(&actions(Scenario::Reinstall, "mode = 'keep-data'\n")),
        [
            "check that /dev/nvme0n1 did not change",
            "find the partitions of /dev/nvme0n1",
            "mount the EFI system partition",
            "read the boot entries: which slot boots, which stands by",
            "take the slot that stands by out of the boot menu",
            "copy 1.93 GB of the running system to the slot that stands by",
            "read the slot that stands by back against root hash \
             4d7a1c2be9f05a6833c1d2f4b7e8a9906b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e",
            "write the kernel image of the slot that stands by",
            "write the boot entry of the slot that stands by (sigmavault-0)",
            "take the slot that boots out of the boot menu",
            "copy 1.93 GB of the running system to the slot that boots",
            "read the slot that boots back against root hash \
             4d7a1c2be9f05a6833c1d2f4b7e8a9906b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e",
            "write the kernel image of the slot that boots",
            "write the boot entry of the slot that boots (sigmavault-1)",
            "install the boot loader",
            "write the boot entry of the slot that stands by (sigmavault-2)",
            "unmount the EFI system partition",
            "compare the partitions of /dev/nvme0n1 with the plan",
        ]
    );
}

#[test]
fn the_disks_are_checked_first_and_the_entries_come_last() {
    let pool = "[pool]\ndisks = [{ serial = 'WD-WCC7K1AA0001' }]\n";
    let actions = actions(Scenario::Empty, &[USER, pool].concat());
    let Action::CheckDisks { disks } = &actions[0] else {
        panic!("{}", actions[0]);
    };
    let names: Vec<&str> = disks.iter().map(|disk| disk.name.as_str()).collect();
    assert_eq!(names, ["nvme0n1", "sda"]);
    let place = |wanted: fn(&Action) -> bool| actions.iter().position(wanted).unwrap();
    let verified = actions
        .iter()
        .rposition(|action| matches!(action, Action::VerifySlot { .. }));
    let renamed = place(|action| matches!(action, Action::RenameState { .. }));
    let entry = place(|action| matches!(action, Action::WriteEntry { .. }));
    assert!(verified.unwrap() < renamed && renamed < entry);
}

#[test]
fn no_action_shows_a_secret() {
    let encryption = "[encryption]\npassphrase = 'battery staple'\ntpm2 = true\ntpm-pin = '271828'\n";
    let actions = actions(Scenario::Empty, &[USER, encryption].concat());
    let shown = format!("{actions:?} {}", lines(&actions).join(" "));
    for secret in ["correct horse", "battery staple", "271828"] {
        assert!(!shown.contains(secret), "{secret}");
    }
    assert!(shown.contains("let the TPM open the state partition"));
}

#[test]
fn what_runs_on_the_disks_is_stopped_once_and_before_anything_is_written() {
    let mut machine = Scenario::Empty.machine();
    let holder = |name: &str, stop| Holder {
        name: name.to_owned(),
        path: format!("/dev/{name}"),
        kind: "raid1".to_owned(),
        stop,
        disks: vec!["sda".to_owned(), "sdb".to_owned()],
        contents: "\"photos\" (ext4)".to_owned(),
    };
    for disk in &mut machine.disks[1..3] {
        disk.contents = Contents::Foreign("(linux_raid_member)".to_owned());
        disk.holders = vec![
            holder("vg0-data", StopBy::Dmsetup),
            holder("md127", StopBy::Mdadm),
        ];
    }
    let text = "[system]\ndisk.serial = 'S5GXNX0R401382F'\nconfirm = 'S5GXNX0R401382F'\n[pool]\n\
                disks = [{ serial = 'WD-WCC7K1AA0001' }, { serial = 'WD-WCC7K1AA0002' }]\n";
    let build = |erase: &str| {
        let answers = answers::parse(&[text, erase, USER].concat()).unwrap();
        plan::build(&machine, &answers, Confirmation::Required)
    };
    assert_eq!(build("").unwrap_err().len(), 2, "both disks hold something");
    let plan = build("erase = ['WD-WCC7K1AA0001', 'WD-WCC7K1AA0002']\n").unwrap();
    let check = lines(&stages(&plan)[0].actions);
    assert_eq!(
        check[0],
        "check that /dev/nvme0n1, /dev/sda, /dev/sdb did not change"
    );
    // Last of the checks: what does not fit is said before anything is stopped.
    assert_eq!(
        check[check.len() - 2..],
        [
            "stop vg0-data (raid1 on sda sdb, holds \"photos\" (ext4))",
            "stop md127 (raid1 on sda sdb, holds \"photos\" (ext4))",
        ]
    );
    let shown = crate::show::plan(&machine, &plan);
    let shown: Vec<&str> = shown.iter().map(|line| line.text.as_str()).collect();
    assert!(
        shown.contains(&"    md127 (raid1 on sda sdb, holds \"photos\" (ext4)) is stopped first"),
        "{shown:#?}"
    );
}

#[test]
fn with_an_encrypted_system_the_keys_of_its_pools_are_lost() {
    const LOST: &str = "    with the keys of its encrypted pools, which only their recovery sheets open then";
    for encrypted in [false, true] {
        let mut machine = Scenario::Reinstall.machine();
        let Contents::SigmaVault(found) = &mut machine.disks[0].contents else {
            panic!("{:?}", machine.disks[0]);
        };
        found.encrypted = encrypted;
        let text = "[system]\ndisk.serial = 'S5GXNX0R401382F'\nconfirm = 'S5GXNX0R401382F'\n";
        let answers = answers::parse(&[text, USER].concat()).unwrap();
        let plan = plan::build(&machine, &answers, Confirmation::Required).unwrap();
        let shown = crate::show::plan(&machine, &plan);
        assert_eq!(shown.iter().any(|line| line.text == LOST), encrypted);
    }
}
