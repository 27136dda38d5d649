//! Judges the facts that the guest states: one pure function per check.
//!
//! A missing fact never passes: it reads as the empty string, which no expected value equals.

use sigmavault_vm::Medium;
use sigmavault_vm::guest::Section;

use super::judgement::{Expected, Judgement};

/// One complaint for each (name, measured, expected) whose values differ.
fn differences(pairs: &[(&str, &str, &str)]) -> Vec<String> {
    pairs
        .iter()
        .filter(|(_, measured, expected)| measured != expected)
        .map(|(what, measured, expected)| {
            let measured = if measured.is_empty() { "unknown" } else { measured };
            format!("{what} is {measured}, not {expected}")
        })
        .collect()
}

fn fact<'a>(section: &'a Section, key: &str) -> &'a str {
    section.fact(key).unwrap_or_default()
}

/// The kernel runs, started by the firmware that was asked for.
pub fn firmware_to_kernel(section: &Section, expected: &Expected) -> Judgement {
    let (firmware, kernel) = (fact(section, "firmware"), fact(section, "kernel"));
    let wanted = expected.firmware.name();
    Judgement::of(
        format!("{firmware}, kernel {kernel}"),
        format!("{wanted}, kernel {}", expected.kernel),
        &differences(&[
            ("firmware", firmware, wanted),
            ("kernel", kernel, &expected.kernel),
        ]),
    )
}

/// The root is an overlay over the verity device with the manifest's root hash, on the medium that was attached.
pub fn verity_root(section: &Section, expected: &Expected) -> Judgement {
    let root = fact(section, "root");
    let device = fact(section, "device");
    let booted = parameter(fact(section, "cmdline"), "roothash").unwrap_or_default();
    let mut complaints = differences(&[
        ("root file system", root, "overlay"),
        (
            "root hash on the kernel command line",
            booted,
            &expected.root_hash,
        ),
        (
            "volume id of the disk below",
            fact(section, "volume"),
            &expected.volume_id,
        ),
    ]);
    if !device.starts_with("CRYPT-VERITY-") {
        complaints.push(format!(
            "no verity device carries a mounted erofs (device mapper has: {})",
            fact(section, "devices").replace('\n', ", ")
        ));
    }
    if fact(section, "read-only") != "1" {
        complaints.push("the verity device is not read-only".to_owned());
    }
    if let Some(status) = section.fact("status") {
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| line.trim().strip_prefix(name))
                .map_or("", str::trim)
        };
        complaints.extend(differences(&[
            ("verity status", field("status:"), "verified"),
            ("active root hash", field("root hash:"), &expected.root_hash),
        ]));
    }
    let disks = fact(section, "disks");
    let right_bus = |line: &str| match (expected.medium, line.split(' ').collect::<Vec<_>>().as_slice()) {
        (Medium::Usb, ["disk", _, at]) => at.contains("/usb"),
        (Medium::Cd, ["disk", name, _]) => name.starts_with("sr"),
        _ => false,
    };
    if !(disks.lines().count() == 1 && right_bus(disks)) {
        complaints.push(format!(
            "the verity device does not stand on the {} alone: {disks}",
            medium(expected)
        ));
    }
    // A CD has whole sectors of 2048 bytes.
    let size = fact(section, "size").parse::<u64>().unwrap_or_default();
    if size / 2048 != expected.iso_bytes / 2048 {
        complaints.push(format!(
            "the disk below has {size} bytes, the ISO {}",
            expected.iso_bytes
        ));
    }
    let disk = disks.split(' ').nth(1).unwrap_or_default();
    Judgement::of(
        format!("{root} on verity {booted} on {disk}"),
        format!(
            "overlay on verity {} on the {}",
            expected.root_hash,
            medium(expected)
        ),
        &complaints,
    )
}

fn medium(expected: &Expected) -> &'static str {
    match expected.medium {
        Medium::Usb => "USB stick",
        Medium::Cd => "CD",
    }
}

