//! The first start of a Raspberry Pi.

use proptest::prelude::*;

use super::*;
use crate::machine::{Present, Setup};

const CARD: &str = "mmcblk0  34.4 GB  mmc  SN32G  0x4b1c22a9";

fn part(number: u32, label: &str, start: u64, bytes: u64) -> Present {
    Present {
        number,
        label: label.to_owned(),
        kind: "0fc63daf-8483-4772-8e79-3d69d8477de4".to_owned(),
        start,
        bytes,
    }
}

fn image() -> Vec<Present> {
    vec![
        part(1, "boot", MIB, 64 * MIB),
        part(2, "boot-a", 65 * MIB, 256 * MIB),
        part(3, "boot-b", 321 * MIB, 256 * MIB),
        part(4, "root-a", 577 * MIB, 3008 * MIB),
        part(5, "root-a-verity", 3585 * MIB, 47 * MIB),
    ]
}

/// A Raspberry Pi with this on its card, and two disks beside it of which one holds something.
fn pi(bytes: u64, partitions: Vec<Present>) -> Machine {
    let usual = machine();
    let card = Disk {
        model: "SN32G".to_owned(),
        bus: "mmc".to_owned(),
        in_use: Some(InUse::Medium),
        ..disk(
            "mmcblk0",
            Some("0x4b1c22a9"),
            bytes,
            Contents::Foreign("5 partitions".to_owned()),
        )
    };
    Machine {
        firmware: Firmware::RaspberryPi,
        disks: vec![card, usual.disks[1].clone(), usual.disks[3].clone()],
        setup: Some(Setup {
            disk: "mmcblk0".to_owned(),
            model: "Raspberry Pi 4 Model B Rev 1.4".to_owned(),
            partitions,
        }),
        ..usual
    }
}

/// Answers that say nothing about the system disk.
fn nothing_said() -> Answers {
    Answers {
        system: System::default(),
        ..answers()
    }
}

/// Labels and MiB.
fn sizes(plan: &InstallPlan) -> Vec<(&str, u64)> {
    let parts = plan.partitions.iter();
    parts
        .map(|part| (part.label.as_str(), part.bytes / MIB))
        .collect()
}

#[test]
fn the_disk_gets_what_the_image_lacks() {
    let plan = plan(&pi(32 * GIB, image()), &nothing_said());
    assert_eq!((plan.mode, plan.disk.name.as_str()), (Mode::Setup, "mmcblk0"));
    assert_eq!(
        sizes(&plan),
        [
            ("root-b", 3008),
            ("root-b-verity", 47),
            ("state", 32768 - 3632 - 3055 - 3)
        ]
    );
    let setup = plan.setup.unwrap();
    assert_eq!((setup.kept, setup.stale), (image(), Vec::new()));
}

#[test]
fn what_a_cut_setup_has_left_is_made_anew() {
    let mut partitions = image();
    partitions.push(part(6, "root-b", 3632 * MIB, 3008 * MIB));
    partitions.push(part(8, "state-new", 8000 * MIB, GIB));
    let plan = plan(&pi(32 * GIB, partitions.clone()), &nothing_said());
    assert_eq!(plan.partitions.len(), 3);
    assert_eq!(plan.setup.unwrap().stale, partitions[5..]);
}

#[test]
fn answers_may_say_what_is_true_anyway() {
    let machine = pi(32 * GIB, image());
    for system in [
        "mode = 'setup'",
        "disk.serial = '0x4b1c22a9'",
        "disk.bus = 'mmc'\nconfirm = '0x4b1c22a9'",
        "state-size = '4G'",
    ] {
        let text = format!("[system]\n{system}\n[user]\nname = 'anna'\npassword = 'correct horse'\n");
        let plan = plan(&machine, &parse(&text).unwrap());
        assert_eq!(plan.mode, Mode::Setup, "{system}");
    }
}

#[test]
fn answers_that_want_something_else_are_refused() {
    let machine = pi(32 * GIB, image());
    let only = "which this Raspberry Pi runs from, and which is the only one that can be its system disk: leave it out";
    let mode = |name: &str| {
        format!(
            "system.mode: cannot be \"{name}\" here: this is the first start of a Raspberry Pi from the disk that becomes its \
             system disk: leave it out, or give \"setup\""
        )
    };
    for (system, expected) in [
        (
            "disk.serial = 'D1'",
            format!("system.disk: does not match {CARD}, {only}"),
        ),
        (
            "confirm = 'D1'",
            format!("system.confirm: does not name {CARD}, {only}"),
        ),
        ("mode = 'erase'", mode("erase")),
        ("mode = 'keep-data'", mode("keep-data")),
        (
            "state-size = '1G'",
            "system.state-size: 1G will not do: give at least 2G, in whole MiB".to_owned(),
        ),
        (
            "state-size = '30G'",
            format!("system.state-size: 30G is more than {CARD} has beside the system: give at most 26078M"),
        ),
    ] {
        let text = format!("[system]\n{system}\n[user]\nname = 'anna'\npassword = 'correct horse'\n");
        assert_eq!(refused(&machine, &parse(&text).unwrap()), [expected], "{system}");
    }
}

#[test]
fn only_a_first_start_is_set_up() {
    let mut answers = answers();
    answers.system.mode = Some(Mode::Setup);
    let refused = refused(&machine(), &answers);
    assert!(
        refused[0].starts_with("system.mode: cannot be \"setup\" here: that is for the first start"),
        "{refused:?}"
    );
}

