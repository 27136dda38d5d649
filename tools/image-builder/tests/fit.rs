//! Which of the product's own profiles fit which machines.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use sigmavault_image_builder::profile::Library;
use sigmavault_image_builder::profile::fit::{self, Verdict};

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A machine's report: processor, firmware, tier, buses of its disks, devices.
fn report(arch: &str, firmware: Option<&str>, tier: &str, disks: &[&str], devices: &[&str]) -> Value {
    let disks = disks.iter().map(|transport| {
        json!({"name": "x", "size_bytes": 1, "rotational": false, "transport": transport, "removable": false})
    });
    json!({
        "version": 1, "detected_at": "2026-01-01T00:00:00Z", "machine": {"vendor": "Maker", "product": "Box"},
        "virtualisation": {},
        "memory": {"installed_bytes": 1, "seen_bytes": 1, "source": "kernel", "how": ""},
        "cpu": {"arch": arch, "physical_cores": 1, "logical_cores": 1, "isa": []},
        "disks": disks.collect::<Vec<_>>(), "sensors": [], "firmware": firmware, "devices": devices,
        "model": {"tier": tier, "source": "rule", "overridden": false, "by_hardware": tier, "reason": "", "warnings": []},
    })
}

const AHCI: &str = "pci:v00008086d00007AE2sv00001043sd00008694bc01sc06i01";
const NVME: &str = "pci:v0000144Dd0000A80Asv0000144Dsd0000A801bc01sc08i02";
const XHCI: &str = "pci:v00008086d00007AE0sv00001043sd00008694bc0Csc03i30";

fn mini_pc() -> Value {
    let devices = [
        XHCI,
        "pci:v00008086d000054C4sv00008086sd00007270bc08sc05i01",
        "pci:v00008086d0000125Csv00008086sd00000000bc02sc00i00",
        "pci:v00008086d000054F0sv00008086sd00000074bc02sc80i00",
        "pci:v00008086d000046D1sv00008086sd00007270bc03sc00i00",
    ];
    report("x86_64", Some("uefi"), "bitnet-7b", &["mmc"], &devices)
}

fn desktop() -> Value {
    let devices = [
        AHCI,
        NVME,
        XHCI,
        "pci:v000010ECd00008168sv00001043sd00008677bc02sc00i00",
        "pci:v00008086d00002723sv00008086sd00000084bc02sc80i00",
        "pci:v00001002d00001638sv00001043sd00008809bc03sc00i00",
    ];
    report("x86_64", Some("uefi"), "bitnet-7b", &["nvme", "sata"], &devices)
}

fn rack_server() -> Value {
    let devices = [
        AHCI,
        XHCI,
        "pci:v00001000d00000097sv00001000sd00003090bc01sc07i00",
        "pci:v00008086d00001572sv00008086sd00000001bc02sc00i00",
        "pci:v00001A03d00002000sv000015D9sd00001B0Fbc03sc00i00",
        "acpi:IPI0001:",
    ];
    report(
        "x86_64",
        Some("bios"),
        "bitnet-7b+mamba",
        &["sas", "sata"],
        &devices,
    )
}

fn arm_server() -> Value {
    let devices = [
        AHCI,
        XHCI,
        NVME,
        "pci:v000015B3d00001015sv000015B3sd00000016bc02sc00i00",
        "pci:v00001A03d00002000sv00001A03sd00002000bc03sc00i00",
    ];
    report("aarch64", Some("uefi"), "bitnet-7b", &["nvme", "sata"], &devices)
}

fn raspberry_pi(model: &str, devices: &[&str]) -> Value {
    let mut pi = report("aarch64", Some("device-tree"), "draft-350m", &["mmc"], devices);
    pi["machine"]["product"] = model.into();
    pi
}

fn raspberry_pi_4() -> Value {
    let devices = [
        "of:NmmcT(null)Cbrcm,bcm2711-emmc2",
        "of:NethernetT(null)Cbrcm,bcm2711-genet-v5",
        "pci:v00001106d00003483sv00001106sd00003483bc0Csc03i30",
    ];
    raspberry_pi("Raspberry Pi 4 Model B Rev 1.4", &devices)
}

fn raspberry_pi_5() -> Value {
    let devices = [
        "of:NmmcT(null)Cbrcm,bcm2712-sdhciCbrcm,sdhci-brcmstb",
        "pci:v00001DE4d00000001sv00000000sd00000000bc02sc00i00",
        NVME,
    ];
    raspberry_pi("Raspberry Pi 5 Model B Rev 1.0", &devices)
}

fn virtual_machine() -> Value {
    let devices = [
        "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01",
        "virtio:d00000001v00001AF4",
        "virtio:d00000002v00001AF4",
        "pci:v00001234d00001111sv00001AF4sd00001100bc03sc00i00",
        XHCI,
    ];
    report("x86_64", Some("uefi"), "draft-350m", &["virtio"], &devices)
}

