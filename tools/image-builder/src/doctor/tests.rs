use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::command::lines;
use super::facts::{
    self, Facts, Family, Kvm, LockFile, Sandbox, Space, family, has_trixie, lock, memory, virtualisation,
};
use super::judge::judge;
use crate::pipeline::emulation::Emulation;

fn ready() -> Facts {
    Facts {
        family: Family::Debian,
        mmdebstrap: Some("/usr/bin/mmdebstrap".into()),
        bwrap: Some("/usr/bin/bwrap".into()),
        keyring: Some(facts::KEYRING.into()),
        trixie_keys: true,
        root: true,
        space: vec![Space {
            places: vec!["/cache".into(), "/out".into()],
            free: Some(30 << 30),
        }],
        memory: Some(4_000_000_000),
        sandbox: Sandbox::Works,
        loops: true,
        kvm: Kvm::Opens,
        emulation: Some(Emulation::Private),
        lock: LockFile::Age(Duration::from_hours(72)),
    }
}

fn missing(facts: &Facts) -> Vec<(&'static str, String)> {
    let checks = judge(facts);
    let bad = checks.into_iter().filter(|check| check.required && !check.good);
    bad.map(|check| (check.name, check.fix.unwrap_or_default()))
        .collect()
}

#[test]
fn a_ready_host_lacks_nothing() {
    let checks = judge(&ready());
    assert!(
        checks.iter().all(|check| check.good && check.fix.is_none()),
        "{checks:?}"
    );
    let names: Vec<_> = checks.iter().map(|check| check.name).collect();
    assert_eq!(
        names,
        [
            "mmdebstrap",
            "bubblewrap",
            "keyring",
            "root",
            "disk",
            "memory",
            "sandbox",
            "loop",
            "kvm",
            "arm64",
            "lock"
        ]
    );
    assert_eq!(lines(&checks).last().unwrap(), "This host can build images.");
}

#[test]
fn each_lack_has_its_command() {
    type Change = fn(&mut Facts);
    let cases: &[(Change, &str, &str)] = &[
        (
            |facts| facts.mmdebstrap = None,
            "mmdebstrap",
            "apt-get update && apt-get install -y mmdebstrap",
        ),
        (
            |facts| (facts.family, facts.mmdebstrap) = (Family::Fedora, None),
            "mmdebstrap",
            "dnf install -y mmdebstrap",
        ),
        (
            |facts| (facts.family, facts.bwrap) = (Family::Arch, None),
            "bubblewrap",
            "pacman -S --needed --noconfirm bubblewrap",
        ),
        (
            |facts| facts.keyring = None,
            "keyring",
            "apt-get update && apt-get install -y debian-archive-keyring",
        ),
        (
            |facts| (facts.family, facts.keyring) = (Family::Fedora, None),
            "keyring",
            "dnf install -y debian-keyring",
        ),
        (
            |facts| facts.trixie_keys = false,
            "keyring",
            "curl -fLo /tmp/keyring.deb https://deb.debian.org/debian/pool/main/d/debian-archive-keyring/debian-archive-keyring_2025.1_all.deb && dpkg -i /tmp/keyring.deb",
        ),
        (|facts| facts.root = false, "root", "sudo sigmavault-image doctor"),
        (
            |facts| facts.space[0].free = Some((30 << 30) - 1),
            "disk",
            "name folders on a larger disk (`df -h` shows them): sigmavault-image build --cache DIR --out DIR; 30.00 GiB are needed",
        ),
        (
            |facts| facts.space[0].free = None,
            "disk",
            "df -h '/cache' '/out'",
        ),
        (
            |facts| facts.memory = Some(3 << 30),
            "memory",
            "fallocate -l 4G /swapfile && chmod 600 /swapfile && mkswap /swapfile && swapon /swapfile",
        ),
        (
            |facts| {
                facts.sandbox = Sandbox::Fails {
                    message: "no".into(),
                    container: true,
                    restricted: true,
                };
            },
            "sandbox",
            "start this container with the right to mount: podman run --privileged (or docker run --privileged)",
        ),
        (
            |facts| {
                facts.sandbox = Sandbox::Fails {
                    message: "no".into(),
                    container: false,
                    restricted: true,
                };
            },
            "sandbox",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ];
    for (change, name, fix) in cases {
        let mut facts = ready();
        change(&mut facts);
        assert_eq!(missing(&facts), [(*name, (*fix).to_owned())]);
    }
}

#[test]
fn without_root_the_commands_use_sudo() {
    let facts = Facts {
        root: false,
        mmdebstrap: None,
        trixie_keys: false,
        memory: Some(1),
        ..ready()
    };
    let fixes = missing(&facts);
    assert_eq!(
        fixes[0].1,
        "sudo apt-get update && sudo apt-get install -y mmdebstrap"
    );
    assert!(fixes[1].1.starts_with("curl ") && fixes[1].1.ends_with(" && sudo dpkg -i /tmp/keyring.deb"));
    assert_eq!(fixes[2].1, "sudo sigmavault-image doctor");
    assert_eq!(
        fixes[3].1,
        "sudo fallocate -l 4G /swapfile && sudo chmod 600 /swapfile && sudo mkswap /swapfile && sudo swapon /swapfile"
    );
}

#[test]
fn what_is_optional_does_not_count() {
    let absent = Facts {
        loops: false,
        kvm: Kvm::Absent { cpu: Some("kvm_amd") },
        ..ready()
    };
    assert_eq!(missing(&absent), []);
    let checks = judge(&absent);
    assert_eq!(checks[7].fix.as_deref(), Some("modprobe loop"));
    assert!(checks[8].fix.as_ref().unwrap().starts_with("modprobe kvm_amd "));
    assert!(checks[8].found.contains("`smoke` uses TCG"));
}

#[test]
fn two_file_systems_are_two_checks() {
    let space = |place: &str, free| Space {
        places: vec![PathBuf::from(place)],
        free: Some(free),
    };
    let facts = Facts {
        space: vec![space("/cache", 40 << 30), space("/out", 1 << 30)],
        ..ready()
    };
    let found: Vec<_> = judge(&facts)
        .into_iter()
        .filter(|check| check.name == "disk")
        .map(|check| check.found)
        .collect();
    assert_eq!(found, ["40.00 GiB free for /cache", "1.00 GiB free for /out"]);
}

#[test]
fn distributions() {
    let cases = [
        ("ID=debian\nVERSION_ID=\"12\"\n", Family::Debian),
        ("NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n", Family::Debian),
        ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Family::Debian),
        ("ID=fedora\n", Family::Fedora),
        ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Family::Fedora),
        ("ID=manjaro\nID_LIKE=arch\n", Family::Arch),
        (
            "ID=opensuse-tumbleweed\nID_LIKE=\"opensuse suse\"\n",
            Family::Other,
        ),
        ("", Family::Other),
    ];
    for (text, expected) in cases {
        assert_eq!(family(text), expected, "{text}");
    }
}

