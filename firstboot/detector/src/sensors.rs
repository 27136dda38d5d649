//! Temperature, fan and power sensors, from the kernel's hwmon class.

use sigmavault_facts::Files;
use sigmavault_facts::terminal::single_line;
use sigmavault_types::hardware::{Sensor, SensorKind};

const HWMON: &str = "/sys/class/hwmon";

/// Every sensor that gives a value now, by chip and name.
pub fn sensors(files: &Files) -> Vec<Sensor> {
    let mut sensors = Vec::new();
    for chip in files.names(HWMON).unwrap_or_default() {
        let folder = format!("{HWMON}/{chip}");
        for input in files.names(&folder).unwrap_or_default() {
            sensors.extend(sensor(files, &folder, &chip, &input));
        }
    }
    sensors
}

fn sensor(files: &Files, folder: &str, chip: &str, input: &str) -> Option<Sensor> {
    let name = input
        .strip_suffix("_input")
        .or_else(|| input.strip_suffix("_average"))?;
    // Units of the kernel's hwmon interface: millidegrees, revolutions per minute, microwatt.
    let (kind, per_unit) = match name.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "temp" => (SensorKind::Temperature, 1_000.0),
        "fan" => (SensorKind::Fan, 1.0),
        "power" => (SensorKind::Power, 1_000_000.0),
        _ => return None,
    };
    let number = |file: &str| files.attribute(format!("{folder}/{file}"))?.parse::<i32>().ok();
    let text = |file: &str| {
        files
            .attribute(format!("{folder}/{file}"))
            .map(|text| single_line(&text))
    };
    Some(Sensor {
        chip: text("name").unwrap_or_else(|| chip.to_owned()),
        label: text(&format!("{name}_label")).unwrap_or_else(|| name.to_owned()),
        kind,
        value: f64::from(number(input)?) / per_unit,
        critical: number(&format!("{name}_crit")).map(|value| f64::from(value) / per_unit),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn values_are_in_plain_units() {
        let folder = tempfile::tempdir().unwrap();
        let chip = folder.path().join("sys/class/hwmon/hwmon0");
        fs::create_dir_all(&chip).unwrap();
        for (file, text) in [
            ("name", "coretemp\n"),
            ("temp1_input", "45500\n"),
            ("temp1_label", "Package id 0\n"),
            ("temp1_crit", "100000\n"),
            ("temp2_input", "no number\n"),
            ("fan1_input", "1200\n"),
            ("power1_average", "15250000\n"),
            ("in0_input", "1000\n"),
        ] {
            fs::write(chip.join(file), text).unwrap();
        }
        let sensor = |label: &str, kind, value, critical| Sensor {
            chip: "coretemp".into(),
            label: label.into(),
            kind,
            value,
            critical,
        };
        assert_eq!(
            sensors(&Files::new(folder.path())),
            [
                sensor("fan1", SensorKind::Fan, 1200.0, None),
                sensor("power1", SensorKind::Power, 15.25, None),
                sensor("Package id 0", SensorKind::Temperature, 45.5, Some(100.0)),
            ]
        );
    }
}
