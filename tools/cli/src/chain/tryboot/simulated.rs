//! A Raspberry Pi of files, for tests: its firmware follows `autoboot.txt` and the one-shot flag, its starts go as a test says,
//! and what the initrd and the boot check record about them is kept.

use std::fs;

use sigmavault_facts::Files;
use sigmavault_facts::slots::tryboot::autoboot::{Autoboot, TEXT};
use sigmavault_facts::slots::tryboot::{AUTOBOOT, FLAG, boot_device, version_path};
use sigmavault_types::slots::{BOOT_INFO_PATH, Slot};
use tempfile::TempDir;

use super::kernel::sample;
use super::{SETTLED, TrybootChain};
use crate::chain::boot_chain::{AfterBad, BootChain as _, Earlier};

/// How the starts of a slot go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// The boot check finds nothing.
    Good,
    /// The boot check finds something.
    Bad,
    /// The system stops without a word.
    Silent,
    /// The initrd saves a reason and leaves.
    Saved,
    /// The kernel does not get to the initrd.
    Early,
}

/// The machine.
pub struct Pi {
    folder: TempDir,
    pub files: Files,
    /// The flag, as the firmware holds it.
    flag: bool,
    pub running: Slot,
    /// Number of starts of each slot.
    pub starts: [u32; 2],
    /// The last start that the initrd noted, and the one before.
    current: Noted,
    previous: Option<Noted>,
    /// Failures that the initrd saved.
    failed: Vec<Slot>,
}

/// A start as the records have it.
#[derive(Clone, Copy)]
struct Noted {
    slot: Slot,
    good: bool,
    handed_over: bool,
}

impl Noted {
    fn new(slot: Slot) -> Self {
        Self {
            slot,
            good: false,
            handed_over: false,
        }
    }
}

impl Pi {
    /// A machine with a system in both slots that runs slot A.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        let pi = Self {
            folder,
            files,
            flag: false,
            running: Slot::A,
            starts: [1, 0],
            current: Noted::new(Slot::A),
            previous: None,
            failed: Vec::new(),
        };
        pi.write(AUTOBOOT, TEXT.as_bytes());
        pi.write(FLAG, b"0\n");
        pi.write("/var/lib/sigmavault/.keep", b"");
        for slot in Slot::ALL {
            pi.write(
                &version_path(slot),
                format!("0.{}.0\n", slot as u8 + 1).as_bytes(),
            );
            let files: [(&[u8; 11], u32); 5] = [
                (b"CONFIG  TXT", 40),
                (b"CMDLINE TXT", 80),
                (b"SETTINGSIMG", 512),
                (b"INITRD  IMG", 9),
                (b"VMLINUZ    ", 38 << 20),
            ];
            pi.write(&boot_device(slot), &sample(&files));
        }
        pi.boot_info(false);
        pi
    }

    pub fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.files.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn chain(&self) -> TrybootChain<'_> {
        TrybootChain { files: &self.files }
    }

    pub fn preferred(&self) -> Slot {
        self.files.parse(AUTOBOOT, Autoboot::parse).unwrap().preferred
    }

    /// What stands in a file, without its newline; empty if there is none.
    pub fn text(&self, path: &str) -> String {
        self.files.text(path).unwrap_or_default().trim_end().to_owned()
    }

    /// What the initrd tells about the start that runs.
    pub fn boot_info(&self, trying: bool) {
        let slot = self.running.name();
        let text = format!(
            r#"{{"slot":"{slot}","disk":"mmcblk0","esp":"0011","entry":"","chain":"tryboot","trying":{trying},"state":"ext4"}}"#
        );
        self.write(BOOT_INFO_PATH, text.as_bytes());
    }

    /// The power goes off, with a file beside the records that was not put in its place.
    pub fn cut_power(&mut self) {
        self.write("/boot/sigmavault/try.new", b"");
        self.flag = false;
    }

    /// The system stops in order for a restart.
    pub fn restart(&mut self) {
        self.flag = self.chain().tries_next();
        self.current.handed_over = self.flag;
    }

    /// The firmware starts a slot. Returns whether that is a try.
    pub fn start(&mut self) -> bool {
        let trying = std::mem::take(&mut self.flag);
        let preferred = self.preferred();
        self.running = if trying { preferred.other() } else { preferred };
        self.starts[self.running as usize] += 1;
        self.boot_info(trying);
        self.write(FLAG, b"0\n");
        let _ = fs::remove_file(self.files.path(SETTLED));
        trying
    }

    /// The initrd of the slot that runs notes this start.
    pub fn note_start(&mut self) {
        self.previous = Some(self.current);
        self.current = Noted::new(self.running);
    }

    /// The boot check takes down that this start was good.
    pub fn found_good(&mut self) {
        self.current.good = true;
    }

    /// What the boot check of the slot that runs does before it looks at anything. Returns whether it restarts the machine.
    pub fn settle(&mut self) -> bool {
        let earlier = Earlier {
            previous: self.previous.map(|start| start.slot),
            good: self.previous.is_some_and(|start| start.good),
            handed_over: self.previous.is_some_and(|start| start.handed_over),
            failed: std::mem::take(&mut self.failed),
        };
        let Some(tried) = self.chain().earlier_try(&earlier).unwrap() else {
            return false;
        };
        self.chain().settle(&tried).unwrap();
        assert_eq!(self.chain().earlier_try(&earlier).unwrap(), None, "counted twice");
        tried.goes_on()
    }

    /// Starts the machine, and again until it stays up or waits for somebody; each slot goes as it is said. Returns whether it
    /// is up.
    pub fn run(&mut self, health: impl Fn(Slot) -> Health) -> bool {
        for _ in 0..20 {
            let trying = self.start();
            match health(self.running) {
                Health::Early | Health::Saved | Health::Silent if !trying => return false,
                Health::Early => {}
                Health::Saved => self.failed.push(self.running),
                Health::Silent => self.note_start(),
                health => {
                    self.note_start();
                    if self.settle() {
                        self.restart();
                        continue;
                    }
                    if health == Health::Good {
                        self.chain().good().unwrap();
                        self.found_good();
                        return true;
                    }
                    if self.chain().bad() == AfterBad::Restart {
                        self.restart();
                        continue;
                    }
                    return true;
                }
            }
        }
        panic!("the machine restarts for ever: {:?}", self.folder.path());
    }
}
