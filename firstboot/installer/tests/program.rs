//! The program without screens: plain questions, answer files, reports, and what it prints about itself.
#![allow(clippy::unwrap_used)]

mod started;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use sigmavault_installer::report::MARK;

use started::{installer, text};

const ANSWERS: &str = r#"
language = "de_DE.UTF-8"
timezone = "Europe/Berlin"
[keyboard]
layout = "de"
[system]
disk = { serial = "S5GXNX0R401382F" }
confirm = "S5GXNX0R401382F"
[network]
hostname = "vault"
[user]
name = "ada"
password = "long enough"
[finish]
action = "poweroff"
on-failure = "reboot"
"#;

struct Answers {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Answers {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.toml");
        fs::write(&path, text).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    fn install(&self, scenario: &str) -> (Output, Value) {
        let output = installer(
            &[
                "--demo",
                scenario,
                "--demo-milliseconds",
                "200",
                "--answers",
                self.path(),
            ],
            "",
        );
        let out = text(&output.stdout);
        let last = out.lines().last().unwrap_or_default();
        assert_eq!(out.matches(MARK).count(), 1, "{out}");
        let report = serde_json::from_str(last.strip_prefix(MARK).unwrap()).unwrap();
        (output, report)
    }
}

#[test]
fn an_answer_file_installs_and_reports() {
    let (output, report) = Answers::new(ANSWERS).install("empty");
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}");
    for line in [
        "Disks that are ERASED",
        "  nvme0n1  500 GB  nvme  Samsung SSD 980 PRO 500GB  S5GXNX0R401382F",
        "Copy the system to slot A: 1.93 GB ...",
        "Read slot B back: done in",
        "Compare with the plan: done in",
    ] {
        assert!(
            out.lines().any(|printed| printed.starts_with(line)),
            "no '{line}' in\n{out}"
        );
    }
    assert!(!out.contains("long enough"));
    assert_eq!(report["result"], "installed");
    assert_eq!(report["disk"], "/dev/nvme0n1");
    assert_eq!(report["serial"], "S5GXNX0R401382F");
    assert_eq!(report["version"], "0.1.0");
    assert_eq!(report["root-hash"].as_str().unwrap().len(), 64);
    assert_eq!(report["refusals"], Value::Array(Vec::new()));
    assert_eq!(report["error"], Value::Null);
    assert_eq!(report.get("recovery-key-kept"), None);
    assert_eq!(
        text(&output.stderr),
        "demonstration: the machine would switch itself off now\n"
    );
}

#[test]
fn the_recovery_key_is_kept_and_not_printed() {
    let with = format!("{ANSWERS}[encryption]\npassphrase = \"correct horse\"\n");
    let (output, report) = Answers::new(&with).install("empty");
    assert_eq!(report["recovery-key-kept"], "nowhere: this is a demonstration");
    assert_eq!(report.get("recovery-key"), None);
    let out = text(&output.stdout);
    assert!(
        out.contains("\nrecovery key: nowhere: this is a demonstration\n"),
        "{out}"
    );
    // How systemd-cryptenroll's keys, and that of the demonstration, begin.
    assert!(!out.contains("cbdefghi-"), "{out}");
    let without = format!("{with}recovery-key = false\n");
    let (_, report) = Answers::new(&without).install("empty");
    assert_eq!(report.get("recovery-key-kept"), None);
}

#[test]
fn what_is_refused_or_fails_is_reported() {
    let unconfirmed = ANSWERS.replace("confirm = \"S5", "confirm = \"X5");
    let (output, report) = Answers::new(&unconfirmed).install("empty");
    assert_eq!(
        (output.status.code(), &report["result"]),
        (Some(1), &Value::from("refused"))
    );
    assert!(
        report["refusals"][0]
            .as_str()
            .unwrap()
            .contains("confirm is \"X5GXNX0R401382F\"")
    );
    assert_eq!(
        text(&output.stderr),
        "demonstration: the machine would restart now\n"
    );

    let (output, report) = Answers::new(ANSWERS).install("failing-disk");
    assert_eq!(
        (output.status.code(), &report["result"]),
        (Some(1), &Value::from("failed"))
    );
    assert!(
        report["error"]
            .as_str()
            .unwrap()
            .contains("does not hold what was written to it")
    );
    assert_eq!(report["serial"], "S5GXNX0R401382F");

    let (output, report) = Answers::new("[system]\ndisc = 1\n").install("empty");
    assert_eq!(
        (output.status.code(), &report["result"]),
        (Some(1), &Value::from("refused"))
    );
    assert!(
        report["error"]
            .as_str()
            .unwrap()
            .contains("answers.toml: line 2, column 1"),
        "{report}"
    );
}

