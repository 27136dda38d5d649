//! Raspberry Pis, whose firmware returns to the preferred slot after each try.

use sigmavault_facts::slots::tryboot::autoboot::TEXT;
use sigmavault_facts::slots::tryboot::{AUTOBOOT, BAD, FLAG, TRY};

use super::*;

const B_BEFORE: &str = "2026-11-20T08:50:00Z\tb\taaaa-bbbb\n";
const A_BEFORE: &str = "2026-11-20T08:50:00Z\ta\taaaa-bbbb\n";

/// A Raspberry Pi that prefers slot A and runs this one.
fn pi(running: &str, trying: bool) -> Fake {
    let fake = Fake::new();
    fake.write(
        "/run/sigmavault/boot.json",
        &format!(r#"{{"slot":"{running}","entry":"","chain":"tryboot","trying":{trying}}}"#),
    );
    fake.write(AUTOBOOT, TEXT);
    fake.write(FLAG, "0\n");
    for slot in ["a", "b"] {
        fake.write(&format!("/boot/sigmavault/slot-{slot}.version"), "0.1.0\n");
    }
    fake
}

fn text(fake: &Fake, path: &str) -> String {
    fake.files.text(path).unwrap_or_default()
}

#[test]
fn a_good_try_becomes_the_preferred_slot() {
    let fake = pi("b", true);
    fake.write(TRY, "b 3\n");
    assert_eq!(fake.with(check).unwrap(), "This boot of slot B is good.\n");
    assert_eq!(
        text(&fake, AUTOBOOT),
        TEXT.replace("=2", "=x").replace("=3", "=2").replace("=x", "=3")
    );
    assert!(!fake.files.exists(TRY));
    let recorded = slots::recorded(&fake.files).unwrap();
    assert_eq!(
        (recorded.slots[1].preferred, recorded.slots[1].tries_left),
        (true, None)
    );
    assert!(!fake.reboots());
}

#[test]
fn a_bad_try_returns_to_the_other_slot() {
    let mut fake = pi("b", true);
    fake.write(TRY, "b 3\n");
    fake.unit = Box::new(|_| "failed");
    let error = fake.with(check).unwrap_err().to_string();
    assert!(error.contains("The machine restarts in 30 seconds"), "{error}");
    assert!(fake.reboots());
    assert_eq!(
        (text(&fake, TRY).as_str(), text(&fake, FLAG).as_str()),
        ("b 3\n", "0\n")
    );
    assert_eq!(text(&fake, AUTOBOOT), TEXT);
    // So does one that takes too long.
    fake.asked().clear();
    fake.with(deadline).unwrap_err();
    assert!(fake.reboots());
}

#[test]
fn a_bad_start_of_the_preferred_slot_stays_up() {
    let mut fake = pi("a", false);
    fake.unit = Box::new(|_| "failed");
    let error = fake.with(check).unwrap_err().to_string();
    assert!(
        error.contains("stays up: this slot has already proved itself"),
        "{error}"
    );
    assert!(!fake.reboots());
}

#[test]
fn a_try_that_stopped_in_silence_is_counted_and_repeated() {
    let fake = pi("a", false);
    fake.write(TRY, "b 3\n");
    fake.keep("previous.tsv", B_BEFORE);
    let said = fake.with(check).unwrap_err().to_string();
    assert_eq!(
        said,
        "The start of slot B failed. It has 2 starts left.\n\
         The machine restarts in 30 seconds to try it. To stay here: systemctl stop sigmavault-boot-check.service; \
         sigmavault slots switch a"
    );
    assert_eq!(
        (text(&fake, TRY).as_str(), text(&fake, FLAG).as_str()),
        ("b 2\n", "1\n")
    );
    assert!(
        fake.kept("failures.tsv")
            .starts_with("2026-11-20T08:50:00Z\tb\tstopped without a shutdown")
    );
    assert_eq!(fake.kept("failures.tsv").lines().count(), 1);
    assert!(fake.reboots());
    assert_eq!(fake.slept(), Duration::from_secs(30));
    // Somebody stopped that and checks by hand: it is not counted again.
    fake.asked().clear();
    assert_eq!(fake.with(check).unwrap(), "This boot of slot A is good.\n");
    assert_eq!(text(&fake, TRY), "b 2\n");
    assert!(!fake.reboots());
}

#[test]
fn the_last_failed_try_gives_the_slot_up() {
    let fake = pi("a", false);
    fake.write(TRY, "b 1\n");
    fake.write(
        "/boot/sigmavault/failures.tsv",
        "2026-11-20T08:57:00Z\tb\troot hash does not match\n",
    );
    assert_eq!(fake.with(check).unwrap(), "This boot of slot A is good.\n");
    assert_eq!(
        (text(&fake, BAD).as_str(), text(&fake, FLAG).as_str()),
        ("b\n", "0\n")
    );
    assert!(!fake.files.exists(TRY));
    assert_eq!(
        *fake.notes.lock().unwrap(),
        ["Slot B is given up: every start failed. See: sigmavault slots"]
    );
    let fell_back = slots::recorded(&fake.files).unwrap().fell_back.unwrap();
    assert_eq!(
        (fell_back.from, fell_back.reason.as_str()),
        (Slot::B, "root hash does not match")
    );
    assert!(!fake.reboots());
}

#[test]
fn a_try_that_was_not_heard_of_is_counted_after_a_restart_only() {
    let mut fake = pi("a", false);
    fake.write(TRY, "b 3\n");
    fake.keep("previous.tsv", A_BEFORE);
    fake.keep("explained.tsv", A_BEFORE);
    let said = fake.with(check).unwrap_err().to_string();
    assert!(
        said.starts_with("Slot B was to be tried, and this machine was started without that.\n"),
        "{said}"
    );
    assert_eq!(
        (text(&fake, TRY).as_str(), fake.kept("failures.tsv").as_str()),
        ("b 3 again\n", "")
    );

    // The shutdown takes down that the next start is a try, unless the power goes off.
    fake.state = "stopping";
    fake.jobs = "88 poweroff.target start waiting\n";
    fake.with(at_shutdown).unwrap();
    assert_eq!(fake.kept("handed-over.tsv"), "");
    fake.jobs = "88 reboot.target start waiting\n90 unmount.target start waiting\n";
    fake.with(at_shutdown).unwrap();
    assert_eq!(
        fake.kept("handed-over.tsv"),
        format!("2027-01-15T08:00:00Z\ta\t{BOOT_ID}\n")
    );
    fake.write(FLAG, "0\n");
    fake.keep("handed-over.tsv", "");
    fake.with(at_shutdown).unwrap();
    assert_eq!(fake.kept("handed-over.tsv"), "");

    let fake = pi("a", false);
    fake.write(TRY, "b 3\n");
    for name in ["previous.tsv", "explained.tsv", "handed-over.tsv"] {
        fake.keep(name, A_BEFORE);
    }
    let said = fake.with(check).unwrap_err().to_string();
    assert!(
        said.starts_with("The start of slot B failed. It has 2 starts left.\n"),
        "{said}"
    );
    assert_eq!(
        fake.kept("failures.tsv"),
        "2027-01-15T08:00:00Z\tb\tnothing was heard of it after the restart: its kernel or its initrd failed early, \
         or the firmware did not take the order\n"
    );
}

#[test]
fn a_try_that_was_shut_down_is_counted_with_a_reason() {
    let fake = pi("a", false);
    fake.write(TRY, "b 2\n");
    fake.keep("previous.tsv", B_BEFORE);
    fake.keep("explained.tsv", B_BEFORE);
    let said = fake.with(check).unwrap_err().to_string();
    assert!(
        said.starts_with("The start of slot B failed. It has 1 start left.\n"),
        "{said}"
    );
    assert_eq!(
        fake.kept("failures.tsv"),
        "2027-01-15T08:00:00Z\tb\tit was stopped before it was known to be good\n"
    );
}

#[test]
fn without_the_kernel_module_the_preferred_slot_goes_on() {
    let fake = pi("a", false);
    fake.write(TRY, "b 3\n");
    fake.keep("previous.tsv", B_BEFORE);
    fs::remove_file(fake.files.path(FLAG)).unwrap();
    assert_eq!(fake.with(check).unwrap(), "This boot of slot A is good.\n");
    let notes = fake.notes.lock().unwrap();
    assert!(
        notes[0].starts_with("the try of the other slot is not settled: the firmware of this Raspberry Pi"),
        "{notes:?}"
    );
    assert!(!fake.reboots());
}
