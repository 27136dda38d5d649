//! The guest's serial port: a growing log that tells how far the boot has come and how it ended.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Longer lines are cut in two; a loader that draws a menu may never end its line.
const LONGEST: usize = 16 * 1024;
/// Characters of a line in messages.
const SHOWN: usize = 400;

/// How far the boot has come, as the serial port shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing was printed yet.
    PowerOn,
    /// The firmware or the boot loader runs.
    Firmware,
    /// The kernel printed its first line.
    Kernel,
    /// systemd runs in the initrd.
    Initrd,
    /// systemd runs in the real root.
    System,
}

impl Stage {
    /// Name for a person.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PowerOn => "power on",
            Self::Firmware => "firmware and boot loader",
            Self::Kernel => "kernel",
            Self::Initrd => "initrd",
            Self::System => "system start",
        }
    }

    fn of_line(line: &str) -> Option<Self> {
        const SIGNS: [(&str, Stage); 9] = [
            ("BdsDxe:", Stage::Firmware),
            ("GNU GRUB", Stage::Firmware),
            ("EFI stub:", Stage::Firmware),
            ("] Linux version ", Stage::Kernel),
            ("Running in initrd.", Stage::Initrd),
            ("(Initrd", Stage::Initrd),
            ("initrd-switch-root.service", Stage::Initrd),
            ("Switching root", Stage::System),
            // In the initrd or in the real root; the stage before decides.
            ("systemd[1]: ", Stage::Initrd),
        ];
        // A quiet kernel prints only warnings, each with its time.
        let is_timed = || {
            let time = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
            time.is_some_and(|(time, _)| time.contains('.') && time.trim_start().parse::<f64>().is_ok())
        };
        let sign = SIGNS
            .iter()
            .find(|(sign, _)| line.contains(sign))
            .map(|(_, stage)| *stage);
        sign.or_else(|| is_timed().then_some(Self::Kernel))
    }
}

/// Whether no boot continues after this line.
fn is_fatal(line: &str) -> bool {
    const SIGNS: [&str; 7] = [
        "Kernel panic - not syncing",
        "You are in emergency mode",
        "Entering emergency mode",
        "Cannot open access to console, the root account is locked",
        "BdsDxe: No bootable option or device was found",
        "No bootable device.",
        "] Freezing execution",
    ];
    // A damaged image: systemd would wait for minutes for a root that cannot be read.
    let is_damage = line.contains("device-mapper: verity: ") && line.ends_with(" is corrupted");
    is_damage || SIGNS.iter().any(|sign| line.contains(sign))
}

/// Whether the line is one that the kernel repeats for its audit subsystem and that tells a person nothing.
fn is_noise(line: &str) -> bool {
    line.contains("] audit: type=") || line.contains("] kauditd_printk_skb: ")
}

/// Everything that the serial port has printed so far.
#[derive(Debug)]
pub struct Transcript {
    stage: Stage,
    fatal: Option<String>,
    lines: Vec<String>,
    partial: Vec<u8>,
}

impl Default for Transcript {
    fn default() -> Self {
        Self {
            stage: Stage::PowerOn,
            fatal: None,
            lines: Vec::new(),
            partial: Vec::new(),
        }
    }
}

impl Transcript {
    /// Takes more bytes, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                _ => self.partial.push(*byte),
            }
            if self.partial.len() >= LONGEST {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let line = plain(&self.partial);
        self.partial.clear();
        if line.is_empty() || is_noise(&line) {
            return;
        }
        self.stage = self.stage.max(Stage::of_line(&line).unwrap_or(Stage::Firmware));
        if self.fatal.is_none() && is_fatal(&line) {
            self.fatal = Some(line.clone());
        }
        self.lines.push(line);
    }

    /// How far the boot has come.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The line after which the boot cannot continue, if there was one.
    pub fn fatal(&self) -> Option<&str> {
        self.fatal.as_deref()
    }

    /// All finished lines, oldest first, as a person sees them.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The text of the unfinished line, such as a prompt.
    pub fn unfinished(&self) -> String {
        plain(&self.partial)
    }

    /// The last lines, oldest first, the unfinished one included, each cut to a length that fits a message.
    pub fn last(&self, count: usize) -> Vec<String> {
        let unfinished = Some(self.unfinished()).filter(|line| !line.is_empty());
        let finished = &self.lines[self.lines.len().saturating_sub(count)..];
        let all: Vec<String> = finished.iter().cloned().chain(unfinished).collect();
        all[all.len().saturating_sub(count)..]
            .iter()
            .map(|line| line.chars().take(SHOWN).collect())
            .collect()
    }
}