#[test]
fn answers_are_checked() {
    let good = Answers::new(ANSWERS);
    let output = installer(&["--demo", "--check-answers", good.path()], "");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("administrator ada; SSH off"));
    let output = installer(
        &["--demo", "bios", "--answers", good.path(), "--dry-run", "--json"],
        "",
    );
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&json["valid"], &json["plan"]),
        (&Value::Bool(true), &Value::Null)
    );
    assert!(
        json["refusals"][0]
            .as_str()
            .unwrap()
            .starts_with("this machine was started by BIOS")
    );
    let output = installer(&["--demo", "--answers", good.path(), "--dry-run", "--json"], "");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["plan"]["disk"]["name"], "nvme0n1");
    assert_eq!(json["actions"][0], "check that /dev/nvme0n1 did not change");
    assert!(!text(&output.stdout).contains("long enough"));

    let unconfirmed = Answers::new(&ANSWERS.replace("confirm = \"S5", "confirm = \"X5"));
    let output = installer(&["--demo", "--check-answers", unconfirmed.path()], "");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("answers.toml: line 8, column 11: the system disk is"),
        "{said}"
    );

    let bad = Answers::new("language = 3\n");
    let output = installer(&["--check-answers", bad.path()], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("answers.toml: line 1"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn answers_are_checked_away_from_the_machine() {
    let good = Answers::new(ANSWERS);
    let output = installer(&["--check-answers", good.path()], "");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("good, as far as that can be told without the machine"));

    let bad = "[system]\ndisk.serial = 'S'\nconfirm = 'S'\n[network]\nhostname = 'Büro!'\n\
               [pool]\nname = 'mirror 1'\n[user]\nname = 'root'\npassword = 'x'\n";
    let answers = Answers::new(bad);
    let output = installer(&["--check-answers", answers.path()], "");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    for (line, place) in said.lines().zip([
        "answers.toml: line 7, column 8: pool.name: 'mirror 1' is not a name for a pool",
        "answers.toml: line 5, column 12: network.hostname: 'Büro!' is not a host name",
        "answers.toml: line 9, column 8: user.name: 'root' belongs to the system",
        "answers.toml: line 10, column 12: user.password: is too short",
    ]) {
        assert!(
            line.starts_with("refused: ") && line.contains(place),
            "no '{place}' in {line}"
        );
    }
    assert_eq!(said.lines().count(), 4, "{said}");
    let output = installer(&["--check-answers", answers.path(), "--json"], "");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["refusals"].as_array().unwrap().len(), 4);

    // The report of another machine says the rest.
    let machine = Answers::new(&text(&installer(&["--demo", "--print-machine"], "").stdout));
    let output = installer(&["--check-answers", good.path(), "--machine", machine.path()], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("Disks that are ERASED"));
    let taken = Answers::new(&ANSWERS.replace("ada", "scanner"));
    let output = installer(
        &["--check-answers", taken.path(), "--machine", machine.path()],
        "",
    );
    assert!(text(&output.stderr).contains("user.name: 'scanner' is a group of the system"));
    let output = installer(&["--check-answers", good.path(), "--machine", good.path()], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("answers.toml is not a machine"));

    fs::write(&answers.path, b"[user]\nfull-name = 'J\xfcrgen'\n").unwrap();
    let output = installer(&["--check-answers", answers.path()], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("answers.toml: line 2, column 15: a byte that is not UTF-8 text"));
}

#[test]
fn a_vlan_is_asked_for_line_by_line() {
    let input = "de_DE.UTF-8\n\nnodead\nberlin\nnvme0n1\nno\nno\nvault\nno\nyes\n3\nenp9s9\n10\n3\nenp1s0 enp2s0\nten\n10\nyes\n\
                 ada\n\nlong enough\nlong enough\nno\nS5GXNX0R401382F\n1\n";
    let output = installer(&["--demo", "--plain", "--demo-milliseconds", "200"], input);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}\n{}", text(&output.stderr));
    for said in [
        "interfaces: there is no interface 'enp9s9'",
        "Type a number.",
        "host name vault, address by DHCP; vlan vlan10 on a bond of enp1s0 enp2s0 (active-backup)\n",
    ] {
        assert!(out.contains(said), "no '{said}' in\n{out}");
    }
}

