use super::*;

#[test]
fn the_tier_follows_memory_and_processor() {
    for (memory, avx512, expected) in [
        ("1G", true, "draft-350m"),
        ("15G", false, "draft-350m"),
        ("16383M", true, "draft-350m"),
        ("16G", false, "bitnet-7b"),
        ("16G", true, "bitnet-7b"),
        ("32767M", true, "bitnet-7b"),
        ("32G", false, "bitnet-7b"),
        ("32G", true, "bitnet-7b+mamba"),
        ("512G", true, "bitnet-7b+mamba"),
    ] {
        assert_eq!(
            implied_tier(memory.parse().unwrap(), avx512),
            expected,
            "{memory} {avx512}"
        );
    }
}

#[test]
fn ends_of_a_machine() {
    let journal = "[  100.1] systemd[1]: Reached target poweroff.target - System Power Off.";
    let off = Halt::PoweredOff;
    for (ended, journal, outcome, words) in [
        (Some((true, Some(&off))), journal, Outcome::Pass, ""),
        (
            Some((true, Some(&off))),
            "[ 99.0] smbd: bye",
            Outcome::Fail,
            "ends with \"[ 99.0] smbd: bye\"",
        ),
        (
            Some((true, Some(&Halt::Reset))),
            journal,
            Outcome::Fail,
            "ended by Some(Reset)",
        ),
        (Some((true, None)), journal, Outcome::Fail, "ended by None"),
        (
            Some((false, Some(&off))),
            journal,
            Outcome::Fail,
            "QEMU in failure",
        ),
        (
            None,
            journal,
            Outcome::Fail,
            "still running 120 s after the order",
        ),
    ] {
        let judged = judge_power_off(ended, journal);
        assert_eq!(judged.outcome, outcome, "{ended:?}");
        assert!(judged.reason.unwrap_or_default().contains(words), "{ended:?}");
    }
}

#[test]
fn artifacts_of_an_earlier_run_go_and_other_files_stay() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("new");
    Artifacts::prepare(&at).unwrap();
    for name in ["screenshot.png", "report.json", "notes.txt"] {
        fs::write(at.join(name), "old").unwrap();
    }
    let artifacts = Artifacts::prepare(&at).unwrap();
    let left: Vec<_> = fs::read_dir(&artifacts.folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["notes.txt"]);
}

#[test]
fn a_report_for_machines_and_people() {
    let report = Report {
        iso: "/out/a.iso".into(),
        profile: "vm-test".into(),
        version: "0.1.0".into(),
        root_hash: "ab".into(),
        medium: Medium::Cd,
        firmware: Firmware::Bios,
        memory: Memory::gib(4),
        cpu: "max".into(),
        accelerator: Accelerator::Tcg,
        no_kvm: Some("the guest reset itself in early boot".into()),
        seconds: 123.4,
        passed: false,
        error: None,
        checks: vec![
            CheckResult::new(
                "nfs",
                Judgement::of("a", "b", &["no".into()]),
                Duration::from_secs(2),
            ),
            CheckResult::new("screen", Judgement::skip("headless"), Duration::ZERO),
        ],
        artifacts: "/out/logs".into(),
    };
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(
        (&json["as"], &json["firmware"], &json["accelerator"]),
        (&"cd".into(), &"bios".into(), &"tcg".into())
    );
    assert_eq!(
        (&json["memory"], &json["root-hash"]),
        (&"4G".into(), &"ab".into())
    );
    assert_eq!(
        (&json["checks"][0]["outcome"], &json["checks"][0]["reason"]),
        (&"fail".into(), &"no".into())
    );
    assert!(json.get("error").is_none());
    let text = report.to_string();
    assert!(
        text.contains("vm-test 0.1.0 as cd under bios, 4G memory, TCG: 1 checks failed in 123 s\n"),
        "{text}"
    );
    assert!(
        text.contains("Emulated, because the guest reset itself in early boot."),
        "{text}"
    );
}