#[test]
fn a_card_that_is_too_small() {
    let least = (3632 + 3055 + 3) * MIB + 2 * GIB;
    assert_eq!(
        sizes(&plan(&pi(least, image()), &nothing_said()))[2],
        ("state", 2048)
    );
    assert_eq!(
        refused(&pi(8 * GIB, image()), &nothing_said()),
        [
            "the disk mmcblk0  8.59 GB  mmc  SN32G  0x4b1c22a9 has 8.59 GB; the system needs 9.16 GB\n  try: write the image to a card \
             or disk of at least 9.16 GB"
        ]
    );
    assert_eq!(refused(&pi(least - 1, image()), &nothing_said()).len(), 1);
}

#[test]
fn a_disk_that_was_set_up_before() {
    let mut partitions = image();
    partitions.push(part(8, "state", 8000 * MIB, GIB));
    assert_eq!(
        refused(&pi(32 * GIB, partitions), &nothing_said()),
        [format!(
            "the disk {CARD} was set up before, and only the change of its kernel command line is missing\n  try: restart the machine, \
             which makes this change; to begin anew, write the image to the disk again"
        )]
    );
}

#[test]
fn a_disk_that_does_not_hold_the_image() {
    let without = |label: &str| {
        image()
            .into_iter()
            .filter(|part| part.label != label)
            .collect::<Vec<_>>()
    };
    let with = |part: Present| image().into_iter().chain([part]).collect::<Vec<_>>();
    let mut small = image();
    small[2].bytes = MIB;
    for (partitions, reason) in [
        (without("boot-b"), "it has no partition boot-b"),
        (
            with(part(6, "root-a", 4000 * MIB, MIB)),
            "it has several partitions named root-a",
        ),
        (
            with(part(6, "photos", 4000 * MIB, MIB)),
            "its partition 6 (\"photos\") is not of the image",
        ),
        (
            with(part(6, "", 4000 * MIB, MIB)),
            "its partition 6 is not of the image",
        ),
        (
            with(part(6, "root-b", 0, MIB)),
            "its partition 6 (\"root-b\") lies before the end of the image",
        ),
        (small, "its partitions boot-a and boot-b differ in size"),
    ] {
        assert_eq!(
            refused(&pi(32 * GIB, partitions), &nothing_said()),
            [format!(
                "the disk {CARD} is not as the image was written to it: {reason}\n  try: write the image to it again"
            )]
        );
    }
}

#[test]
fn a_disk_that_is_not_there_is_refused() {
    let mut machine = pi(32 * GIB, image());
    machine.disks.remove(0);
    assert_eq!(
        refused(&machine, &nothing_said()),
        [
            "the disk mmcblk0 is not as the image was written to it: it is not among the disks of this machine\n  try: write the \
          image to it again"
        ]
    );
}

#[test]
fn a_card_with_its_switch_against_writing() {
    let mut machine = pi(32 * GIB, image());
    machine.disks[0].in_use = Some(InUse::ReadOnly);
    let refused = refused(&machine, &nothing_said());
    assert!(
        refused[0].starts_with(&format!("{CARD} cannot be used: it is read-only")),
        "{refused:?}"
    );
}

#[test]
fn a_pool_beside_it_needs_consent() {
    let machine = pi(32 * GIB, image());
    let mut answers = nothing_said();
    answers.pool = Some(pool(&["D1"]));
    assert_eq!(plan(&machine, &answers).pool.unwrap().disks[0].name, "sdb");
    answers.pool = Some(pool(&["OLD"]));
    assert!(refused(&machine, &answers)[0].contains("try: add \"OLD\" to pool.erase"));
    answers.pool = Some(pool(&["0x4b1c22a9"]));
    assert!(refused(&machine, &answers)[0].starts_with("pool.disks[0]: no disk matches"));
}

#[test]
fn away_from_the_machine() {
    assert_eq!(check(&nothing_said()), []);
    let mut answers = answers();
    answers.system.mode = Some(Mode::Setup);
    answers.system.confirm = None;
    assert_eq!(check(&answers), []);
    answers.system = System {
        mode: Some(Mode::Erase),
        ..System::default()
    };
    let refused: Vec<String> = check(&answers).iter().map(ToString::to_string).collect();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(
        refused[0].starts_with("system.disk: the selector is empty"),
        "{refused:?}"
    );
}

proptest! {
    #[test]
    fn added_partitions_fit(bytes in 0_u64..64 * GIB, root in 1_u64..4096, verity in 1_u64..64, size in proptest::option::of(0_u64..80)) {
        let mut partitions = image();
        partitions[3].bytes = root * MIB;
        partitions[4].start = partitions[3].start + partitions[3].bytes;
        partitions[4].bytes = verity * MIB;
        let end = partitions[4].start + partitions[4].bytes;
        let mut answers = nothing_said();
        answers.system.state_size = size.map(|size| Size(size * GIB / 2));
        if let Ok(plan) = build(&pi(bytes, partitions), &answers, Confirmation::Required) {
            let added: u64 = plan.partitions.iter().map(|part| part.bytes).sum();
            // Alignment before them and the second table behind them.
            prop_assert!(end + added + 2 * MIB <= bytes);
            prop_assert!(plan.partitions.iter().all(|part| part.bytes % MIB == 0));
            prop_assert!(plan.partitions[2].bytes >= 2 * GIB);
        }
    }
}
