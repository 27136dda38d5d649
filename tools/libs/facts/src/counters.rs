//! Counters of processor, network and disks: `/proc/stat`, `/proc/net/dev`, `/proc/diskstats`.

use sigmavault_types::system::{CpuMetrics, DiskMetrics, NetworkMetrics};

use crate::error::Malformed;

/// `USER_HZ`, the unit of `/proc/stat`: 100 on every architecture we build for, part of the kernel's ABI.
const TICKS_PER_SECOND: f64 = 100.0;

/// Unit of `/proc/diskstats`, whatever the disk's own sector size.
const SECTOR_BYTES: u64 = 512;

/// Counters are below 2^53 for any uptime a machine reaches, so they are exact as floating point.
#[allow(clippy::cast_precision_loss)]
fn seconds(count: u64, per_second: f64) -> f64 {
    count as f64 / per_second
}

/// Processor time over all cores from `/proc/stat`. Guest time is part of user time there and is not added again.
pub fn cpu(text: &str) -> Result<CpuMetrics, Malformed> {
    let expected = "a line \"cpu\" with at least 4 numbers";
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("cpu "))
        .ok_or_else(|| Malformed::new(expected, text))?;
    let fields: Vec<u64> = line
        .split_whitespace()
        .map_while(|field| field.parse().ok())
        .collect();
    if fields.len() < 4 {
        return Err(Malformed::new(expected, line));
    }
    let sum = |indices: &[usize]| {
        let total = indices
            .iter()
            .filter_map(|&i| fields.get(i))
            .fold(0u64, |sum, n| sum.saturating_add(*n));
        seconds(total, TICKS_PER_SECOND)
    };
    let cores = text
        .lines()
        .filter(|line| {
            line.strip_prefix("cpu")
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        })
        .count();
    Ok(CpuMetrics {
        user_seconds: sum(&[0, 1]),
        system_seconds: sum(&[2, 5, 6]),
        idle_seconds: sum(&[3]),
        iowait_seconds: sum(&[4]),
        steal_seconds: sum(&[7]),
        cores: u32::try_from(cores).unwrap_or(u32::MAX),
        busy_percent: None,
    })
}

/// Network interfaces from `/proc/net/dev`, by name; the loopback interface is left out.
pub fn network(text: &str) -> Result<Vec<NetworkMetrics>, Malformed> {
    let mut interfaces = Vec::new();
    for line in text.lines().skip(2).filter(|line| !line.trim().is_empty()) {
        let malformed = || Malformed::new("\"INTERFACE:\" and 16 numbers", line);
        let (name, rest) = line.rsplit_once(':').ok_or_else(malformed)?;
        let name = name.trim();
        let fields = rest
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<Vec<u64>, _>>()
            .map_err(|_| malformed())?;
        let [
            received_bytes,
            received_packets,
            rx_err,
            rx_drop,
            _,
            _,
            _,
            _,
            sent_bytes,
            sent_packets,
            tx_err,
            tx_drop,
            ..,
        ] = fields[..]
        else {
            return Err(malformed());
        };
        if name == "lo" {
            continue;
        }
        interfaces.push(NetworkMetrics {
            name: name.to_owned(),
            received_bytes,
            received_packets,
            receive_errors: rx_err.saturating_add(rx_drop),
            sent_bytes,
            sent_packets,
            send_errors: tx_err.saturating_add(tx_drop),
            received_bytes_per_second: None,
            sent_bytes_per_second: None,
        });
    }
    interfaces.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(interfaces)
}

/// Block devices from `/proc/diskstats`, by name: those for which `wanted` holds.
pub fn disks(text: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<DiskMetrics>, Malformed> {
    let mut disks = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let malformed = || Malformed::new("major, minor, name and at least 11 numbers", line);
        let mut words = line.split_whitespace();
        let name = words.nth(2).ok_or_else(malformed)?;
        let fields = words
            .map(str::parse)
            .collect::<Result<Vec<u64>, _>>()
            .map_err(|_| malformed())?;
        let [
            reads,
            _,
            read_sectors,
            _,
            writes,
            _,
            written_sectors,
            _,
            _,
            busy_ms,
            _,
            ..,
        ] = fields[..]
        else {
            return Err(malformed());
        };
        if !wanted(name) {
            continue;
        }
        disks.push(DiskMetrics {
            name: name.to_owned(),
            read_bytes: read_sectors.saturating_mul(SECTOR_BYTES),
            reads,
            written_bytes: written_sectors.saturating_mul(SECTOR_BYTES),
            writes,
            busy_seconds: seconds(busy_ms, 1000.0),
            read_bytes_per_second: None,
            written_bytes_per_second: None,
            busy_percent: None,
        });
    }
    disks.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(disks)
}

