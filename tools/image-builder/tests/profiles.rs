//! Sample profiles: the good ones resolve to what they say, and each bad one gives exactly the faults that its
//! first lines announce as `# expect LINE: message` (`# expect-in PROFILE LINE: message` for another file).

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use sigmavault_image_builder::profile::{
    Arch, BootFirmware, Desktop, HardwareId, KernelSource, Library, Medium, ProfileError, Tier,
};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/profiles")
        .join(name)
}

fn texts(name: &str) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

fn valid() -> Library {
    Library::open(&[folder("valid")]).unwrap()
}

/// The source tree's own.
fn own() -> (PathBuf, Library) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let library = Library::of_source(&source, &[]).unwrap();
    (source.join("profiles"), library)
}

#[test]
fn the_products_own_profiles_are_good() {
    let (_, library) = own();
    assert_eq!(library.check(None).unwrap(), []);
    for name in ["pc-gnome", "pc-headless", "server", "mini-pc", "vm-test"] {
        let profile = library.buildable(name, Arch::Amd64).unwrap();
        assert!(profile.iso_budget().unwrap() <= 1_100_000_000, "{name}");
        assert!(!profile.hardware.ids.is_empty(), "{name}");
    }
    for name in [
        "arm64-uefi-gnome",
        "arm64-uefi-headless",
        "rpi4",
        "rpi5",
        "vm-test",
    ] {
        let profile = library.buildable(name, Arch::Arm64).unwrap();
        // ISOs of GNOME 1.1 GB, images for Raspberry Pis 1.2 GB.
        assert!(profile.iso_budget().unwrap() <= 1_100_000_000, "{name}");
        assert_eq!(profile.is_disk_image(), name.starts_with("rpi"), "{name}");
    }
    assert!(
        matches!(library.buildable("common", Arch::Amd64), Err(ProfileError::Abstract(name)) if name == "common")
    );
}

