//! Facts as text for a terminal.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use sigmavault_types::hardware::{HardwareReport, IsaFlag, Sensor, SensorKind};

use crate::terminal::printable;

/// Width of the column of names.
const NAMES: usize = 12;

/// Ends a colour.
const PLAIN: &str = "\x1b[0m";

/// All sequences that [`Style`] writes.
const PAINTED: [&str; 4] = [PLAIN, "\x1b[1m", "\x1b[32m", "\x1b[33m"];

/// How text is written. Text is made safe for a terminal on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether to use terminal colours.
    pub colour: bool,
}

impl Style {
    /// Colours when standard output is a terminal and `NO_COLOR` is unset or empty (<https://no-color.org>).
    pub fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colour: std::io::stdout().is_terminal() && !refused,
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        let text = printable(text);
        if self.colour {
            format!("\x1b[{code}m{text}{PLAIN}")
        } else {
            text
        }
    }

    /// A value in which only what [`Style`] itself paints acts on the terminal.
    fn guarded(self, value: &str) -> String {
        if !self.colour {
            return printable(value);
        }
        let mut safe = String::new();
        let mut rest = value;
        while let Some(at) = rest.find('\x1b') {
            let (before, escape) = rest.split_at(at);
            safe.push_str(&printable(before));
            let own = PAINTED.into_iter().find(|own| escape.starts_with(own));
            let (first, after) = escape.split_at(own.map_or(1, str::len));
            match own {
                Some(own) => safe.push_str(own),
                None => safe.push_str(&printable(first)),
            }
            rest = after;
        }
        safe + &printable(rest)
    }

    /// The most important value.
    pub fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// A value that is in order.
    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// A value that needs attention.
    pub fn bad(self, text: &str) -> String {
        self.paint("33", text)
    }
}

/// Aligned lines of names and values.
#[derive(Debug)]
pub struct Sheet {
    style: Style,
    text: String,
}

impl Sheet {
    /// An empty sheet.
    pub fn new(style: Style) -> Self {
        Self {
            style,
            text: String::new(),
        }
    }

    /// Adds a name and its value. An empty name continues the value above.
    pub fn line(&mut self, name: &str, value: &str) {
        let padded = format!("{name:NAMES$}");
        let name = if name.is_empty() {
            padded
        } else {
            self.style.strong(&padded)
        };
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{name}{}", self.style.guarded(value));
    }

    /// Adds rows of cells in aligned columns under a name; nothing when there are no rows.
    pub fn table(&mut self, name: &str, rows: &[Vec<String>]) {
        let guarded = |row: &Vec<String>| row.iter().map(|cell| self.style.guarded(cell)).collect();
        let rows: Vec<Vec<String>> = rows.iter().map(guarded).collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column| {
            rows.iter()
                .filter_map(|row: &Vec<String>| row.get(column))
                .map(|cell: &String| cell.chars().count())
                .max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for (index, row) in rows.iter().enumerate() {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, &width)| format!("{cell:width$}"))
                .collect();
            self.line(if index == 0 { name } else { "" }, cells.join("  ").trim_end());
        }
    }

    /// The text so far.
    pub fn finish(self) -> String {
        self.text
    }
}

