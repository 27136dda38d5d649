//! Reads the pressure and sets the pace every second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use log::info;
use sigmavault_facts::Files;

use super::pace::{Pace, Pressure, average, decide};
use crate::config::YieldConfig;
use crate::models::Models;

/// Time between two readings.
const INTERVAL: Duration = Duration::from_secs(1);

/// Pressure of the whole system.
const SYSTEM: &str = "/proc/pressure";

/// Pressure of units.
const UNITS: &str = "/sys/fs/cgroup/system.slice";

/// Sets the pace while polled. Returns at once if the kernel provides no pressure information.
pub async fn run(files: Files, config: YieldConfig, models: Arc<Models>) {
    if !config.enabled {
        return;
    }
    if !files.exists(format!("{SYSTEM}/io")) {
        info!("this kernel reports no pressure, so the model never yields by itself");
        return;
    }
    let mut pace = Pace::Full;
    let mut calm_since: Option<Instant> = None;
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let pressure = read(&files, &config.units, models.read_weights());
        let calm = calm_since.map_or(Duration::ZERO, |since| since.elapsed());
        let (next, calm_now) = decide(pace, calm, pressure, &config);
        calm_since = if calm_now {
            calm_since.or(Some(Instant::now()))
        } else {
            None
        };
        if next != pace {
            info!(
                "pace {} after {}: io {:.1} %, cpu {:.1} %, memory {:.1} %",
                next.name(),
                pace.name(),
                pressure.io,
                pressure.cpu,
                pressure.memory
            );
        }
        pace = next;
        models.set_pace(pace, pressure);
    }
}

/// Reads the pressures; unreadable ones are 0. While weights are read from disk, only the I/O pressure of the units counts: a model
/// must not be paused by its own loading.
pub fn read(files: &Files, units: &[String], own_reading: bool) -> Pressure {
    let of = |path: String, who| {
        let text = files.text(path).ok()?;
        average(&text, who)
    };
    let unit_io = units
        .iter()
        .filter_map(|unit| of(format!("{UNITS}/{unit}/io.pressure"), "some"));
    let system_io = if own_reading {
        None
    } else {
        of(format!("{SYSTEM}/io"), "some")
    };
    Pressure {
        cpu: of(format!("{SYSTEM}/cpu"), "some").unwrap_or(0.0),
        io: unit_io.fold(system_io.unwrap_or(0.0), f32::max),
        memory: of(format!("{SYSTEM}/memory"), "full").unwrap_or(0.0),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_highest_io_counts_and_missing_files_do_not_press() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, some: &str, full: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = format!(
                "some avg10={some} avg60=0.00 avg300=0.00 total=0\nfull avg10={full} avg60=0.00 avg300=0.00 total=0\n"
            );
            fs::write(path, text).unwrap();
        };
        write("proc/pressure/io", "5.00", "1.00");
        write("proc/pressure/memory", "9.00", "2.50");
        write(
            "sys/fs/cgroup/system.slice/smbd.service/io.pressure",
            "31.00",
            "30.00",
        );
        let files = Files::new(folder.path());
        let units = ["smbd.service".to_owned(), "nfs-server.service".to_owned()];
        let pressure = |io| Pressure {
            cpu: 0.0,
            io,
            memory: 2.5,
        };
        assert_eq!(read(&files, &units, false), pressure(31.0));
        write("proc/pressure/io", "41.00", "1.00");
        assert_eq!(read(&files, &units, false), pressure(41.0));
        assert_eq!(
            read(&files, &units, true),
            pressure(31.0),
            "the disk reads for the model"
        );
    }
}
