//! The program as a user meets it: exit codes and what is printed where.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::fs;
use std::path::Path;

use common::{iso, program, sample, stderr, stdout};

#[test]
fn wrong_usage_exits_2() {
    let cases: &[&[&str]] = &[
        &[],
        &["frobnicate"],
        &["build", "--arch", "sparc"],
        &["build", "--offline", "--mirror", "http://x"],
        &["smoke", "x.iso", "--memory", "lots"],
        &["smoke", "x.iso", "--timeout", "0"],
        &["lock"],
        &["flash", "x.iso"],
        &["clean", "--cache", "folder"],
        &["profiles", "show", "x", "--json", "--toml"],
        &["profiles", "match", "--desktop", "kde"],
        &["profiles", "new", "x", "--iso-mib", "many"],
    ];
    for args in cases {
        let output = program(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(
            stderr(&output).contains("Usage:") || stderr(&output).contains("--help"),
            "{args:?}"
        );
    }
}

#[test]
fn failures_exit_1_and_say_why() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let source = source.to_str().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (
            &["inspect", "/none.iso"],
            "error: cannot open /none.iso\n  because: No such file or directory",
        ),
        (
            &["inspect", "/etc/passwd"],
            "error: /etc/passwd is neither a SigmaVault ISO nor a disk image\n  because: not an ISO 9660 file",
        ),
        (
            &["profiles", "--source", source, "show", "pc-gnom"],
            "did you mean `pc-gnome`?",
        ),
        (
            &["profiles", "--source", "/", "list"],
            "error: --source /: no Cargo.toml there",
        ),
    ];
    for (args, expected) in cases {
        let output = program(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(
            stderr(&output).contains(expected),
            "{args:?}: {}",
            stderr(&output)
        );
        assert_eq!(stdout(&output), "");
    }
}

#[test]
fn profiles_are_listed_shown_and_checked() {
    let source = tempfile::tempdir().unwrap();
    let folder = source.path().join("profiles");
    fs::create_dir(&folder).unwrap();
    fs::create_dir(source.path().join("image")).unwrap();
    fs::write(source.path().join("Cargo.toml"), "").unwrap();
    for name in ["base", "child"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/profiles/valid/{name}.toml"));
        fs::copy(from, folder.join(format!("{name}.toml"))).unwrap();
    }
    let run =
        |args: &[&str]| program(&[&["--source", source.path().to_str().unwrap(), "profiles"], args].concat());
    assert_eq!(
        stdout(&run(&["list"])),
        "base   amd64,arm64  Base of the tests (abstract)\nchild  arm64        Everything a profile can say\n"
    );
    let list: serde_json::Value = serde_json::from_str(&stdout(&run(&["list", "--json"]))).unwrap();
    assert_eq!(list[1]["lineage"], serde_json::json!(["child", "base"]));
    let shown: serde_json::Value = serde_json::from_str(&stdout(&run(&["show", "child", "--json"]))).unwrap();
    assert_eq!(
        shown["drivers"]["required"],
        serde_json::json!(["nvme", "8139too"])
    );
    assert_eq!(
        shown["origins"]["drivers.required"],
        serde_json::json!(["base.toml:23", "child.toml:21"])
    );
    let text = stdout(&run(&["show", "child"]));
    assert!(
        text.lines().any(|line| line
            .split_whitespace()
            .eq(["system.hostname", "pi", "child.toml:12"])),
        "{text}"
    );
    assert!(stdout(&run(&["show", "child", "--toml"])).starts_with("# child < base\n"));
    assert_eq!(stdout(&run(&["check"])), "2 profiles are good: base, child\n");

    fs::write(
        folder.join("bad.toml"),
        "description = \"x\"\nextends = \"base\"\n[system]\npakages = []\n",
    )
    .unwrap();
    let bad = run(&["check"]);
    assert_eq!(bad.status.code(), Some(1));
    assert_eq!(
        stderr(&bad),
        "profiles/bad.toml:4: unknown key `system.pakages`; the nearest valid key is `system.packages`\n"
    );
    assert_eq!(run(&["check", "child"]).status.code(), Some(0));
    let json: serde_json::Value = serde_json::from_str(&stdout(&run(&["check", "--json"]))).unwrap();
    assert_eq!(
        (&json["faults"][0]["file"], &json["faults"][0]["line"]),
        (&"profiles/bad.toml".into(), &4.into())
    );
    // The good ones are still listed.
    let list = run(&["list"]);
    assert_eq!((list.status.code(), stdout(&list).lines().count()), (Some(1), 2));
}

#[test]
fn other_folders_of_profiles_are_read_too() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    let others = folder.path().to_str().unwrap();
    let run = |args: &[&str]| {
        let common = [
            "--source",
            source.to_str().unwrap(),
            "profiles",
            "--profiles",
            others,
        ];
        program(&[&common[..], args].concat())
    };
    let new = [
        "new",
        "shop",
        "--description",
        "For the shop",
        "--extends",
        "server",
        "--iso-mib",
        "700",
    ];
    let written = run(&new);
    assert_eq!(written.status.code(), Some(0), "{}", stderr(&written));
    let path = folder.path().join("shop.toml");
    assert!(
        stdout(&written).starts_with(&format!("wrote {}\n", path.display()))
            && stdout(&written).contains(&format!("profiles check shop --profiles {others}\n")),
        "{}",
        stdout(&written)
    );
    assert_eq!(stdout(&run(&["check", "shop"])), "1 profiles are good: shop\n");
    assert!(
        stdout(&run(&["list"])).contains("\nshop "),
        "{}",
        stdout(&run(&["list"]))
    );
    let again = run(&new);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        stderr(&again).contains("two profiles are called `shop`: "),
        "{}",
        stderr(&again)
    );
    // Nobody is there to be asked.
    let unnamed = run(&["new", "--description", "x"]);
    assert_eq!(unnamed.status.code(), Some(1));
    assert!(
        stderr(&unnamed).contains("Name is not given"),
        "{}",
        stderr(&unnamed)
    );
    assert_eq!(
        stdout(&run(&["schema"])),
        fs::read_to_string(folder.path().join("profile.schema.json")).unwrap()
    );
}

