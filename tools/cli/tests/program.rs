//! The program itself, with a service made for the test, or none.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

/// Nothing listens on the discard port.
const DOWN: &str = "http://127.0.0.1:9";

fn hardware() -> Value {
    json!({
        "version": 1, "detected_at": "2026-11-20T09:00:00Z",
        "machine": {"vendor": "QEMU", "product": "Standard PC", "board": null},
        "virtualisation": {"hypervisor": "kvm", "container": null},
        "memory": {"installed_bytes": 17_179_869_184_u64, "seen_bytes": 16_481_083_392_u64, "limit_bytes": null,
                   "source": "smbios-modules", "how": "one module of 16 GiB RAM (SMBIOS)", "modules": []},
        "cpu": {"vendor": "AuthenticAMD", "model": "EPYC", "arch": "x86_64", "physical_cores": 4,
                "logical_cores": 8, "isa": ["avx", "avx2"]},
        "bandwidth": {"read_bytes_per_second": 21_340_000_000_u64, "threads": 4, "buffer_bytes": 1, "measured_ms": 1},
        "disks": [], "sensors": [], "firmware": "uefi", "devices": ["acpi:IPI0001:"],
        "model": {"tier": "bitnet-7b", "source": "rule", "overridden": false, "by_hardware": "bitnet-7b",
                  "reason": "16 GiB of memory, from 16 to below 32 GiB", "warnings": []},
        "warnings": []
    })
}

fn machine(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn sigmavault(root: &Path, api: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sigmavault"))
        .args(arguments)
        .args(["--api", api, "--root"])
        .arg(root)
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

/// A service that gives this answer to one request, and what it was asked.
fn service(status: &str, body: &str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 2048];
        let length = stream.read(&mut request).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8_lossy(&request[..length])
            .lines()
            .next()
            .unwrap()
            .to_owned()
    });
    (url, served)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn hardware_from_its_file() {
    let root = machine(&[("run/sigmavault/hardware.json", &hardware().to_string())]);
    let output = sigmavault(root.path(), DOWN, &["hardware"]);
    assert_eq!(
        text(output.stdout),
        "Machine     QEMU Standard PC\n\
         Hypervisor  kvm\n\
         Processor   EPYC (x86_64)\n            4 cores, 8 threads\n            avx avx2\n\
         Memory      16 GiB (15.3 GiB seen by the kernel)\n            one module of 16 GiB RAM (SMBIOS)\n\
         \x20           21.3 GB/s reading, 4 threads\n\
         Model tier  bitnet-7b\n            16 GiB of memory, from 16 to below 32 GiB\n"
    );
    let output = sigmavault(root.path(), DOWN, &["hardware", "--json"]);
    assert_eq!(
        serde_json::from_slice::<Value>(&output.stdout).unwrap(),
        hardware()
    );
}

#[test]
fn hardware_from_the_service_when_there_is_no_file() {
    let (url, served) = service("200 OK", &hardware().to_string());
    let output = sigmavault(machine(&[]).path(), &url, &["hardware", "--json"]);
    assert_eq!(served.join().unwrap(), "GET /api/v1/system/hardware HTTP/1.1");
    assert_eq!(
        serde_json::from_slice::<Value>(&output.stdout).unwrap(),
        hardware()
    );
}

#[test]
fn hardware_from_nowhere_says_what_to_do() {
    let problem = json!({"type": "urn:x", "code": "hardware-unknown", "title": "Hardware not known", "status": 503,
                         "detail": "no report", "request_id": "r1"});
    let (url, served) = service("503 Service Unavailable", &problem.to_string());
    let output = sigmavault(machine(&[]).path(), &url, &["hardware"]);
    served.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = text(output.stderr);
    assert!(
        message.starts_with("sigmavault: the hardware is unknown: cannot read "),
        "{message}"
    );
    assert!(
        message.ends_with(
            "\nand: no report (request r1)\nWrite the report again with: systemctl restart sigmavault-detect.service\n"
        ),
        "{message}"
    );
}

