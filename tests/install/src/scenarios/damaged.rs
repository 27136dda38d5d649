//! Slot A is damaged: the machine refuses it, starts from slot B by itself, and says why.

use std::time::Duration;

use serde_json::Value;
use sigmavault_types::slots::Slot;
use sigmavault_vm::{Boot, Halt};

use crate::bench::Bench;
use crate::error::Error;
use crate::esp::{self, Counter};
use crate::scenarios::checks;

/// Three starts of slot A, half a minute of waiting after each, and one of slot B.
const FALL_BACK_LIMIT: Duration = Duration::from_mins(20);
/// Within the first block of the root, which holds the superblock; not in the superblock itself.
const FLIPPED: u64 = 512;
/// Bytes that are overwritten, from the start of a partition.
const LOST: usize = 1 << 20;

/// One byte of the root is flipped.
pub fn flipped_bit(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.installed_machine()?;
    let root = machine.partition("root-a")?;
    machine.system.flip(root.offset + FLIPPED)?;
    let rig = machine.rig().restarting();
    let mut boot = bench.boot("flipped bit", &rig)?.patient();
    let line = boot.wait_for_line("is corrupted", FALL_BACK_LIMIT)?;
    bench.contains("the kernel on the console", line, "verity");
    falls_back(bench, boot)?;
    let entries = bench.boot_entries(&machine)?;
    counters(bench, &entries);
    Ok(())
}

/// One byte of the root is flipped, and somebody at the console asks for the other slot. There is no shell.
pub fn other_slot(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.installed_machine()?;
    let root = machine.partition("root-a")?;
    machine.system.flip(root.offset + FLIPPED)?;
    let rig = machine.rig().restarting();
    let mut boot = bench.boot("other slot", &rig)?.patient();
    let line = boot.wait_for_line("o to start the other slot", FALL_BACK_LIMIT)?;
    bench.contains("what is offered", line, "p to switch the machine off");
    // The terminal is set up for input just after the last line.
    std::thread::sleep(Duration::from_secs(3));
    // On the keyboard: /dev/console is the screen.
    boot.type_text("o")?;
    boot.wait_for_system(FALL_BACK_LIMIT)?;
    boot.wait_for_target(crate::bench::TARGET_LIMIT)?;
    let resets = boot.session().resets();
    bench.equal("starts of slot A", &resets, &1);
    let lines = boot.session().transcript().lines().join("\n");
    bench.check(
        "no shell in the initrd",
        !lines.contains("emergency mode") && !lines.contains("Press Enter for maintenance"),
        "",
        "the console does not offer one",
    );
    checks::slot(bench, &mut boot, Slot::B)?;
    Ok(boot.power_off()?)
}

/// A line of /etc/fstab that no system can mount.
const UNMOUNTABLE: &str = "tmpfs /mnt/lost tmpfs size=wrong 0 0";

/// The system itself does not start, in whichever slot: it says why, and keys on the serial line count too.
pub fn emergency(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.installed_machine()?;
    let mut boot = bench.start("before", &machine.rig())?;
    boot.run(&format!("echo '{UNMOUNTABLE}' >>/etc/fstab"))?;
    boot.power_off()?;

    let rig = machine.rig().restarting();
    let mut boot = bench.boot("emergency", &rig)?.patient();
    let mut seen = 0;
    for (slot, key) in [("a", "o"), ("b", "p")] {
        let said = format!("slot {slot} did not start");
        let line = boot.wait_for_line_after(seen, &said, FALL_BACK_LIMIT)?;
        bench.contains("the reason", line, "failed: mnt-lost.mount");
        boot.wait_for_line_after(seen, "its live session has a shell", FALL_BACK_LIMIT)?;
        seen = boot.line_count();
        boot.type_on_serial(key)?;
    }
    boot.wait_for_end(Halt::PoweredOff, FALL_BACK_LIMIT)?;
    let lines = boot.session().transcript().lines().join("\n");
    bench.check(
        "no shell",
        !lines.contains("root account is locked") && !lines.contains("Press Enter for maintenance"),
        "",
        "the console does not offer one",
    );
    Ok(())
}

/// The hash tree of slot A is gone.
pub fn lost_hash_tree(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.installed_machine()?;
    let tree = machine.partition("root-a-verity")?;
    machine.system.write_at(tree.offset, &vec![0; LOST])?;
    let rig = machine.rig().restarting();
    let boot = bench.boot("lost hash tree", &rig)?.patient();
    falls_back(bench, boot)?;
    let entries = bench.boot_entries(&machine)?;
    counters(bench, &entries);
    Ok(())
}

/// Waits for slot B and checks what it says of slot A.
fn falls_back(bench: &mut Bench<'_>, mut boot: Boot<'_>) -> Result<(), Error> {
    let line = boot.wait_for_line("slot a did not start", FALL_BACK_LIMIT)?;
    bench.note(line);
    boot.wait_for_system(FALL_BACK_LIMIT)?;
    let state = boot.wait_for_target(crate::bench::TARGET_LIMIT)?;
    let (took, resets) = (boot.elapsed().as_secs(), boot.session().resets());
    bench.note(format!("slot B {state} {took} s after power on"));
    bench.equal("starts of slot A", &resets, &3);
    checks::healthy(bench, &mut boot)?;
    let slots = checks::slot(bench, &mut boot, Slot::B)?;
    let reason = slots.fell_back.map(|left| left.reason).unwrap_or_default();
    bench.check(
        "reason in `sigmavault slots`",
        !reason.is_empty(),
        reason.as_str(),
        "why slot A did not start",
    );
    bench.equal("failures kept", &slots.failures.len(), &3);
    let status: Value = checks::json(&mut boot, "sigmavault status --json")?;
    let shown = !reason.is_empty() && holds(&status, &reason);
    bench.check("reason in `sigmavault status`", shown, status.to_string(), reason);
    Ok(boot.power_off()?)
}

/// Slot A has no tries left and slot B counts as good.
fn counters(bench: &mut Bench<'_>, entries: &[String]) {
    let left = (esp::counter(entries, Slot::A), esp::counter(entries, Slot::B));
    let expected = (Some(Counter::TriesLeft(0)), Some(Counter::Good));
    bench.check(
        "boot entries",
        left == expected,
        entries.join(" "),
        "sigmavault-a+0-3.conf sigmavault-b.conf",
    );
}

/// Whether a text occurs anywhere in a JSON value.
fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found.contains(text),
        Value::Array(values) => values.iter().any(|value| holds(value, text)),
        Value::Object(fields) => fields.values().any(|value| holds(value, text)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_in_json() {
        let value = json!({"a": [1, {"b": "slot a: corrupted"}], "c": null});
        assert!(holds(&value, "corrupted"));
        assert!(!holds(&value, "b"));
    }
}
