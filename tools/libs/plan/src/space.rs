//! How much the datasets of a pool can hold.
//!
//! OpenZFS counts what a record of 128 KiB takes with its parity and padding (`vdev_raidz_asize`, and `vdev_set_deflate_ratio` in
//! `module/zfs/vdev.c`), here with sectors of 4 KiB (ashift 12); and it keeps 1/32 of the pool to itself, at least 128 MiB and at most
//! 128 GiB (`spa_get_slop_space` in `module/zfs/spa_misc.c`).

use sigmavault_types::storage::{Vdev, VdevClass, VdevKind};

/// Sectors of a record of 128 KiB.
const SECTORS: u128 = (128 << 10) / (4 << 10);

/// Bytes that the datasets of a pool can hold in all.
pub fn usable(vdevs: &[Vdev]) -> u64 {
    u64::try_from(after_slop(data_space(vdevs))).unwrap_or(u64::MAX)
}

/// Bytes that the data vdevs of a pool give, before what ZFS keeps to itself.
pub fn data_space(vdevs: &[Vdev]) -> u128 {
    let data = vdevs.iter().filter(|vdev| vdev.class == VdevClass::Data);
    data.map(|vdev| group_space(vdev.kind, &sizes(vdev), vdev.expansions))
        .sum()
}

/// Bytes of each child of a group.
fn sizes(vdev: &Vdev) -> Vec<u64> {
    if vdev.children.is_empty() {
        return vec![vdev.bytes];
    }
    vdev.children.iter().map(|child| child.bytes).collect()
}

/// Bytes that a group gives whose children have these sizes, before what ZFS keeps to itself. A raidz may have been widened by some of
/// them: blocks are counted with the parity of its first width (`vdev_raidz_psize_to_asize` for transaction group 0).
pub fn group_space(kind: VdevKind, sizes: &[u64], expansions: u32) -> u128 {
    let smallest = u128::from(sizes.iter().copied().min().unwrap_or_default());
    let width = sizes.len() as u128;
    match kind {
        VdevKind::Gone => 0,
        VdevKind::Raidz { parity } => {
            let began = width.saturating_sub(u128::from(expansions));
            parity_space(smallest * width, began, u128::from(parity))
        }
        VdevKind::Draid { parity, data, spares } => {
            // Blocks of dRAID fill whole rows of a group (vdev_draid_asize), and spares take their share of every child.
            let (parity, data) = (u128::from(parity), u128::from(data).max(1));
            let rows = SECTORS.div_ceil(data);
            let taken = rows * (data + parity);
            smallest * width.saturating_sub(u128::from(spares)) * SECTORS / taken
        }
        VdevKind::Disk | VdevKind::File | VdevKind::Mirror | VdevKind::Replacing | VdevKind::Spare => {
            smallest
        }
    }
}

fn parity_space(all: u128, width: u128, parity: u128) -> u128 {
    let rows = SECTORS.div_ceil(width.saturating_sub(parity).max(1));
    let taken = (SECTORS + rows * parity).next_multiple_of(parity + 1);
    all * SECTORS / taken
}

/// What is left of a pool after the part that ZFS keeps to itself.
pub fn after_slop(space: u128) -> u128 {
    let slop = (space >> 5).min(128 << 30).max((space >> 1).min(128 << 20));
    space - slop
}

#[cfg(test)]
mod tests {
    use super::*;

    const TB: u64 = 1_000_000_000_000;

    #[test]
    fn groups() {
        let raidz = |parity| VdevKind::Raidz { parity };
        let cases: [(VdevKind, &[u64], u128); 6] = [
            (VdevKind::Disk, &[TB], 1_000_000_000_000),
            (VdevKind::Mirror, &[2 * TB, TB], 1_000_000_000_000),
            // 32 sectors and 16 of parity are 48, an even number: two thirds of three disks.
            (raidz(1), &[TB; 3], 2_000_000_000_000),
            // 32 sectors, 8 rows of 2: 48, a multiple of 3.
            (raidz(2), &[TB; 6], 4_000_000_000_000),
            // 32 sectors, 11 rows of 1: 43, padded to 44.
            (raidz(1), &[TB; 4], 2_909_090_909_090),
            (
                VdevKind::Draid {
                    parity: 2,
                    data: 8,
                    spares: 1,
                },
                &[TB; 21],
                16_000_000_000_000,
            ),
        ];
        for (kind, sizes, expected) in cases {
            assert_eq!(group_space(kind, sizes, 0), expected, "{kind:?}");
        }
        // Four disks, the last of which came later: two thirds, as with three.
        assert_eq!(group_space(raidz(1), &[TB; 4], 1), 2_666_666_666_666);
    }

    #[test]
    fn what_zfs_keeps() {
        assert_eq!(after_slop(0), 0);
        assert_eq!(after_slop(1 << 20), 1 << 19);
        assert_eq!(after_slop(1 << 30), (1 << 30) - (128 << 20));
        assert_eq!(after_slop(1 << 40), (1 << 40) - (1 << 35));
        assert_eq!(after_slop(1 << 50), (1 << 50) - (128 << 30));
    }
}