#[test]
fn status_from_this_machine_when_the_service_is_down() {
    let root = machine(&[
        ("proc/uptime", "3700.0 1.0\n"),
        ("proc/loadavg", "0.50 0.25 0.10 1/2 3\n"),
        (
            "proc/meminfo",
            "MemTotal: 16777216 kB\nMemAvailable: 12582912 kB\n",
        ),
        ("proc/sys/kernel/hostname", "nas\n"),
        ("run/sigmavault/hardware.json", &hardware().to_string()),
    ]);
    let output = sigmavault(root.path(), DOWN, &["status"]);
    assert_eq!(output.status.code(), Some(0));
    let (out, notes) = (text(output.stdout), text(output.stderr));
    assert!(
        notes.contains("the service at http://127.0.0.1:9 does not answer ("),
        "{notes}"
    );
    assert!(
        notes.ends_with("note: what follows was read from this machine directly\n"),
        "{notes}"
    );
    assert!(out.starts_with("Host        nas\n"), "{out}");
    assert!(
        out.contains("\nRoot        not verified: the kernel's command line has no roothash=\n"),
        "{out}"
    );
    assert!(out.contains("\nMemory      4 GiB of 16 GiB used\n"), "{out}");
    assert!(out.contains("\nModel tier  bitnet-7b\n"), "{out}");

    let output = sigmavault(root.path(), DOWN, &["status", "--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&status["hostname"], &status["model"]["tier"]),
        (&json!("nas"), &json!("bitnet-7b"))
    );
}

#[test]
fn another_program_on_the_port_is_recognised() {
    let (url, served) = service("200 OK", "<html>");
    let output = sigmavault(machine(&[]).path(), &url, &["status"]);
    served.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = text(output.stderr);
    assert!(
        message.contains("is another program listening there?"),
        "{message}"
    );
    assert!(
        message.contains("and the facts of this machine are unavailable: cannot read "),
        "{message}"
    );
}

#[test]
fn wrong_usage_exits_with_2() {
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_sigmavault"))
            .args(arguments)
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(run(&["stattus"]), Some(2));
    assert_eq!(run(&[]), Some(2));
    assert_eq!(run(&["completions", "bash"]), Some(0));
}

#[test]
fn the_committed_manual_is_that_of_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_sigmavault"))
        .arg("man")
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(status.success());
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let names = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names(folder.path()),
        [
            "sigmavault-ask.8",
            "sigmavault-boot-check.8",
            "sigmavault-completions.8",
            "sigmavault-dataset-change-key.8",
            "sigmavault-dataset-create.8",
            "sigmavault-dataset-destroy.8",
            "sigmavault-dataset-inherit.8",
            "sigmavault-dataset-list.8",
            "sigmavault-dataset-lock.8",
            "sigmavault-dataset-promote.8",
            "sigmavault-dataset-quota.8",
            "sigmavault-dataset-rename.8",
            "sigmavault-dataset-set.8",
            "sigmavault-dataset-show.8",
            "sigmavault-dataset-unlock.8",
            "sigmavault-dataset.8",
            "sigmavault-factory-reset.8",
            "sigmavault-hardware.8",
            "sigmavault-model-add.8",
            "sigmavault-model-inspect.8",
            "sigmavault-model-list.8",
            "sigmavault-model-pull.8",
            "sigmavault-model-remove.8",
            "sigmavault-model-verify.8",
            "sigmavault-model.8",
            "sigmavault-plan-make.8",
            "sigmavault-plan-show.8",
            "sigmavault-plan.8",
            "sigmavault-policy-list.8",
            "sigmavault-policy-remove.8",
            "sigmavault-policy-run.8",
            "sigmavault-policy-set.8",
            "sigmavault-policy-show.8",
            "sigmavault-policy.8",
            "sigmavault-pool-add.8",
            "sigmavault-pool-attach.8",
            "sigmavault-pool-clear.8",
            "sigmavault-pool-create.8",
            "sigmavault-pool-destroy.8",
            "sigmavault-pool-detach.8",
            "sigmavault-pool-disks.8",
            "sigmavault-pool-expand.8",
            "sigmavault-pool-export.8",
            "sigmavault-pool-import.8",
            "sigmavault-pool-list.8",
            "sigmavault-pool-offline.8",
            "sigmavault-pool-online.8",
            "sigmavault-pool-remove.8",
            "sigmavault-pool-replace.8",
            "sigmavault-pool-schedule.8",
            "sigmavault-pool-scrub.8",
            "sigmavault-pool-set.8",
            "sigmavault-pool-show.8",
            "sigmavault-pool-trim.8",
            "sigmavault-pool-upgrade.8",
            "sigmavault-pool.8",
            "sigmavault-slots-switch.8",
            "sigmavault-slots.8",
            "sigmavault-snapshot-clone.8",
            "sigmavault-snapshot-create.8",
            "sigmavault-snapshot-destroy.8",
            "sigmavault-snapshot-hold.8",
            "sigmavault-snapshot-list.8",
            "sigmavault-snapshot-release.8",
            "sigmavault-snapshot-rollback.8",
            "sigmavault-snapshot.8",
            "sigmavault-status.8",
            "sigmavault-unlock-pools.8",
            "sigmavault.8"
        ]
    );
    assert_eq!(names(folder.path()), names(&committed));
    for name in names(&committed) {
        assert!(
            fs::read(folder.path().join(&name)).unwrap() == fs::read(committed.join(&name)).unwrap(),
            "{name:?} differs; make the pages again: cargo run -p sigmavault-cli -- man tools/cli/man"
        );
    }
}