/// A line as a person sees it: without terminal control sequences and other control characters.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                // CSI: parameters, then one final character.
                Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                // OSC and other strings: up to BEL or ST.
                Some(']' | 'P' | 'X' | '^' | '_') => {
                    while let Some(c) = chars.next() {
                        if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                // Character sets take one more.
                Some('(' | ')' | '#' | '%') => {
                    chars.next();
                }
                _ => {}
            },
            '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}

/// The serial log on disk, read as it grows.
#[derive(Debug)]
pub struct SerialLog {
    file: File,
    /// The text that was read.
    pub transcript: Transcript,
}

impl SerialLog {
    /// Opens a log that exists, even if it is empty.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            transcript: Transcript::default(),
        })
    }

    /// Reads what was written since the last call; returns whether there was anything.
    pub fn poll(&mut self) -> io::Result<bool> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        self.transcript.feed(&bytes);
        Ok(!bytes.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::io::Write;

    const BOOT: &str = "\u{1b}[2J\u{1b}[01;01HBdsDxe: loading Boot0001 \"UEFI QEMU USB\"\r\n\
        EFI stub: Loaded initrd\r\n\
        [    0.000000] Linux version 6.12.107+deb13-amd64\r\n\
        [    3.1] systemd[1]: Running in initrd.\r\n\
        [\u{1b}[0;32m  OK  \u{1b}[0m] Reached target \u{1b}[0;1;39mBasic System\u{1b}[0m.\r\n\
        [   20.5] systemd[1]: Switching root.\r\n\
        \u{1b}]0;title\u{7}sigmavault login: ";

    fn transcript(text: &[u8]) -> Transcript {
        let mut transcript = Transcript::default();
        transcript.feed(text);
        transcript
    }

    #[test]
    fn stages_of_a_boot() {
        let ends = [
            "\n",
            "stub: Loaded initrd\r\n",
            "deb13-amd64\r\n",
            "initrd.\r\n",
            "root.\r\n",
        ];
        let stages = ends.map(|end| {
            let cut = BOOT.find(end).unwrap() + end.len();
            transcript(&BOOT.as_bytes()[..cut]).stage()
        });
        assert_eq!(
            stages,
            [
                Stage::Firmware,
                Stage::Firmware,
                Stage::Kernel,
                Stage::Initrd,
                Stage::System
            ]
        );
        assert_eq!(Transcript::default().stage(), Stage::PowerOn);
    }

    #[test]
    fn stages_of_single_lines() {
        for (line, stage) in [
            ("SeaBIOS (version 1.16.3)", Stage::Firmware),
            ("[ no time ] at all", Stage::Firmware),
            ("[    2.610987] pci 0000:00:1f.0: quirk", Stage::Kernel),
            (
                "[    5.413765] systemd[1]: Failed to find module 'autofs4'",
                Stage::Initrd,
            ),
        ] {
            assert_eq!(
                transcript(format!("{line}\n").as_bytes()).stage(),
                stage,
                "{line}"
            );
        }
    }

    #[test]
    fn last_lines_are_plain() {
        let transcript = transcript(BOOT.as_bytes());
        assert_eq!(
            transcript.last(3),
            [
                "[  OK  ] Reached target Basic System.",
                "[   20.5] systemd[1]: Switching root.",
                "sigmavault login:"
            ]
        );
        assert_eq!(transcript.fatal(), None);
    }

    #[test]
    fn fatal_lines() {
        for line in [
            "[    2.5] Kernel panic - not syncing: VFS: Unable to mount root fs",
            "You are in emergency mode. After logging in, type \"journalctl -xb\"",
            "BdsDxe: No bootable option or device was found.",
        ] {
            assert_eq!(
                transcript(format!("one\n{line}\r\nlater\n").as_bytes()).fatal(),
                Some(line)
            );
        }
    }

    #[test]
    fn audit_lines_are_left_out() {
        let text =
            b"[    1.0] a\n[   48.4] audit: type=1339 audit(1.2:3): res=0\n[   48.4] kauditd_printk_skb: 5\n";
        assert_eq!(transcript(text).last(9), ["[    1.0] a"]);
    }

    #[test]
    fn endless_lines_are_cut() {
        let transcript = transcript(&vec![b'x'; 10 * LONGEST]);
        let last = transcript.last(usize::MAX);
        assert_eq!((last.len(), last[0].len()), (10, SHOWN));
        assert_eq!(transcript.lines()[0].len(), LONGEST);
    }

    #[test]
    fn a_log_is_read_as_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serial.log");
        let mut write = fs::File::create(&path).unwrap();
        let mut log = SerialLog::open(&path).unwrap();
        assert!(!log.poll().unwrap());
        write.write_all(b"one\ntw").unwrap();
        assert!(log.poll().unwrap());
        write.write_all(b"o\n").unwrap();
        log.poll().unwrap();
        assert_eq!(log.transcript.last(9), ["one", "two"]);
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(cuts in proptest::collection::vec(0..BOOT.len(), 0..8)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut pieces = Transcript::default();
            let mut from = 0;
            for cut in cuts {
                pieces.feed(&BOOT.as_bytes()[from..cut]);
                from = cut;
            }
            pieces.feed(&BOOT.as_bytes()[from..]);
            let whole = transcript(BOOT.as_bytes());
            prop_assert_eq!(pieces.last(9), whole.last(9));
            prop_assert_eq!(pieces.stage(), whole.stage());
        }

        #[test]
        fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            for line in transcript(&bytes).last(9) {
                prop_assert!(!line.contains(char::is_control));
            }
        }
    }
}