#[test]
fn a_byte_that_is_no_text_ends_nothing() {
    let mut input = b"de_DE.UTF-8\n\nnodead\nberlin\nnvme0n1\nno\nno\nv\xe4ult\nvault\nyes\n".to_vec();
    input.extend(b"ada\n\ngeheim \xfcber\nlong enough\nlong enough\nno\nS5GXNX0R401382F\n1\n");
    let mut child = Command::new(env!("CARGO_BIN_EXE_sigmavault-installer"))
        .args(["--demo", "--plain", "--demo-milliseconds", "200"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdin.take().unwrap().write_all(&input));
    let output = child.wait_with_output().unwrap();
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}\n{}", text(&output.stderr));
    assert_eq!(
        out.matches("a byte that is not text in UTF-8").count(),
        2,
        "{out}"
    );
    assert!(
        out.contains("host name vault,") && !out.contains("geheim"),
        "{out}"
    );
}

#[test]
fn nothing_is_installed_outside_a_live_medium() {
    let answers = Answers::new(ANSWERS);
    for arguments in [
        &["--answers", answers.path()][..],
        &["--plain"],
        &["--unattended"],
        &[],
    ] {
        let output = installer(arguments, "");
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("was not started from an installation medium"));
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    for arguments in [
        &["--demo", "moon"][..],
        &["--dry-run"],
        &["--json"],
        &["--plain", "--unattended"],
        &["--x"],
    ] {
        assert_eq!(installer(arguments, "").status.code(), Some(2), "{arguments:?}");
    }
    let missing = installer(&["--demo", "--answers", "/nowhere/answers.toml"], "");
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("cannot read /nowhere/answers.toml"));
    let piped = installer(&["--demo"], "");
    assert!(
        text(&piped.stderr).contains("--plain asks line by line"),
        "{}",
        text(&piped.stderr)
    );
}

#[test]
fn the_pin_of_the_tpm_is_asked_for_line_by_line() {
    let input = [
        "de_DE.UTF-8",
        "",
        "nodead",
        "berlin",
        "nvme0n1",
        "yes", // encryption
        "correct horse battery",
        "correct horse battery",
        "yes", // by the TPM
        "2718",
        "2718",
        "271828",
        "314159",
        "123456",
        "123456",
    ];
    let output = installer(&["--demo", "--plain"], &(input.join("\n") + "\n"));
    let out = text(&output.stdout);
    let mut rest = out.as_str();
    for said in [
        "Passphrase (not shown)",
        "Good.",
        "open it with a PIN instead of the passphrase? (yes or no) [no]",
        "there is always a recovery key",
        "tpm-pin: is too short: give at least 6 characters",
        "The two differ.",
        "Weak: among the first that anybody tries.",
        "Make a ZFS pool",
    ] {
        let Some((_, after)) = rest.split_once(said) else {
            panic!("'{said}' is missing or not in its place:\n{out}");
        };
        rest = after;
    }
    assert!(
        !out.contains("Make a recovery key") && !out.contains("271828"),
        "{out}"
    );
}