#[test]
fn an_iso_is_inspected() {
    let folder = tempfile::tempdir().unwrap();
    let path = iso(folder.path(), 0);
    let good = program(&["inspect", path.to_str().unwrap(), "--json"]);
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
    let json: serde_json::Value = serde_json::from_str(&stdout(&good)).unwrap();
    assert_eq!(json["manifest"]["root-hash"], common::sample::ROOT_HASH);
    assert_eq!(
        json["table"]["partitions"][1]["guid"],
        "1a72fe1a-8c71-a268-6adc-1852194081f7"
    );
    assert_eq!(
        (&json["checked"]["sums"], &json["checked"]["root-verified"]),
        (&"no-file".into(), &true.into())
    );
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let cut = program(&["inspect", path.to_str().unwrap()]);
    assert_eq!(cut.status.code(), Some(1));
    let expected = format!("truncated: {} bytes of {}", whole.len() / 2, whole.len());
    assert!(stderr(&cut).contains(&expected), "{}", stderr(&cut));
}

#[test]
fn one_flipped_byte_is_found_by_inspect() {
    let folder = tempfile::tempdir().unwrap();
    let path = iso(folder.path(), 0);
    let bytes = fs::read(&path).unwrap();
    let inspect = || program(&["inspect", path.to_str().unwrap()]);
    assert!(
        stdout(&inspect()).contains("no SHA256SUMS beside it to compare with"),
        "{}",
        stdout(&inspect())
    );
    let sums = std::process::Command::new("sha256sum")
        .current_dir(folder.path())
        .arg("test.iso")
        .output()
        .unwrap();
    fs::write(folder.path().join("SHA256SUMS"), &sums.stdout).unwrap();
    let good = inspect();
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
    assert_eq!(stderr(&good), "", "quick work shows no progress");
    let text = stdout(&good);
    assert!(
        text.contains(", as SHA256SUMS says\n")
            && text.contains("Root        every block has the hash that the kernel image expects\n"),
        "{text}"
    );
    // In the boot sector, where only the sums see it, and in the root file system.
    let root = sample::place(&bytes, &sample::root());
    for (at, complaints) in [(3, 1), (root + 9000, 2)] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        fs::write(&path, &flipped).unwrap();
        let bad = inspect();
        assert_eq!(bad.status.code(), Some(1));
        let text = stderr(&bad);
        assert!(text.contains("but SHA256SUMS says "), "{text}");
        assert_eq!(text.lines().count(), complaints, "{text}");
    }
}

#[test]
fn completions_and_man_pages_name_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&program(&["completions", shell]));
        for word in [
            "build", "smoke", "flash", "inspect", "profiles", "doctor", "lock", "pool", "clean", "dry-run",
        ] {
            assert!(script.contains(word), "{shell} {word}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let man = folder.path().join("man");
    assert_eq!(program(&["man", man.to_str().unwrap()]).status.code(), Some(0));
    let page = fs::read_to_string(man.join("sigmavault-image-flash.1")).unwrap();
    assert!(page.contains("Write an image to a disk and verify it"), "{page}");
    let mut pages: Vec<_> = fs::read_dir(&man)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    pages.sort();
    assert_eq!(pages.len(), 19);
}

#[test]
fn scripts_and_program_find_the_same_cache() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = std::env::var_os("PATH").unwrap();
    let run = |program: &str, args: &[&str], variables: &[(&str, &str)]| {
        let mut command = std::process::Command::new(program);
        command.args(args).current_dir("/").env_clear().env("PATH", &path);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert_eq!(stderr(&output), "", "{variables:?}");
        stdout(&output)
    };
    let script = format!(
        "set -u; mkdir() {{ :; }}; source={}; . \"$source/ci/lib.sh\"; echo \"$cache\"",
        source.canonicalize().unwrap().display()
    );
    let cases: [&[(&str, &str)]; 6] = [
        &[],
        &[("HOME", "")],
        &[("HOME", "/nowhere/h")],
        &[("HOME", "relative")],
        &[("HOME", "/nowhere/h"), ("XDG_CACHE_HOME", "/nowhere/x")],
        &[("HOME", "/nowhere/h"), ("XDG_CACHE_HOME", "relative")],
    ];
    for variables in cases {
        let told = run("sh", &["-ec", &script], variables);
        let report = run(
            env!("CARGO_BIN_EXE_sigmavault-image"),
            &["doctor", "--json"],
            variables,
        );
        assert!(told.trim().ends_with("/sigmavault"), "{told}");
        assert!(report.contains(told.trim()), "{variables:?}: {told} {report}");
    }
}

#[test]
fn the_doctor_tells_what_was_found() {
    let output = program(&["doctor", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(output.status.code(), Some(i32::from(report["ready"] != true)));
    let checks = report["checks"].as_array().unwrap();
    for check in checks
        .iter()
        .filter(|check| check["required"] == true && check["good"] == false)
    {
        assert!(check["fix"].is_string(), "{check}");
    }
    let text = stdout(&program(&["doctor"]));
    assert!(
        text.contains("mmdebstrap") && !text.contains('\u{1b}'),
        "no colours in a pipe: {text}"
    );
}
