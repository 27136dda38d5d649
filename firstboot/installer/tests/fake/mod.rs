//! A machine that does not exist: files below a folder, and programs that change them as the real ones would.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]
#![allow(dead_code, reason = "no test uses all of it")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sigmavault_facts::Files;
use sigmavault_host::run::{Invocation, Output, Recorder, Run, RunError};
use sigmavault_installer::site::Site;
use tempfile::TempDir;

pub mod card;
mod kernel_image;

use kernel_image::kernel_image;

/// A hash tree over [`system`], written by `veritysetup format` (cryptsetup).
const TREE: &[u8] = include_bytes!("../../../../tools/libs/verity/tests/tree-of-300-blocks");
/// Its root hash.
const ROOT_HASH: &str = "1a72fe1a8c71a2686adc1852194081f70eb888af054641ed9c8c4c16671fd230";
/// What systemd-cryptenroll prints.
const RECOVERY_KEY: &str = "cbdefghi-jklnrtuv-vutrnlkj-ihgfedbc-cdcdefef-ghghijij-klklnrnr-tutuvcvc";
/// Partition definitions of the image.
const DEFINITIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../image/overlay/usr/lib/sigmavault/repart.d"
);

/// The system on the medium: 300 blocks with a pattern.
fn system() -> Vec<u8> {
    (0..300_u32)
        .flat_map(|block| (0..4096_u32).map(move |at| (block * 7 + at * 13 + (block >> 3)).to_le_bytes()[0]))
        .collect()
}

/// A partition as lsblk shows it.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its number; 0 until it is on a disk.
    pub number: u64,
    pub label: &'static str,
    pub bytes: u64,
    pub fstype: &'static str,
}

/// The machine. Disks are `vda` for the system, `vdb` and `vdc` for a pool, and the medium `vdz`.
#[derive(Debug, Clone)]
pub struct Machine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: TempDir,
    disks: Mutex<BTreeMap<String, Vec<Part>>>,
    /// A program that fails when its line holds this.
    fails: Mutex<Option<String>>,
    /// The program after which another disk has this one's name.
    exchanged: Mutex<Option<(&'static str, &'static str)>>,
    /// Names of disks that are other ones by now.
    others: Mutex<Vec<&'static str>>,
}

