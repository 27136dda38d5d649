//! sgdisk(8): GPT partition tables.

use crate::run::Invocation;

/// Destroys a disk's GPT and MBR, the backup at its end too. It ends with an error when the table was damaged, and
/// has destroyed it then.
pub fn zap_all(disk: &str) -> Invocation {
    Invocation::new("sgdisk").args(["--zap-all", disk])
}

/// Changes a table in one write: removes partitions, gives the disk and other partitions new GUIDs, and puts the second
/// table at the end of the disk. A kernel that uses partitions of the disk keeps its view of them.
pub fn renew(disk: &str, removed: &[u32], renewed: &[u32]) -> Invocation {
    Invocation::new("sgdisk")
        .arg("--move-second-header")
        .args(removed.iter().map(|number| format!("--delete={number}")))
        .arg("--disk-guid=R")
        .args(
            renewed
                .iter()
                .map(|number| format!("--partition-guid={number}:R")),
        )
        .arg(disk)
}

/// Gives a partition a name.
pub fn change_name(disk: &str, partition: u32, name: &str) -> Invocation {
    Invocation::new("sgdisk").args([&format!("--change-name={partition}:{name}"), disk])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_write_for_all_changes() {
        assert_eq!(
            renew("/dev/mmcblk0", &[7, 6], &[1, 2]).quoted(),
            "sgdisk --move-second-header --delete=7 --delete=6 --disk-guid=R --partition-guid=1:R --partition-guid=2:R \
             /dev/mmcblk0"
        );
    }
}