/// The last value of a kernel parameter.
fn parameter<'a>(cmdline: &'a str, name: &str) -> Option<&'a str> {
    cmdline
        .split_ascii_whitespace()
        .filter_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        .next_back()
}

/// The default target is reached and no start job is pending.
pub fn boot_target(section: &Section, _: &Expected) -> Judgement {
    let (target, active, state) = (
        fact(section, "target"),
        fact(section, "active"),
        fact(section, "state"),
    );
    let mut complaints = differences(&[("the default target", active, "active")]);
    if !["multi-user.target", "graphical.target"].contains(&target) {
        complaints.push(format!("the default target is {target:?}"));
    }
    if !["running", "degraded"].contains(&state) {
        let jobs = fact(section, "jobs");
        complaints.push(format!(
            "the system is still {state:?}{}{jobs}",
            if jobs.is_empty() { "" } else { ":\n" }
        ));
    }
    Judgement::of(
        format!("{target} {active}, system {state}"),
        "multi-user.target or graphical.target active, system running",
        &complaints,
    )
}

/// The journal service of the initrd ends with the initrd, and systemd counts that as a restart.
const ONE_RESTART: &str = "systemd-journald.service restarted 1 times";

/// No unit has failed, and systemd restarted none.
pub fn failed_units(section: &Section, _: &Expected) -> Judgement {
    let (Some(failed), Some(restarts)) = (section.fact("failed"), section.fact("restarts")) else {
        return Judgement::of("", "0 failed units", &["not known".to_owned()]);
    };
    let restarts: Vec<&str> = restarts.lines().filter(|line| *line != ONE_RESTART).collect();
    let mut complaints: Vec<String> = restarts.iter().map(|line| (*line).to_owned()).collect();
    if !failed.is_empty() {
        complaints.push(failed.to_owned());
    }
    let count = failed.lines().filter(|line| !line.starts_with(' ')).count();
    let measured = match restarts.len() {
        0 => format!("{count} failed units"),
        restarted => format!("{count} failed units, {restarted} restarted"),
    };
    Judgement::of(measured, "0 failed units", &complaints)
}

/// Bits of `/proc/sys/kernel/tainted` that a module outside the kernel's tree sets: proprietary licence, out of tree,
/// unsigned (Documentation/admin-guide/tainted-kernels.rst).
const MODULE_BITS: u64 = 1 << 0 | 1 << 12 | 1 << 13;
/// Letters of all bits, starting with bit 0.
const TAINT_LETTERS: &str = "PFSRMBUDAWCIOELKXTNJ";
/// The modules that may set these bits.
const ALLOWED_MODULES: [&str; 2] = ["spl", "zfs"];

/// The kernel is not tainted, except by ZFS being outside its tree.
pub fn kernel_taint(section: &Section, _: &Expected) -> Judgement {
    let wanted = "not tainted, or only by zfs and spl (P, O, E)";
    let Ok(bits) = fact(section, "tainted").parse::<u64>() else {
        return Judgement::of("", wanted, &["not known".to_owned()]);
    };
    let modules: Vec<&str> = fact(section, "modules")
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let mut complaints = Vec::new();
    let other = letters(bits & !MODULE_BITS);
    if !other.is_empty() {
        complaints.push(format!("tainted {other}: {}", fact(section, "warnings")));
    }
    let strangers: Vec<&str> = modules
        .iter()
        .copied()
        .filter(|module| !ALLOWED_MODULES.contains(module))
        .collect();
    if !strangers.is_empty() {
        complaints.push(format!(
            "modules from outside the kernel: {}",
            strangers.join(", ")
        ));
    }
    if bits & MODULE_BITS != 0 && modules.is_empty() {
        complaints.push(format!(
            "tainted {} by a module that is no longer loaded",
            letters(bits & MODULE_BITS)
        ));
    }
    let measured = match letters(bits) {
        clean if clean.is_empty() => "not tainted".to_owned(),
        letters => format!("tainted {letters} by {}", modules.join(", ")),
    };
    Judgement::of(measured, wanted, &complaints)
}