#[test]
fn editors_accept_every_profile_by_the_schema() {
    let (folder, library) = own();
    let schema = std::fs::read_to_string(folder.join("profile.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let json = |text: &str| serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap();
    for name in library.names() {
        let text = std::fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
        assert!(text.starts_with("#:schema ./profile.schema.json\n"), "{name}");
        let faults: Vec<_> = schema
            .iter_errors(&json(&text))
            .map(|fault| fault.to_string())
            .collect();
        assert_eq!(faults, [""; 0], "{name}");
    }
    for (path, text) in texts("valid") {
        assert!(schema.is_valid(&json(&text)), "{}", path.display());
    }
    for name in [
        "bad-values",
        "key-in-wrong-section",
        "unknown-key",
        "unknown-section",
        "wrong-type",
    ] {
        let (_, text) = texts("invalid")
            .into_iter()
            .find(|(path, _)| path.file_stem().is_some_and(|stem| stem == name))
            .unwrap();
        assert!(!schema.is_valid(&json(&text)), "{name}");
    }
}

#[test]
fn others_extend_profiles_and_clash_with_none() {
    let (own, _) = own();
    let others = tempfile::tempdir().unwrap();
    let add = |name: &str, text: &str| std::fs::write(others.path().join(name), text).unwrap();
    add(
        "shop.toml",
        "description = \"For the shop\"\nextends = \"mini-pc\"\n",
    );
    let folders = [own.clone(), others.path().to_owned(), own.join("../profiles")];
    let profile = Library::open(&folders)
        .unwrap()
        .buildable("shop", Arch::Amd64)
        .unwrap();
    assert_eq!(profile.lineage, ["shop", "mini-pc", "common"]);
    add("server.toml", "description = \"Mine\"\nextends = \"pc\"\n");
    let error = Library::open(&folders).unwrap_err().to_string();
    let first = own.join("server.toml");
    let second = others.path().join("server.toml");
    assert_eq!(
        error,
        format!(
            "two profiles are called `server`: {} and {}; rename one of the files, and what `extends` it",
            first.display(),
            second.display()
        )
    );
}

#[test]
fn of_two_parents_the_later_one_counts_more() {
    let (own, _) = own();
    let others = tempfile::tempdir().unwrap();
    let add = |name: &str, text: &str| std::fs::write(others.path().join(name), text).unwrap();
    add(
        "small.toml",
        "description = \"x\"\nextends = \"common\"\nabstract = true\n[system]\nhostname = \"small\"\npackages = [\"htop\"]\n",
    );
    let child = |parents: &str| {
        add(
            "child.toml",
            &format!("description = \"x\"\nextends = {parents}\n[budget]\niso-mib = 1\n"),
        );
        let library = Library::open(&[own.clone(), others.path().to_owned()]).unwrap();
        library.buildable("child", Arch::Amd64).unwrap()
    };
    let profile = child("[\"gnome\", \"small\"]");
    assert_eq!(profile.lineage, ["child", "small", "gnome", "common"]);
    assert_eq!(profile.system.desktop, Desktop::Gnome);
    assert_eq!(profile.system.hostname, "small");
    // What both extend is there once and counts least.
    let count = |name: &str| {
        profile
            .system
            .packages
            .iter()
            .filter(|package| *package == name)
            .count()
    };
    assert_eq!((count("systemd"), count("gdm3"), count("htop")), (1, 1, 1));
    let profile = child("[\"small\", \"gnome\"]");
    assert_eq!(profile.lineage, ["child", "gnome", "small", "common"]);
    assert_eq!(profile.system.hostname, "small", "gnome names no host");
    assert_eq!(child("[\"small\"]"), child("\"small\""));
}

#[test]
fn a_child_appends_replaces_and_narrows() {
    let profile = valid().resolve("child").unwrap().profile;
    assert_eq!(profile.lineage, ["child", "base"]);
    assert_eq!(profile.description, "Everything a profile can say");
    assert!(!profile.is_abstract);
    assert_eq!(profile.arch, [Arch::Arm64]);
    assert_eq!(profile.kernel.source, KernelSource::Backports);
    for (arch, port) in [(Arch::Amd64, "ttyS0"), (Arch::Arm64, "ttyAMA0")] {
        let expected = format!("console=tty0 quiet console={port},115200n8");
        assert_eq!(profile.command_line(arch), expected);
    }
    assert_eq!(profile.kernel.modules_exclude, ["drivers/media/*", "sound/"]);
    assert_eq!(profile.system.desktop, Desktop::Gnome);
    assert_eq!(profile.system.hostname, "pi");
    assert_eq!(
        profile.system.packages,
        ["systemd", "samba", "nano", "gdm3", "rustc/trixie-backports"]
    );
    assert_eq!(
        profile.packages(),
        [
            "systemd",
            "nano",
            "gdm3",
            "rustc/trixie-backports",
            "firmware-brcm80211"
        ]
    );
    assert_eq!(profile.drivers.required, ["nvme", "8139too"]);
    let ids: Vec<_> = profile.hardware.ids.iter().map(HardwareId::as_str).collect();
    assert_eq!(ids, ["pci:*:*:010802", "of:brcm,bcm2711", "usb:0bda:8153"]);
    assert_eq!(profile.boot.media, [Medium::Usb, Medium::Cd]);
    assert_eq!(profile.boot.firmware, [BootFirmware::Uefi]);
    assert_eq!(
        (profile.model.min_tier, profile.model.max_tier),
        (Tier::Draft350m, Tier::Bitnet7b)
    );
    assert_eq!(profile.iso_budget(), Some(943_718_400));
    assert_eq!(profile.root_budget(), Some(805_306_368));
    assert_eq!(profile.vm.memory.as_deref(), Some("4G"));
    assert_eq!(profile.vm.cpu.as_deref(), Some("cortex-a72"));
}

#[test]
fn a_grandchild_inherits_through_two_steps() {
    let library = valid();
    let resolved = library.resolve("grandchild").unwrap();
    let mut expected = library.resolve("child").unwrap().profile;
    expected.name = "grandchild".into();
    expected.lineage = vec!["grandchild".into(), "child".into(), "base".into()];
    expected.description = "Two steps from the base".into();
    expected.budget.iso_mib = Some(1000);
    assert_eq!(resolved.profile, expected);
}

#[test]
fn bios_is_for_amd64() {
    let profile = valid().resolve("base").unwrap().profile;
    assert!(profile.is_abstract);
    assert_eq!(
        profile.boot_firmware(Arch::Amd64),
        [BootFirmware::Uefi, BootFirmware::Bios]
    );
    assert_eq!(profile.boot_firmware(Arch::Arm64), [BootFirmware::Uefi]);
}

#[test]
fn values_tell_where_they_were_set() {
    let resolved = valid().resolve("child").unwrap();
    let place = |text: &str| {
        let origin = resolved
            .origins
            .values()
            .flatten()
            .find(|origin| origin.text == text)
            .unwrap();
        format!(
            "{}:{}",
            origin.file.file_name().unwrap().to_str().unwrap(),
            origin.line
        )
    };
    assert_eq!(place("samba"), "base.toml:12");
    assert_eq!(place("gdm3"), "child.toml:13");
    assert_eq!(place("backports"), "child.toml:6");
}

#[test]
fn toml_of_a_resolved_profile_resolves_to_the_same() {
    let library = valid();
    for name in ["base", "child", "grandchild"] {
        let profile = library.resolve(name).unwrap().profile;
        let text = profile.to_toml().unwrap();
        let alone = Library::from_texts(&[], [(PathBuf::from(format!("{name}.toml")), text)]).unwrap();
        let mut again = alone.resolve(name).unwrap().profile;
        again.lineage.clone_from(&profile.lineage);
        assert_eq!(again, profile);
    }
}

#[test]
fn each_bad_file_gives_the_faults_it_announces() {
    let bad = texts("invalid");
    let library = Library::from_texts(&[], texts("valid").into_iter().chain(bad.clone())).unwrap();
    assert!(bad.len() >= 16);
    for (path, text) in bad {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let expected: Vec<String> = text
            .lines()
            .filter_map(|line| {
                if let Some(rest) = line.strip_prefix("# expect ") {
                    return Some(format!("{name} {rest}"));
                }
                line.strip_prefix("# expect-in ").map(str::to_owned)
            })
            .collect();
        let found: Vec<String> = library
            .check(Some(name))
            .unwrap()
            .iter()
            .map(|fault| {
                format!(
                    "{} {}: {}",
                    fault.file.file_stem().unwrap().to_str().unwrap(),
                    fault.line,
                    fault.kind
                )
            })
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn an_unknown_profile_is_named_with_the_nearest() {
    let error = valid().resolve("chlid").unwrap_err().to_string();
    assert!(error.starts_with("there is no profile `chlid` in "), "{error}");
    assert!(error.contains("did you mean `child`?"), "{error}");
}

#[test]
fn a_profile_is_refused_for_another_architecture() {
    let error = valid().buildable("child", Arch::Amd64).unwrap_err();
    assert_eq!(
        error.to_string(),
        "profile `child` is not built for amd64; it is for arm64"
    );
}

proptest! {
    #[test]
    fn no_text_makes_resolution_panic(a in "(?s).{0,200}", parent in "(a|b|c|base)") {
        let b = format!("extends = \"{parent}\"\n{a}");
        let library = Library::from_texts(
            &[],
            texts("valid").into_iter().chain([(PathBuf::from("a.toml"), a), (PathBuf::from("b.toml"), b)]),
        ).unwrap();
        let _ = library.check(None);
    }
}