fn library() -> Library {
    Library::of_source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), &[]).unwrap()
}

/// Each profile's name and verdict, the best first.
fn verdicts(report: Value) -> Vec<(String, Verdict)> {
    let library = library();
    let profiles = library.names().map(|name| library.resolve(name).unwrap().profile);
    fit::ranked(profiles, &serde_json::from_value(report).unwrap())
        .into_iter()
        .map(|fit| (fit.profile.name.clone(), fit.verdict()))
        .collect()
}

#[test]
fn each_kind_of_machine_gets_its_profile() {
    let others = ["pc-gnome", "pc-headless", "server", "vm-test"];
    for (what, report, best, poor) in [
        ("mini PC", mini_pc(), "mini-pc", &others[..]),
        ("desktop", desktop(), "pc-gnome", &[]),
        ("server", rack_server(), "server", &["mini-pc", "vm-test"]),
        ("ARM server", arm_server(), "arm64-uefi-headless", &[]),
        ("Raspberry Pi 4", raspberry_pi_4(), "rpi4", &[]),
        ("Raspberry Pi 5", raspberry_pi_5(), "rpi5", &[]),
        ("virtual machine", virtual_machine(), "vm-test", &[]),
    ] {
        let found = verdicts(report);
        assert_eq!(found[0], (best.to_owned(), Verdict::Fits), "{what}: {found:?}");
        let mut poorly: Vec<&str> = found
            .iter()
            .filter(|(_, verdict)| !matches!(verdict, Verdict::Fits | Verdict::Not))
            .map(|(name, _)| name.as_str())
            .collect();
        poorly.sort_unstable();
        assert_eq!(poorly, poor, "{what}");
    }
}

#[test]
fn other_architectures_and_older_reports() {
    let board = report(
        "aarch64",
        Some("device-tree"),
        "draft-350m",
        &["mmc"],
        &["of:NsocT(null)Crockchip,rk3588"],
    );
    assert!(
        verdicts(board)
            .iter()
            .all(|(_, verdict)| *verdict == Verdict::Not)
    );
    // Without firmware and devices, as the first version of the report was.
    let mut old = desktop();
    for key in ["firmware", "devices"] {
        old.as_object_mut().unwrap().remove(key);
    }
    let found = verdicts(old);
    assert!(
        found.contains(&("pc-gnome".to_owned(), Verdict::Fits)),
        "{found:?}"
    );
}

#[test]
fn the_program_tells_the_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = folder.path().join("hardware.json");
    let run = |report: &[u8], args: &[&str]| {
        std::fs::write(&file, report).unwrap();
        Command::new(env!("CARGO_BIN_EXE_sigmavault-image"))
            .arg("--source")
            .arg(&source)
            .args(["profiles", "match"])
            .arg(&file)
            .args(args)
            .output()
            .unwrap()
    };
    let server = serde_json::to_vec(&rack_server()).unwrap();
    let output = run(&server, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    let expected = "Maker Box\n\n\
        server fits best: Rack server: disk controllers, 10 to 100 Gb/s networks, IPMI, serial console\n  \
        + it is built for amd64\n  + it starts by bios\n  \
        + it names 6 of the machine's devices: pci:*:*:010601, pci:*:*:0c0330, pci:1000:0097, pci:8086:1572, acpi:IPI0001, \
        pci:1a03:2000:030000\n  \
        + it promises drivers for the machine's disks: ahci, mpt3sas\n  \
        + the machine's language model tier is bitnet-7b+mamba\n\n";
    assert!(text.starts_with(expected), "{text}");
    for line in [
        "  ? the machine shows its desktop on its remote console only",
        "  - it promises no driver for sas disks",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }

    let output = run(&server, &["--json", "--desktop", "gnome"]);
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(json["profiles"].as_array().unwrap().len(), 2);
    assert_eq!(json["profiles"][1]["verdict"], "not");
    assert_eq!(
        (&json["profiles"][0]["name"], &json["profiles"][0]["verdict"]),
        (&"pc-gnome".into(), &"fits".into())
    );
    assert_eq!(
        json["profiles"][0]["reasons"][0],
        json!({"weight": "for", "text": "it is built for amd64"})
    );

    let other = report("aarch64", Some("device-tree"), "draft-350m", &[], &[]);
    let other = serde_json::to_vec(&other).unwrap();
    assert_eq!(run(&other, &[]).status.code(), Some(1));
    let broken = run(b"{}", &[]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(
        stderr(&broken).contains("hardware.json is not what `sigmavault hardware --json` prints"),
        "{}",
        stderr(&broken)
    );
}