#[test]
fn plain_questions() {
    let input = [
        "german",
        "?",
        "de_DE.UTF-8",
        "",
        "nodead",
        "berlin",
        "sdf",
        "nvme0n1", // language to disk
        "yes",
        "short",
        "short",
        "long enough",
        "other",
        "long enough",
        "long enough",
        "",
        "", // encryption
        "yes",
        "sda sdb sdd",
        "no",
        "sda sdb sdd",
        "yes",
        "2",
        "mirror",
        "",
        "sda sdb",
        "1",
        "tank",
        "", // pool
        "my nas",
        "vault",
        "no",
        "no",
        "",
        "10.0.0.5/24",
        "x",
        "10.0.0.1",
        "", // network
        "Ada",
        "",
        "ada",
        "Ada Lovelace",
        "long enough",
        "long enough",
        "yes", // user
        "nvme0n1",
        "S5GXNX0R401382F",
        "3",
    ];
    let output = installer(
        &["--demo", "--plain", "--demo-milliseconds", "200"],
        &(input.join("\n") + "\n"),
    );
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}\n{}", text(&output.stderr));
    for said in [
        "There is no 'german'",
        "cannot be chosen: it is the medium",
        "Type one of: nvme0n1 sda sdb sdc sdd",
        "passphrase: is too short",
        "The two differ.",
        "sdd holds 2 partitions: EFI system (vfat), \"Photos\" (ntfs). Lose all of it? (yes or no) [no]",
        "name: 'mirror' means something else to ZFS",
        "hostname: 'my nas' is not a host name",
        "'x' is no address.",
        "name: 'Ada' is not a user name",
        "  tank at /srv/sigmavault/tank\n  mirror, 3.88 TB usable, any 1 disk may fail\n  encrypted (aes-256-gcm) by a key in ",
        "  language de_DE.UTF-8, keyboard de (nodeadkeys), time zone Europe/Berlin\n",
        "  host name vault, 10.0.0.5/24 on enp1s0, router 10.0.0.1; IPv6 by autoconfiguration\n",
        "  administrator ada (Ada Lovelace); SSH on\n",
        "That is not S5GXNX0R401382F. Nothing was done.",
        "SigmaVault NAS OS 0.1.0 is installed on nvme0n1.",
        "Recovery key: cbdefghi-",
        "Key of the data pool tank\n\n64656d6f6e7374726174696f6e3a206974206f70656e73206e6f7468696e6721\n",
        "  zfs load-key -L prompt tank\n",
    ] {
        assert!(out.contains(said), "no '{said}' in\n{out}");
    }
    assert_eq!(
        text(&output.stderr),
        "demonstration: the machine would switch itself off now\n"
    );
}

#[test]
fn plain_questions_of_a_reinstallation_and_an_end_before_time() {
    let output = installer(
        &["--demo", "reinstall", "--plain", "--demo-milliseconds", "200"],
        "\n\n\n\n\n\nS5GXNX0R401382F\n",
    );
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(out.contains("settings, users and data on it stay"));

    let output = installer(&["--demo", "--plain"], "\n\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr)
            .contains("the input ended before the summary was confirmed; nothing was written")
    );

    let output = installer(&["--demo", "no-disk", "--plain"], "\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("There is no disk on which the system can be installed."));
}

#[test]
fn a_plan_says_that_no_path_takes_over() {
    let pool = ANSWERS.to_owned() + "[pool]\ndisks = [{ serial = \"ZC10A1B20000C741\" }]\n";
    let answers = Answers::new(&pool);
    let path = answers.path.to_str().unwrap();
    let shown = text(&installer(&["--check-answers", path, "--demo", "used-disks"], "").stdout);
    let disk = "ZC10A1B20000C741  (one disk with 2 paths, also /dev/sdc)\n    for the data pool; holds nothing\n    \
                one path is used at a time; when it fails, no other path takes over\n";
    assert!(shown.contains(disk), "{shown}");
    assert_eq!(shown.matches("takes over").count(), 1, "{shown}");
}

#[test]
fn schema_manual_completions_and_scenarios() {
    let schema = text(&installer(&["--print-schema"], "").stdout);
    assert!(
        schema == include_str!("../answers.schema.json"),
        "--print-schema differs from answers.schema.json:\n{schema}"
    );
    let folder = tempfile::tempdir().unwrap();
    assert!(
        installer(&["--man", folder.path().to_str().unwrap()], "")
            .status
            .success()
    );
    assert!(
        fs::read_to_string(folder.path().join("sigmavault-installer.8")).unwrap()
            == include_str!("../sigmavault-installer.8"),
        "the manual page differs; make it again: cargo run -p sigmavault-installer -- --man firstboot/installer"
    );
    assert!(text(&installer(&["--completions", "bash"], "").stdout).contains("--check-answers"));
    let list = text(&installer(&["--demo", "list"], "").stdout);
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let known = [
        "empty",
        "reinstall",
        "half-done",
        "one-disk",
        "many-disks",
        "used-disks",
        "no-disk",
        "low-memory",
        "bios",
        "failing-disk",
        "setup",
    ];
    assert_eq!(names, known);
}
