//! `config.txt`: the settings that decide what is started. A later line wins over an earlier one.
//!
//! `include FILE` puts the file's lines in that place, with the filters in force there. The boot loader in the EEPROM does not
//! follow it, so what that needs (`start_file`, `fixup_file`, and on a Pi 5 `os_check` and `device_tree` when it judges a
//! partition) must stand in `config.txt` itself.

use crate::filter::{Facts, Filters};
use crate::lines::{Line, lines, number};
use crate::note::Note;

/// How deep files may include files. Not documented.
const DEPTH: usize = 8;
/// Settings that change what is started, and that the model leaves out.
const LEFT_OUT: [&str; 10] = [
    "auto_initramfs",
    "initramfs",
    "boot_ramdisk",
    "armstub",
    "start_x",
    "start_debug",
    "kernel_address",
    "kernel_old",
    "dtparam",
    "gpu_mem",
];

/// What `config.txt` says for one start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The kernel's file.
    pub kernel: Option<String>,
    /// The initrds, in their order.
    pub initrds: Vec<String>,
    /// The file with the kernel's command line.
    pub command_line: String,
    /// What is put in front of the names of the system's files.
    pub os_prefix: Option<String>,
    /// The device tree's file; an empty one asks for none.
    pub device_tree: Option<String>,
    /// Overlays that the firmware would apply, with their parameters.
    pub overlays: Vec<String>,
    /// Whether the names of the mainline kernel are preferred.
    pub upstream_kernel: bool,
    /// Whether the kernel is started in 64-bit mode.
    pub arm_64bit: bool,
    /// Whether the primary serial port is for the console; `None` leaves that to the board.
    pub enable_uart: Option<bool>,
    /// Whether a Pi 5's boot loader looks for a device tree of its processor before it takes a partition.
    pub os_check: bool,
    /// The firmware of a Pi 4.
    pub start_file: String,
    /// What belongs to `start_file`.
    pub fixup_file: String,
    /// What was odd.
    pub notes: Vec<Note>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kernel: None,
            initrds: Vec::new(),
            command_line: "cmdline.txt".to_owned(),
            os_prefix: None,
            device_tree: None,
            overlays: Vec::new(),
            upstream_kernel: false,
            arm_64bit: true,
            enable_uart: None,
            os_check: true,
            start_file: "start4.elf".to_owned(),
            fixup_file: "fixup4.dat".to_owned(),
            notes: Vec::new(),
        }
    }
}

/// Gives the bytes of a file, if it is there.
pub type Open<'a, E> = dyn FnMut(&str) -> Result<Option<Vec<u8>>, E> + 'a;

/// Reads the file as the boot loader in the EEPROM does, which includes nothing.
pub fn read_alone(bytes: &[u8], facts: &Facts) -> Settings {
    let mut reader = Reader::new(facts);
    // What cannot fail gives no error to pass on.
    let _ = reader.read(bytes, 0, &mut |_| Ok::<_, std::convert::Infallible>(None));
    reader.settings
}

/// Reads the file with what it includes; `open` gives the bytes of a file, if it is there.
pub fn read<E>(bytes: &[u8], facts: &Facts, open: &mut Open<'_, E>) -> Result<Settings, E> {
    let mut reader = Reader::new(facts);
    reader.read(bytes, 0, open)?;
    Ok(reader.settings)
}

struct Reader<'a> {
    facts: &'a Facts,
    filters: Filters,
    settings: Settings,
}

impl<'a> Reader<'a> {
    fn new(facts: &'a Facts) -> Self {
        Self {
            facts,
            filters: Filters::default(),
            settings: Settings::default(),
        }
    }

    fn read<E>(&mut self, bytes: &[u8], depth: usize, open: &mut Open<'_, E>) -> Result<(), E> {
        let text = String::from_utf8_lossy(bytes);
        for (line, cut) in lines(&text) {
            if let Line::Filter(filter) = line {
                self.filters.take(filter, self.facts);
                continue;
            }
            if !self.filters.pass() {
                continue;
            }
            match line {
                Line::Filter(_) => {}
                Line::Setting(name, value) => {
                    if cut {
                        self.note(Note::LineCut(name.to_owned()));
                    }
                    self.set(name, value, depth);
                }
                Line::Words("include", file) => match open(file)? {
                    Some(bytes) if depth < DEPTH => self.read(&bytes, depth + 1, open)?,
                    _ => self.note(Note::NoInclude(file.to_owned())),
                },
                Line::Words(_, words) => {
                    if cut {
                        self.note(Note::LineCut("initramfs".to_owned()));
                    }
                    // Behind the files stands their address, which is the loader's affair.
                    self.settings.initrds = files(words.split(' ').next().unwrap_or_default());
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str, depth: usize) {
        let settings = &mut self.settings;
        let text = value.to_owned();
        match name {
            "kernel" => settings.kernel = Some(text),
            "ramfsfile" => settings.initrds = files(value),
            "cmdline" => settings.command_line = text,
            "os_prefix" => settings.os_prefix = Some(text),
            "device_tree" => settings.device_tree = Some(text),
            "dtoverlay" | "device_tree_overlay" if !value.is_empty() => settings.overlays.push(text),
            "upstream_kernel" => settings.upstream_kernel = is_on(value),
            "arm_64bit" => settings.arm_64bit = is_on(value),
            "enable_uart" => settings.enable_uart = Some(is_on(value)),
            "os_check" => settings.os_check = is_on(value),
            "start_file" if depth == 0 => settings.start_file = text,
            "fixup_file" if depth == 0 => settings.fixup_file = text,
            _ if LEFT_OUT.contains(&name) => self.note(Note::SettingIgnored(format!("{name}={value}"))),
            _ => {}
        }
    }

    fn note(&mut self, note: Note) {
        self.settings.notes.push(note);
    }
}

/// File names separated by commas.
fn files(names: &str) -> Vec<String> {
    names
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn is_on(value: &str) -> bool {
    number(value).is_some_and(|number| number != 0)
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