fn letters(bits: u64) -> String {
    let known = TAINT_LETTERS
        .chars()
        .enumerate()
        .filter(|(bit, _)| bits >> bit & 1 == 1)
        .map(|(_, letter)| letter);
    let unknown = bits >> TAINT_LETTERS.len() != 0;
    known.chain(unknown.then_some('?')).collect()
}

/// The detector chose the tier that the machine's memory and processor imply.
pub fn detector_tier(section: &Section, expected: &Expected) -> Judgement {
    let report: serde_json::Value = match section.fact("hardware").map(serde_json::from_str) {
        Some(Ok(report)) => report,
        Some(Err(error)) => {
            return Judgement::of(
                "",
                expected.tier,
                &[format!("hardware.json is not JSON: {error}")],
            );
        }
        None => {
            let unit = fact(section, "unit").replace('\n', "\n  ");
            let complaint = format!("there is no hardware.json; sigmavault-detect.service is {unit}");
            return Judgement::of("", expected.tier, &[complaint]);
        }
    };
    let text = |pointer: &str| {
        report
            .pointer(pointer)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    };
    let tier = text("/model/tier");
    let mut complaints = differences(&[("tier", tier, expected.tier)]);
    if !complaints.is_empty() {
        complaints.push(format!("the detector says: {}", text("/model/reason")));
    }
    Judgement::of(tier, expected.tier, &complaints)
}

/// The REST service answers that it is ready.
pub fn api_ready(section: &Section, _: &Expected) -> Judgement {
    let status = fact(section, "answer").lines().next().unwrap_or_default().trim();
    let mut complaints = Vec::new();
    if !status.starts_with("HTTP/1.1 200 ") {
        complaints.push(if status.is_empty() {
            format!(
                "no answer on port 3000; sigmavault-api.service is {}",
                fact(section, "unit")
            )
        } else {
            format!(
                "{status}: {}",
                fact(section, "answer").lines().last().unwrap_or_default()
            )
        });
    }
    Judgement::of(status, "HTTP/1.1 200 OK", &complaints)
}

/// The storage service tells what disks there are, and that it could read them.
pub fn storage(section: &Section, _: &Expected) -> Judgement {
    let answer = fact(section, "answer");
    let state = serde_json::from_str::<serde_json::Value>(answer)
        .ok()
        .and_then(|answer| serde_json::from_str::<serde_json::Value>(answer["data"][0].as_str()?).ok());
    let Some(state) = state else {
        let unit = fact(section, "unit").replace('\n', "\n  ");
        let complaint = format!("no state over D-Bus ({answer}); sigmavault-storage.service is {unit}");
        return Judgement::of("", "disks", &[complaint]);
    };
    let disks = state["world"]["disks"].as_array().map_or(0, Vec::len);
    let mut complaints = Vec::new();
    if let Some(reason) = state["stale"]["reason"].as_str() {
        complaints.push(format!("the pools cannot be read: {reason}"));
    }
    if disks == 0 {
        complaints.push("it knows no disk".to_owned());
    }
    Judgement::of(format!("{disks} disks"), "disks", &complaints)
}

