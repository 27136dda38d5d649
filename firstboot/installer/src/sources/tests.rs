use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A machine with files, devices with labels, and files on devices; it keeps count of what was looked at.
#[derive(Default)]
struct Fake {
    files: BTreeMap<&'static str, &'static str>,
    labels: BTreeMap<&'static str, &'static str>,
    /// Further devices with a label.
    copies: Vec<(&'static str, &'static str)>,
    volumes: BTreeMap<(&'static str, &'static str), &'static str>,
    broken: Vec<&'static str>,
    seen: RefCell<Vec<String>>,
}

impl Fake {
    fn cmdline(text: &'static str) -> Self {
        let mut fake = Self::default();
        fake.files.insert("/proc/cmdline", text);
        fake
    }
}

impl Door for Fake {
    fn text(&self, path: &Path) -> io::Result<Option<String>> {
        let path = path.to_str().expect("text");
        Ok(self.files.get(path).map(|text| (*text).to_owned()))
    }

    fn devices(&self, device: &Device, patience: Duration) -> io::Result<Vec<PathBuf>> {
        self.seen
            .borrow_mut()
            .push(format!("{device:?} {}", patience.as_secs()));
        let all = || {
            self.labels
                .iter()
                .map(|(label, node)| (*label, *node))
                .chain(self.copies.iter().copied())
        };
        let is_meant = |label: &str, node: &str| match device {
            Device::Label(wanted) => wanted == label,
            Device::Path(path) => path == Path::new(node),
        };
        let meant = all().filter(|(label, node)| is_meant(label, node));
        Ok(meant.map(|(_, node)| PathBuf::from(node)).collect())
    }

    fn text_on(&self, device: &Path, file: &Path) -> io::Result<Option<String>> {
        let (device, file) = (device.to_str().expect("text"), file.to_str().expect("text"));
        if self.broken.contains(&device) {
            return Err(io::Error::other("I/O error"));
        }
        let found = self
            .volumes
            .iter()
            .find(|((on, name), _)| (*on, *name) == (device, file));
        Ok(found.map(|(_, text)| (*text).to_owned()))
    }
}

fn medium() -> Medium {
    Medium {
        esp: Some(PathBuf::from("/dev/sdb2")),
        called: "the medium's EFI system partition",
        tree: vec![PathBuf::from("/dev/sdb1"), PathBuf::from("/dev/sdb")],
    }
}

fn found(fake: &Fake) -> Result<Option<(String, String)>, String> {
    find(fake, &medium())
        .map(|found| found.map(|found| (found.place, found.text)))
        .map_err(|error| error.to_string())
}

/// The volume that the answers are on.
fn volume(fake: &Fake) -> Option<PathBuf> {
    find(fake, &medium()).unwrap().unwrap().volume
}

/// Answers that were found: where, and their text.
fn answers(place: &str, text: &str) -> (String, String) {
    (place.to_owned(), text.to_owned())
}

#[test]
fn arguments() {
    let file = |device: Device, path: &str| {
        Ok(Argument::File {
            device,
            path: PathBuf::from(path),
        })
    };
    let label = |label: &str| Device::Label(label.to_owned());
    let path = |path: &str| Device::Path(PathBuf::from(path));
    for (value, expected) in [
        ("base64:YSA9IDE=", Ok(Argument::Inline("a = 1".to_owned()))),
        ("base64:YSA9IDE", Ok(Argument::Inline("a = 1".to_owned()))),
        ("STICK:/answers.toml", file(label("STICK"), "answers.toml")),
        ("MY STICK:/a/b.toml", file(label("MY STICK"), "a/b.toml")),
        ("/dev/sda1:/x", file(path("/dev/sda1"), "x")),
        (
            "/dev/disk/by-path/pci-0000:01:00.0-nvme-1-part1:/x",
            file(path("/dev/disk/by-path/pci-0000:01:00.0-nvme-1-part1"), "x"),
        ),
    ] {
        assert_eq!(argument(value), expected, "{value}");
    }
    for (value, reason) in [
        ("", "names no device and file"),
        ("STICK", "names no device and file"),
        (":/x", "names no device and file"),
        ("STICK:x", "names no device and file"),
        ("STICK:/", "names no file, or one with '..' in its path"),
        ("STICK:/../x", "names no file, or one with '..' in its path"),
        ("STICK://x", "names no file, or one with '..' in its path"),
        ("/dev/:/x", "names a device that is not below /dev"),
        ("/dev/../x:/x", "names a device that is not below /dev"),
        ("/etc:/shadow", "names a device that is not below /dev"),
        ("base64:YSA9IDE*", "is cut off or not base64"),
        ("base64:/w==", "is base64 of something that is not UTF-8 text"),
    ] {
        assert_eq!(argument(value), Err(reason.to_owned()), "{value}");
    }
}