/// A size in binary units with one decimal, such as `15.4 GiB`; whole numbers without the decimal.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut unit = 0;
    while unit + 1 < UNITS.len() && bytes >> (10 * (unit + 1)) > 0 {
        unit += 1;
    }
    let shift = 10 * unit;
    let tenths = (u128::from(bytes) * 10 + (1 << shift) / 2) >> shift;
    if tenths.is_multiple_of(10) {
        format!("{} {}", tenths / 10, UNITS[unit])
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

/// A disk's size in decimal units, as it is printed on the disk, such as `4.0 TB`.
pub fn disk_size(bytes: u64) -> String {
    let (unit, name) = if bytes >= 1_000_000_000_000 {
        (1_000_000_000_000, "TB")
    } else {
        (1_000_000_000, "GB")
    };
    let tenths = (u128::from(bytes) * 10 + unit / 2) / unit;
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// A duration in its two largest units, such as `3 d 4 h`.
pub fn duration(seconds: f64) -> String {
    // Saturates; negative and NaN become 0.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let seconds = seconds as u64;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// The hardware report for a person.
pub fn hardware(report: &HardwareReport, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let machine = &report.machine;
    let name = [machine.vendor.as_deref(), machine.product.as_deref()];
    let mut name = name.into_iter().flatten().collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        name.push_str("unknown");
    }
    if let Some(board) = &machine.board {
        let _ = write!(name, ", board {board}");
    }
    sheet.line("Machine", &name);
    if let Some(hypervisor) = &report.virtualisation.hypervisor {
        sheet.line("Hypervisor", hypervisor);
    }
    if let Some(container) = &report.virtualisation.container {
        sheet.line("Container", container);
    }

    let cpu = &report.cpu;
    let model = cpu
        .model
        .as_deref()
        .or(cpu.vendor.as_deref())
        .unwrap_or("unknown");
    sheet.line("Processor", &format!("{model} ({})", cpu.arch.name()));
    let threads = count(cpu.logical_cores, "thread");
    sheet.line("", &format!("{}, {threads}", count(cpu.physical_cores, "core")));
    if !cpu.isa.is_empty() {
        let flags: Vec<&str> = cpu.isa.iter().copied().map(IsaFlag::name).collect();
        sheet.line("", &flags.join(" "));
    }

    let memory = &report.memory;
    let installed = format!(
        "{} ({} seen by the kernel)",
        size(memory.installed_bytes),
        size(memory.seen_bytes)
    );
    sheet.line("Memory", &installed);
    sheet.line("", &memory.how);
    if let Some(bandwidth) = &report.bandwidth {
        let tenths = bandwidth.read_bytes_per_second / 100_000_000;
        let threads = count(bandwidth.threads, "thread");
        sheet.line(
            "",
            &format!("{}.{} GB/s reading, {threads}", tenths / 10, tenths % 10),
        );
    }

    sheet.table("Disks", &disk_rows(report));
    sheet.table(
        "Sensors",
        &report.sensors.iter().map(sensor_row).collect::<Vec<_>>(),
    );

    sheet.line("Model tier", &style.good(report.model.tier.name()));
    sheet.line("", &report.model.reason);
    for warning in report.model.warnings.iter().chain(&report.warnings) {
        sheet.line("Note", &style.bad(warning));
    }
    sheet.finish()
}

fn disk_rows(report: &HardwareReport) -> Vec<Vec<String>> {
    let row = |disk: &sigmavault_types::hardware::Disk| {
        let kind = if disk.rotational {
            "spinning"
        } else {
            "solid state"
        };
        vec![
            disk.name.clone(),
            disk_size(disk.size_bytes),
            disk.transport.name().to_owned(),
            if disk.removable {
                format!("{kind}, removable")
            } else {
                kind.to_owned()
            },
            disk.model.clone().unwrap_or_else(|| "-".to_owned()),
            disk.serial.clone().unwrap_or_default(),
        ]
    };
    report.disks.iter().map(row).collect()
}

fn sensor_row(sensor: &Sensor) -> Vec<String> {
    let value = match sensor.kind {
        SensorKind::Temperature => format!("{:.1} °C", sensor.value),
        SensorKind::Fan => format!("{:.0} rpm", sensor.value),
        SensorKind::Power => format!("{:.1} W", sensor.value),
    };
    vec![sensor.chip.clone(), sensor.label.clone(), value]
}

fn count(number: u32, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_colours_reach_the_terminal() {
        let hostile = "a\x1b[2J\u{9b}b\u{202e}\n";
        let safe = "a\\u{1b}[2J\\u{9b}b\\u{202e}\\n";
        for colour in [false, true] {
            let style = Style { colour };
            let mut sheet = Sheet::new(style);
            sheet.line("", hostile);
            sheet.line("", &format!("{hostile}{}", style.good(hostile)));
            sheet.table("", &[vec![hostile.to_owned()]]);
            let good = if colour {
                format!("\x1b[32m{safe}\x1b[0m")
            } else {
                safe.to_owned()
            };
            let none = " ".repeat(NAMES);
            assert_eq!(
                sheet.finish(),
                format!("{none}{safe}\n{none}{safe}{good}\n{none}{safe}\n")
            );
        }
    }

    #[test]
    fn sizes_have_one_decimal_where_needed() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(16 << 30), "16 GiB");
        assert_eq!(size(16_481_083_392), "15.3 GiB");
        assert_eq!(size(u64::MAX), "16384 PiB");
        assert_eq!(disk_size(4_000_787_030_016), "4.0 TB");
        assert_eq!(disk_size(500_107_862_016), "500.1 GB");
    }

    #[test]
    fn durations_show_two_units() {
        assert_eq!(duration(12.9), "12 s");
        assert_eq!(duration(75.0), "1 min 15 s");
        assert_eq!(duration(3700.0), "1 h 1 min");
        assert_eq!(duration(273_700.0), "3 d 4 h");
        assert_eq!(duration(-1.0), "0 s");
    }

    #[test]
    fn tables_are_aligned_and_coloured_only_on_request() {
        let rows = vec![
            vec!["a".to_owned(), "b".to_owned()],
            vec!["long".to_owned(), "c".to_owned()],
        ];
        let mut sheet = Sheet::new(Style { colour: false });
        sheet.table("Disks", &rows);
        assert_eq!(sheet.finish(), "Disks       a     b\n            long  c\n");
        let mut sheet = Sheet::new(Style { colour: true });
        sheet.line("Disks", "a");
        assert_eq!(sheet.finish(), "\x1b[1mDisks       \x1b[0ma\n");
    }
}