impl Machine {
    /// With empty disks.
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fill(root.path());
        let medium = ["boot", "system", "tree"].map(|label| part(label, 64 << 20, "vfat"));
        let disks = BTreeMap::from([
            ("vda".to_owned(), Vec::new()),
            ("vdb".to_owned(), Vec::new()),
            ("vdc".to_owned(), Vec::new()),
            ("vdz".to_owned(), medium.to_vec()),
        ]);
        Self(Arc::new(Inner {
            root,
            disks: disks.into(),
            fails: None.into(),
            exchanged: None.into(),
            others: Vec::new().into(),
        }))
    }

    /// Puts partitions on a disk.
    pub fn holds(self, disk: &str, parts: &[Part]) -> Self {
        self.lay_out(disk, parts.to_vec());
        self
    }

    /// Has a program fail whose line holds this text.
    pub fn fails(self, text: &str) -> Self {
        *self.0.fails.lock().unwrap() = Some(text.to_owned());
        self
    }

    /// Puts another disk in the place of this one once a program has run.
    pub fn exchanges(self, disk: &'static str, after: &'static str) -> Self {
        *self.0.exchanged.lock().unwrap() = Some((disk, after));
        self
    }

    /// An installed system on the system disk, of which slot A boots.
    pub fn installed(self) -> Self {
        let slots = ["root-a", "root-a-verity", "root-b", "root-b-verity"];
        let mut parts = vec![part("esp", 1 << 30, "vfat")];
        parts.extend(slots.map(|label| part(label, 64 << 20, "")));
        parts.push(part("state", 8 << 30, "ext4"));
        let entries = self.path("/run/sigmavault/new-esp/loader/entries");
        fs::create_dir_all(&entries).unwrap();
        for (name, key) in [("a", "sigmavault-1"), ("b", "sigmavault-2")] {
            let text = format!("sort-key {key}\nefi /EFI/sigmavault/slot-{name}.efi\n");
            fs::write(entries.join(format!("sigmavault-{name}.conf")), text).unwrap();
        }
        self.holds("vda", &parts)
    }

    /// The key that an installation has left for a pool, the mode of its file and of its folder.
    pub fn pool_key(&self, pool: &str) -> (String, u32, u32) {
        let folder = self.path("/run/sigmavault/target/etc/sigmavault/keys");
        let file = folder.join(format!("{pool}.key"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let modes = (mode(&file), mode(&folder));
        (fs::read_to_string(file).unwrap(), modes.0, modes.1)
    }

    /// Where its files and programs are; what is done to them is kept by the recorder.
    pub fn site(&self) -> (Site, Recorder<Self>) {
        let recorder = Recorder::new(self.clone());
        let notes = recorder.clone();
        let site = Site::new(
            Arc::new(recorder.clone()),
            Files::new(self.0.root.path()),
            Arc::new(move |text| notes.note(text)),
        );
        (site, recorder)
    }

    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.root.path().join(path.strip_prefix("/").unwrap_or(path))
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn lay_out(&self, disk: &str, mut parts: Vec<Part>) {
        for (number, part) in (1..).zip(&mut parts) {
            part.number = number;
            self.make_device(disk, part);
        }
        self.0.disks.lock().unwrap().insert(disk.to_owned(), parts);
    }

    fn make_device(&self, disk: &str, part: &Part) {
        let file = fs::File::create(self.path(format!("/dev/{}", name_of(disk, part.number)))).unwrap();
        file.set_len(part.bytes).unwrap();
    }

    fn answer(&self, invocation: &Invocation) -> Output {
        let words: Vec<&str> = invocation
            .arguments()
            .iter()
            .map(|word| word.to_str().unwrap())
            .collect();
        let last = words.last().copied().unwrap_or_default();
        let line = invocation.to_string();
        if self
            .0
            .fails
            .lock()
            .unwrap()
            .as_ref()
            .is_some_and(|text| line.contains(text))
        {
            return Output::failure(1, "it does not work\n");
        }
        let program = invocation.program().to_str().unwrap();
        if let Some((disk, _)) = self
            .0
            .exchanged
            .lock()
            .unwrap()
            .take_if(|(_, after)| *after == program)
        {
            self.0.others.lock().unwrap().push(disk);
        }
        match (program, &words[..]) {
            ("lsblk", _) => return Output::success(self.lsblk(last)),
            ("systemd-repart", _) => self.repart(&words),
            ("partx", ["--delete", "--nr", number, disk]) => self.forget(disk, number.parse().unwrap()),
            ("mount", ["--types", "vfat", .., device, card::POINT]) => self.mount_boot(device),
            ("umount", [card::POINT]) => self.unmount_boot(),
            ("sgdisk", [change, _]) if change.starts_with("--change-name=") => self.rename(change, last),
            ("systemd-cryptenroll", words) if words.contains(&"--recovery-key") => {
                return Output::success(format!("    {RECOVERY_KEY}\n"));
            }
            ("mount", ["--types", "erofs", ..]) => {
                // What an installation before it wrote there was on other file systems.
                fs::remove_dir_all(self.path(last)).unwrap();
                self.write(
                    &format!("{last}/etc/group"),
                    "root:x:0:\nsudo:x:27:\nsigmavault:x:980:\n",
                );
                symlink(
                    "/usr/share/zoneinfo/Etc/UTC",
                    self.path(format!("{last}/etc/localtime")),
                )
                .unwrap();
            }
            ("mount", [.., "ro", _, point]) => {
                let folder = self.path(format!("{point}/EFI/Linux"));
                fs::create_dir_all(&folder).unwrap();
                let line = format!("roothash={ROOT_HASH} quiet");
                fs::write(
                    folder.join("sigmavault_0.2.0.efi"),
                    kernel_image(&line, b"kernel"),
                )
                .unwrap();
            }
            ("zpool", ["create", ..]) => {
                let key = words
                    .iter()
                    .find_map(|word| word.strip_prefix("keylocation=file://"));
                if key.is_some_and(|file| !self.path(file).is_file()) {
                    return Output::failure(1, "Key load error: no such file\n");
                }
                let cache = words.iter().find_map(|word| word.strip_prefix("cachefile="));
                self.write(cache.unwrap(), "cache\n");
            }
            ("zpool", ["export", _]) => {
                fs::remove_file(self.path("/run/sigmavault/target/etc/zfs/zpool.cache")).unwrap();
            }
            ("sshd", _) => {
                let text = String::from_utf8_lossy(invocation.standard_input().bytes()).to_lowercase();
                return Output::success(text);
            }
            ("nmcli", _) => return Output::success(invocation.standard_input().bytes()),
            ("ckbcomp", [.., layouts, _, _]) => return Output::success(keymap(layouts)),
            ("localectl", _) => return Output::success("C.UTF-8\nde_DE.UTF-8\n"),
            ("timedatectl", _) => return Output::success("Etc/UTC\nEurope/Berlin\n"),
            _ => {}
        }
        Output::success("")
    }

    /// Partitions by the definitions, with the sizes and names of the drop-ins.
    fn repart(&self, words: &[&str]) {
        let folder = words.iter().find_map(|word| word.strip_prefix("--definitions="));
        let mut names: Vec<PathBuf> = fs::read_dir(self.path(folder.unwrap()))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .collect();
        names.sort();
        let kept = |path: &&PathBuf| path.with_extension("conf.d").is_dir();
        let parts = names.iter().filter(kept).map(|path| {
            let drop_in = path.with_extension("conf.d").join("plan.conf");
            let text = fs::read_to_string(drop_in).unwrap();
            let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
            let name = path.file_stem().unwrap().to_str().unwrap();
            let encrypted = value("Encrypt=").is_some();
            part(
                value("Label=").unwrap_or(&name[3..]).to_owned().leak(),
                value("SizeMinBytes=").unwrap().parse().unwrap(),
                if encrypted { "crypto_LUKS" } else { "" },
            )
        });
        let disk = words.last().unwrap().trim_start_matches("/dev/");
        if words.contains(&"--empty=force") {
            self.lay_out(disk, parts.collect());
        } else {
            self.add(disk, parts.collect());
        }
    }

    fn rename(&self, change: &str, disk: &str) {
        let (number, name) = change
            .trim_start_matches("--change-name=")
            .split_once(':')
            .unwrap();
        let number: u64 = number.parse().unwrap();
        let mut disks = self.0.disks.lock().unwrap();
        let parts = disks.get_mut(disk.trim_start_matches("/dev/")).unwrap();
        let part = parts.iter_mut().find(|part| part.number == number).unwrap();
        part.label = name.to_owned().leak();
    }

    fn lsblk(&self, last: &str) -> String {
        let wanted = last.strip_prefix("/dev/");
        let disks = self.0.disks.lock().unwrap();
        let devices: Vec<Value> = disks
            .iter()
            .filter(|(name, _)| wanted.is_none_or(|wanted| wanted == name.as_str()))
            .map(|(name, parts)| {
                let serial = if self.0.others.lock().unwrap().contains(&name.as_str()) {
                    "another".to_owned()
                } else {
                    format!("S-{name}")
                };
                device(name, &serial, parts)
            })
            .collect();
        json!({ "blockdevices": devices }).to_string()
    }
}

impl Run for Machine {
    fn run(&self, invocation: &Invocation) -> Result<Output, RunError> {
        Ok(self.answer(invocation))
    }
}

/// A keymap in which every layout has its letters, and the space bar.
fn keymap(layouts: &str) -> String {
    let mut lines = vec!["keymaps 0-3".to_owned(), "keycode 57 = U+0020".to_owned()];
    // A key gives its letter of each layout.
    for key in 0..26 {
        let letter = |layout| u32::from(if layout == "ru" { 'а' } else { 'a' }) + key;
        let letters: Vec<String> = layouts
            .split(',')
            .map(|layout| format!("+U+{:04x}", letter(layout)))
            .collect();
        lines.push(format!("keycode {} = {}", 16 + key, letters.join(" ")));
    }
    lines.join("\n") + "\n"
}

/// A partition.
pub fn part(label: &'static str, bytes: u64, fstype: &'static str) -> Part {
    Part {
        number: 0,
        label,
        bytes,
        fstype,
    }
}

/// Kernel name of a partition.
fn name_of(disk: &str, number: u64) -> String {
    let between = if disk.ends_with(|letter: char| letter.is_ascii_digit()) {
        "p"
    } else {
        ""
    };
    format!("{disk}{between}{number}")
}

fn device(name: &str, serial: &str, parts: &[Part]) -> Value {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut start = 2048;
    let children: Vec<Value> = parts
        .iter()
        .map(|part| {
            let name = name_of(name, part.number);
            let before = start;
            start += part.bytes / 512;
            json!({
                "name": name, "path": format!("/dev/{name}"), "type": "part", "size": part.bytes, "start": before,
                "partlabel": part.label, "partn": part.number, "parttype": card::kind(part.label),
                "fstype": text(part.fstype), "mountpoints": [null],
            })
        })
        .collect();
    json!({
        "name": name, "path": format!("/dev/{name}"), "type": "disk", "size": 200_000_000_000_u64,
        "model": "Fake", "serial": serial, "tran": if name == "vdz" { "usb" } else { "virtio" },
        "rota": false, "ro": false, "log-sec": 512, "mountpoints": [null],
        "pttype": if parts.is_empty() { None } else { Some("gpt") }, "children": children,
    })
}

/// The files that the installer reads.
fn fill(root: &Path) {
    let path = |path: &str| root.join(path);
    for folder in [
        "proc",
        "etc",
        "run/sigmavault",
        "dev/mapper",
        "dev/sigmavault",
        "dev/disk/by-id",
        "sys/firmware/efi",
        "sys/class/tpm/tpm0",
        "sys/class/net/enp1s0",
        "sys/class/block",
        "sys/devices/vdz",
        "usr/lib/sigmavault",
        "usr/share/X11/xkb/rules",
    ] {
        fs::create_dir_all(path(folder)).unwrap();
    }
    let cmdline = format!("quiet sigmavault.live roothash={ROOT_HASH}\n");
    let files: [(&str, &[u8]); 11] = [
        ("proc/cmdline", cmdline.as_bytes()),
        (
            "proc/meminfo",
            b"MemTotal: 8000000 kB\nMemFree: 1 kB\nMemAvailable: 7000000 kB\n",
        ),
        ("etc/hostid", b"\x01\x02\x03\x04"),
        ("etc/passwd", b"root:x:0:0:root:/root:/bin/bash\n"),
        ("etc/group", b"root:x:0:\nsudo:x:27:\nscanner:x:111:\n"),
        ("sys/class/tpm/tpm0/tpm_version_major", b"2\n"),
        ("usr/lib/sigmavault/image.json", br#"{"version": "0.2.0"}"#),
        (
            "usr/share/X11/xkb/rules/base.lst",
            b"! layout\n  us English\n  de German\n  ru Russian\n",
        ),
        ("dev/dm-0", &system()),
        ("dev/vdz1", b""),
        ("dev/vdz3", TREE),
    ];
    for (file, bytes) in files {
        fs::write(path(file), bytes).unwrap();
    }
    for (link, target) in [
        ("dev/mapper/root", "../dm-0"),
        ("dev/sigmavault/root-verity", "../vdz3"),
        ("dev/sigmavault/esp", "../vdz1"),
        ("usr/lib/sigmavault/repart.d", DEFINITIONS),
    ] {
        symlink(target, path(link)).unwrap();
    }
    for disk in ["vda", "vdb", "vdc", "vdz"] {
        fs::write(path(&format!("dev/{disk}")), "").unwrap();
        symlink(
            format!("../../{disk}"),
            path(&format!("dev/disk/by-id/virtio-S-{disk}")),
        )
        .unwrap();
    }
    for part in ["vdz1", "vdz3"] {
        fs::create_dir(path(&format!("sys/devices/vdz/{part}"))).unwrap();
        symlink(
            format!("../../devices/vdz/{part}"),
            path(&format!("sys/class/block/{part}")),
        )
        .unwrap();
    }
    // Links to a network interface's hardware are what tells it from a virtual one.
    symlink("../../../devices", path("sys/class/net/enp1s0/device")).unwrap();
}