#[test]
fn nothing_is_there() {
    assert_eq!(found(&Fake::cmdline("quiet roothash=ab")), Ok(None));
    assert_eq!(
        find(&Fake::default(), &Medium::default()).map_err(|error| error.to_string()),
        Ok(None)
    );
}

#[test]
fn the_first_source_wins() {
    let mut fake = Fake::cmdline("quiet sigmavault.answers=base64:YSA9IDE=\n");
    fake.files.insert(CREDENTIAL, "credential");
    fake.labels.insert("SVANSWERS", "/dev/sdc1");
    fake.volumes.insert(("/dev/sdc1", "answers.toml"), "second stick");
    fake.volumes.insert(("/dev/sdb2", "answers.toml"), "esp");
    fake.volumes
        .insert(("/dev/sdb1", "sigmavault/answers.toml"), "tree");

    assert_eq!(
        found(&fake),
        Ok(Some(answers("the kernel command line", "a = 1")))
    );
    fake.files.insert("/proc/cmdline", "quiet");
    assert_eq!(
        found(&fake),
        Ok(Some(answers(
            "the system credential sigmavault.answers",
            "credential"
        )))
    );
    fake.files.remove(CREDENTIAL);
    assert_eq!(
        found(&fake),
        Ok(Some(answers(
            "answers.toml on the file system labelled SVANSWERS",
            "second stick"
        )))
    );
    fake.labels.clear();
    assert_eq!(
        found(&fake),
        Ok(Some(answers(
            "answers.toml on the medium's EFI system partition",
            "esp"
        )))
    );
    fake.volumes.remove(&("/dev/sdb2", "answers.toml"));
    assert_eq!(
        found(&fake),
        Ok(Some(answers("sigmavault/answers.toml on the medium", "tree")))
    );
}

/// A kernel command line with these answers.
fn inline(answers: &str) -> Fake {
    let coded = STANDARD_PAD_INDIFFERENT.encode(answers);
    Fake::cmdline(format!("quiet sigmavault.answers=base64:{coded}").leak())
}

#[test]
fn secrets_that_everybody_can_read_are_refused() {
    let password = "[user]\nname = 'ada'\npassword = 'correct horse'\n";
    let hash = "[user]\nname = 'ada'\npassword-hash = '$y$'\n";
    let encryption = "[encryption]\npassphrase = 'battery staple'\ntpm-pin = '271828'\n";
    assert_eq!(
        found(&inline(hash)),
        Ok(Some(answers("the kernel command line", hash)))
    );
    for (text, expected) in [
        (password, "user.password"),
        (encryption, "encryption.passphrase and encryption.tpm-pin"),
    ] {
        let error = found(&inline(text)).unwrap_err();
        let start = format!("the answers on the kernel command line hold {expected}, which every program");
        assert!(error.starts_with(&start), "{error}");
        for secret in ["horse", "staple", "271828"] {
            assert!(!error.contains(secret), "{error}");
        }
    }
    // A credential that the firmware or the hypervisor gives is read by root alone.
    for (cmdline, good) in [
        ("quiet", true),
        ("systemd.set_credential=other:x", true),
        ("systemd.set_credential=sigmavault.answers:x", false),
        ("\"systemd.set_credential_binary=sigmavault.answers:eA==\"", false),
    ] {
        let mut fake = Fake::cmdline(cmdline);
        fake.files.insert(CREDENTIAL, password);
        assert_eq!(found(&fake).is_ok(), good, "{cmdline}");
    }
}

#[test]
fn the_volume_is_that_of_the_answers() {
    let mut fake = Fake::cmdline("quiet");
    fake.volumes
        .insert(("/dev/sdb1", "sigmavault/answers.toml"), "tree");
    assert_eq!(volume(&fake).as_deref(), Some(Path::new("/dev/sdb1")));
    fake.volumes.insert(("/dev/sdb2", "answers.toml"), "esp");
    assert_eq!(volume(&fake).as_deref(), Some(Path::new("/dev/sdb2")));
    fake.labels.insert("SVANSWERS", "/dev/sdc1");
    fake.volumes.insert(("/dev/sdc1", "answers.toml"), "stick");
    assert_eq!(volume(&fake).as_deref(), Some(Path::new("/dev/sdc1")));
    fake.files.insert(CREDENTIAL, "credential");
    assert_eq!(volume(&fake), None);
    fake.files
        .insert("/proc/cmdline", "sigmavault.answers=SVANSWERS:/answers.toml");
    assert_eq!(volume(&fake).as_deref(), Some(Path::new("/dev/sdc1")));
    fake.files
        .insert("/proc/cmdline", "sigmavault.answers=base64:YSA9IDE=");
    assert_eq!(volume(&fake), None);
}