/// Whether a name in `/sys/block` is a physical disk, not a device that the kernel composes.
pub fn is_hardware_disk(name: &str) -> bool {
    const VIRTUAL: [&str; 11] = [
        "loop", "ram", "zram", "dm-", "md", "zd", "nbd", "sr", "fd", "drbd", "rbd",
    ];
    let virtual_device = VIRTUAL.iter().any(|prefix| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    // Boot areas, RPMB and general purpose areas of an eMMC.
    let mmc_area = name
        .strip_prefix("mmcblk")
        .is_some_and(|rest| !rest.bytes().all(|byte| byte.is_ascii_digit()));
    !virtual_device && !mmc_area
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_in_seconds() {
        let text = "cpu  1000 200 300 40000 500 60 70 80 90 0\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nintr 5\n";
        assert_eq!(
            cpu(text).unwrap(),
            CpuMetrics {
                user_seconds: 12.0,
                system_seconds: 4.3,
                idle_seconds: 400.0,
                iowait_seconds: 5.0,
                steal_seconds: 0.8,
                cores: 2,
                busy_percent: None,
            }
        );
        assert!(cpu("intr 5").is_err());
        assert!(cpu("cpu  1 2 x").is_err());
    }

    #[test]
    fn network_without_loopback() {
        let text = "Inter-|   Receive                                                |  Transmit\n\
             face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n\
                lo: 10 1 0 0 0 0 0 0 10 1 0 0 0 0 0 0\n\
             wg0:1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n\
              eth0: 1000 10 1 2 0 0 0 3 2000 20 4 5 0 0 0 0\n";
        let interfaces = network(text).unwrap();
        assert_eq!(
            interfaces.iter().map(|i| i.name.as_str()).collect::<Vec<_>>(),
            ["eth0", "wg0"]
        );
        assert_eq!(
            interfaces[0],
            NetworkMetrics {
                name: "eth0".into(),
                received_bytes: 1000,
                received_packets: 10,
                receive_errors: 3,
                sent_bytes: 2000,
                sent_packets: 20,
                send_errors: 9,
                received_bytes_per_second: None,
                sent_bytes_per_second: None,
            }
        );
        assert_eq!(network("a\nb\neth0: 1 2 3").unwrap_err().found, "eth0: 1 2 3");
    }

    #[test]
    fn disk_sectors_are_512_bytes() {
        let text = "   8       0 sda 100 5 2000 30 200 6 4000 40 0 1500 70 0 0 0 0 0 0\n   8       1 sda1 1 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(
            disks(text, |name| name == "sda").unwrap(),
            [DiskMetrics {
                name: "sda".into(),
                read_bytes: 1_024_000,
                reads: 100,
                written_bytes: 2_048_000,
                writes: 200,
                busy_seconds: 1.5,
                read_bytes_per_second: None,
                written_bytes_per_second: None,
                busy_percent: None,
            }]
        );
        assert!(disks("8 0 sda 1 2", |_| true).is_err());
    }

    #[test]
    fn only_hardware_counts_as_a_disk() {
        for name in ["sda", "nvme0n1", "vda", "mmcblk0", "xvda", "hda", "pmem0"] {
            assert!(is_hardware_disk(name), "{name}");
        }
        for name in [
            "loop0",
            "ram0",
            "zram0",
            "dm-0",
            "md127",
            "zd16",
            "nbd0",
            "sr0",
            "fd0",
            "mmcblk0boot0",
            "mmcblk0rpmb",
            "mmcblk0gp1",
        ] {
            assert!(!is_hardware_disk(name), "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "(cpu|cpu0|eth0:|8 0 sda)?[ 0-9a-z:\\n-]{0,200}") {
            let _ = cpu(&text);
            let _ = network(&text);
            let _ = disks(&text, |_| true);
            let _ = crate::meminfo::parse(&text);
        }
    }
}