#[test]
fn parsers() {
    assert_eq!(
        memory("MemTotal:       16000000 kB\nSwapTotal:       1000000 kB\n"),
        Some(17_408_000_000)
    );
    assert_eq!(memory("MemTotal:       16000000 kB\n"), Some(16_384_000_000));
    assert_eq!(memory("nonsense"), None);
    assert_eq!(virtualisation("flags\t\t: fpu vmx sse\n"), Some("kvm_intel"));
    assert_eq!(virtualisation("flags\t\t: fpu svm\n"), Some("kvm_amd"));
    assert_eq!(virtualisation("flags\t\t: fpu\n"), None);
    assert!(has_trixie(
        b"\x99Debian Archive Automatic Signing Key (13/trixie) <ftpmaster@debian.org>"
    ));
    assert!(!has_trixie(
        b"\x99Debian Archive Automatic Signing Key (12/bookworm) <ftpmaster@debian.org>"
    ));
}

#[test]
fn an_old_lock_is_told() {
    let told = |lock| {
        let facts = Facts { lock, ..ready() };
        let check = judge(&facts).into_iter().find(|check| check.name == "lock")?;
        Some((check.good, check.found, check.fix))
    };
    let days = |days: u64| LockFile::Age(Duration::from_secs(days * 86_400 + 5));
    let renew = Some("sigmavault-image lock --update".to_owned());
    assert_eq!(told(LockFile::Absent), None);
    assert_eq!(
        told(days(1)),
        Some((true, "image/image.lock is 1 day old".to_owned(), None))
    );
    assert_eq!(
        told(days(9)),
        Some((
            false,
            "image/image.lock is 9 days old; the archive may no longer have its packages, which `build --locked` needs"
                .to_owned(),
            renew.clone()
        ))
    );
    assert_eq!(
        told(LockFile::Undated),
        Some((
            false,
            "image/image.lock does not say when it was written".to_owned(),
            renew
        ))
    );
}

#[test]
fn the_age_of_a_lock_is_that_of_its_oldest_part() {
    let source = tempfile::tempdir().unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_hours(498_648);
    assert_eq!(lock(None, now), LockFile::Absent);
    assert_eq!(lock(Some(source.path()), now), LockFile::Absent);
    fs::create_dir(source.path().join("image")).unwrap();
    let write = |text: &str| fs::write(source.path().join("image/image.lock"), text).unwrap();
    write("[tools]\npackages = []\n");
    assert_eq!(lock(Some(source.path()), now), LockFile::Undated);
    write(
        "[tools]\nwritten = \"2026-11-19T23:59:00Z\"\npackages = []\n\
         [image.a]\nwritten = \"2026-11-19T00:00:00Z\"\npackages = []\n",
    );
    assert_eq!(
        lock(Some(source.path()), now),
        LockFile::Age(Duration::from_hours(24))
    );
}