#[test]
fn a_file_named_on_the_command_line() {
    let mut fake = Fake::cmdline("sigmavault.answers=STICK:/lab/nas.toml");
    fake.labels.insert("STICK", "/dev/sdc1");
    fake.volumes.insert(("/dev/sdc1", "lab/nas.toml"), "lab");
    assert_eq!(
        found(&fake),
        Ok(Some(answers(
            "STICK:/lab/nas.toml (the kernel command line)",
            "lab"
        )))
    );
    assert_eq!(
        *fake.seen.borrow(),
        ["Label(\"STICK\") 30"],
        "a stick may take its time"
    );
    fake.files
        .insert("/proc/cmdline", "sigmavault.answers=/dev/sdc1:/lab/nas.toml");
    assert_eq!(
        found(&fake),
        Ok(Some(answers(
            "/dev/sdc1:/lab/nas.toml (the kernel command line)",
            "lab"
        )))
    );
}

#[test]
fn of_two_media_with_one_label_none_is_taken() {
    let mut fake = Fake::default();
    fake.labels.insert("SVANSWERS", "/dev/sdc1");
    fake.volumes.insert(("/dev/sdc1", "answers.toml"), "first");
    fake.volumes.insert(("/dev/sdd1", "answers.toml"), "second");
    fake.volumes.insert(("/dev/sdb2", "answers.toml"), "esp");
    assert!(found(&fake).is_ok());
    fake.copies.push(("SVANSWERS", "/dev/sdd1"));
    assert_eq!(
        found(&fake),
        Err(
            "answers.toml on the file system labelled SVANSWERS: several have this label: /dev/sdc1 /dev/sdd1\n  try: take \
             out all but one; whose answers hold is not left to chance"
                .to_owned()
        )
    );
    fake.files
        .insert("/proc/cmdline", "sigmavault.answers=SVANSWERS:/answers.toml");
    assert!(
        found(&fake)
            .unwrap_err()
            .starts_with("SVANSWERS:/answers.toml (the kernel command line): several have this label: ")
    );
    fake.files
        .insert("/proc/cmdline", "sigmavault.answers=/dev/sdd1:/answers.toml");
    assert_eq!(
        found(&fake),
        Ok(Some(answers(
            "/dev/sdd1:/answers.toml (the kernel command line)",
            "second"
        )))
    );
}

#[test]
fn what_was_meant_but_cannot_be_read_is_not_passed_over() {
    let mut fake = Fake::cmdline("sigmavault.answers=STICK:/a.toml");
    fake.files.insert(CREDENTIAL, "credential");
    let error = |fake: &Fake| {
        found(fake)
            .expect_err("an error")
            .lines()
            .next()
            .map(str::to_owned)
    };
    assert_eq!(
        error(&fake).as_deref(),
        Some("STICK:/a.toml (the kernel command line): there is no such device")
    );
    fake.labels.insert("STICK", "/dev/sdc1");
    assert_eq!(
        error(&fake).as_deref(),
        Some("STICK:/a.toml (the kernel command line): there is no such file")
    );
    fake.broken.push("/dev/sdc1");
    assert_eq!(
        error(&fake).as_deref(),
        Some("STICK:/a.toml (the kernel command line): I/O error")
    );
    fake.files
        .insert("/proc/cmdline", "sigmavault.answers=base64:c2VjcmV0*");
    let text = found(&fake).expect_err("an error");
    assert!(
        text.starts_with("sigmavault.answers= on the kernel command line is cut off or not base64\n"),
        "{text}"
    );
    assert!(!text.contains("c2Vj"), "{text}");

    let mut fake = Fake::default();
    fake.labels.insert("SVANSWERS", "/dev/sdc1");
    fake.volumes.insert(("/dev/sdb2", "answers.toml"), "esp");
    assert_eq!(
        error(&fake).as_deref(),
        Some("answers.toml on the file system labelled SVANSWERS: there is no such file")
    );
}

#[test]
fn the_tree_is_read_where_it_can_be() {
    let mut fake = Fake::default();
    fake.broken.push("/dev/sdb1");
    assert_eq!(found(&fake), Ok(None), "the whole disk shows that there is none");
    fake.volumes
        .insert(("/dev/sdb", "sigmavault/answers.toml"), "tree");
    assert_eq!(
        found(&fake),
        Ok(Some(answers("sigmavault/answers.toml on the medium", "tree")))
    );
    fake.broken.push("/dev/sdb");
    assert!(found(&fake).is_err());
}

proptest! {
    #[test]
    fn any_argument_is_refused_or_read(value in "(base64:|/dev/|LABEL)?.{0,20}(:/)?.{0,9}") {
        if let Ok(Argument::File { device, path }) = argument(&value) {
            prop_assert!(path.is_relative());
            prop_assert!(!path.components().any(|part| part == Component::ParentDir));
            if let Device::Path(node) = device {
                prop_assert!(node.starts_with("/dev"));
            }
        }
    }

    #[test]
    fn base64_text_comes_back(text in any::<String>()) {
        let coded = base64::engine::general_purpose::STANDARD.encode(&text);
        prop_assert_eq!(argument(&format!("base64:{coded}")), Ok(Argument::Inline(text)));
    }
}