/// A mirror was created, written, read back from the disks, scrubbed without errors and destroyed.
pub fn zfs_mirror(section: &Section, expected: &Expected) -> Judgement {
    let status = fact(section, "status");
    let scan = status
        .lines()
        .find_map(|line| line.trim().strip_prefix("scan:"))
        .map_or("", str::trim);
    let errors = status
        .lines()
        .find_map(|line| line.trim().strip_prefix("errors:"))
        .map_or("", str::trim);
    let (written, version) = (fact(section, "written"), fact(section, "version"));
    let mut complaints = differences(&[
        ("pool", fact(section, "health"), "ONLINE"),
        (
            "checksum read back",
            fact(section, "read"),
            if written.len() == 64 {
                written
            } else {
                "one that was written"
            },
        ),
        ("zpool's account of errors", errors, "No known data errors"),
        // The module's version has Debian's revision behind the manifest's.
        (
            "module",
            version.split('-').next().unwrap_or_default(),
            expected.zfs.split('-').next().unwrap_or_default(),
        ),
    ]);
    if !(scan.starts_with("scrub repaired 0B in ") && scan.contains(" with 0 errors ")) {
        complaints.push(format!("scrub: {scan:?}"));
    }
    let devices = devices(status);
    if devices
        .iter()
        .filter(|(name, _)| name.contains("SVSMOKE"))
        .count()
        != 2
        || !devices.iter().any(|(name, _)| name.starts_with("mirror-"))
    {
        complaints.push(format!("the pool is no mirror of two disks:\n{status}"));
    }
    for (name, state) in devices.iter().filter(|(_, state)| state != "ONLINE 0 0 0") {
        complaints.push(format!("{name} is {state}"));
    }
    let left = fact(section, "left");
    if left != "pools:" {
        complaints.push(format!("`zpool list` after `zpool destroy`: {left:?}"));
    }
    Judgement::of(
        format!("ZFS {version}, {scan}"),
        "a mirror, read back equal, scrubbed with 0 errors",
        &complaints,
    )
}

/// Name and "STATE READ WRITE CKSUM" of every row of `zpool status`.
fn devices(status: &str) -> Vec<(String, String)> {
    status
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("NAME "))
        .skip(1)
        .map_while(|line| {
            let mut words = line.split_whitespace();
            let name = words.next()?;
            Some((name.to_owned(), words.collect::<Vec<_>>().join(" ")))
        })
        .collect()
}

/// The interface is up with the key that was set, and exchanged keys with a second one.
pub fn wireguard(section: &Section, _: &Expected) -> Judgement {
    let key = fact(section, "expected-key");
    let mut complaints = differences(&[(
        "public key",
        fact(section, "key"),
        if key.len() == 44 { key } else { "one that was made" },
    )]);
    let link = fact(section, "link");
    let flags = link.split(['<', '>']).nth(1).unwrap_or_default();
    if !flags.split(',').any(|flag| flag == "UP") {
        complaints.push(format!("the interface is not up: {link}"));
    }
    let handshake = fact(section, "handshake");
    if handshake.parse::<u64>().unwrap_or_default() == 0 {
        complaints.push("no handshake with the second interface".to_owned());
    }
    let measured = if complaints.is_empty() {
        "up, handshake done"
    } else {
        ""
    };
    Judgement::of(measured, "up, handshake done", &complaints)
}

/// Samba answers an SMB2 negotiation.
pub fn samba(section: &Section, _: &Expected) -> Judgement {
    let answer = fact(section, "answer");
    let bytes = |from: usize, count: usize| answer.get(2 * from..2 * (from + count)).unwrap_or_default();
    // MS-SMB2 2.2.1.2 and 2.2.4, behind a length of four bytes.
    let complaints = differences(&[
        ("smbd.service", fact(section, "unit"), "active"),
        ("protocol on port 445", bytes(4, 4), "fe534d42"),
        ("status of the negotiation", bytes(12, 4), "00000000"),
        ("dialect", bytes(72, 2), "0003"),
    ]);
    let measured = if complaints.is_empty() {
        "SMB 3.0 negotiated"
    } else {
        answer
    };
    Judgement::of(measured, "SMB 3.0 negotiated", &complaints)
}

/// NFS answers an RPC call.
pub fn nfs(section: &Section, _: &Expected) -> Judgement {
    // RFC 5531: last fragment of 24 bytes, our transaction, reply, accepted, no verifier, success.
    const SUCCESS: &str = "8000001853564e460000000100000000000000000000000000000000";
    let answer = fact(section, "answer");
    let complaints = differences(&[
        ("nfs-server.service", fact(section, "unit"), "active"),
        ("answer on port 2049", answer, SUCCESS),
    ]);
    let measured = if complaints.is_empty() {
        "NFS 4 answers"
    } else {
        answer
    };
    Judgement::of(measured, "NFS 4 answers", &complaints)
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
