use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const TB: u64 = 1_000_000_000_000;
const SLOP_MOST: u64 = 128 << 30;

/// Disks, kind, disks of each group, spares, how many may fail, usable bytes with disks of 4 TB.
type Expected = (usize, Kind, &'static [usize], usize, usize, u64);

#[test]
fn equal_disks() {
    #[rustfmt::skip]
    let table: [Expected; 14] = [
        (1, Kind::Single, &[1], 0, 0, 3_875_000_000_000),
        (2, Kind::Mirror, &[2], 0, 1, 3_875_000_000_000),
        (3, Kind::Raidz1, &[3], 0, 1, 7_862_561_046_528),
        (4, Kind::Raidz2, &[4], 0, 2, 7_620_136_804_103),
        (5, Kind::Raidz2, &[5], 0, 2, 11_714_412_898_379),
        (6, Kind::Raidz2, &[6], 0, 2, 15_862_561_046_528),
        (7, Kind::Raidz2, &[7], 0, 2, 18_529_227_713_194),
        (8, Kind::Raidz2, &[8], 0, 2, 22_618_116_602_083),
        (9, Kind::Raidz2, &[9], 0, 2, 27_291_132_475_099),
        (10, Kind::Raidz2, &[10], 0, 2, 30_338_751_522_718),
        (11, Kind::Raidz2, &[11], 0, 2, 33_386_370_570_337),
        (12, Kind::Raidz2, &[6, 6], 0, 2, 31_862_561_046_528),
        (13, Kind::Raidz2, &[6, 6], 1, 2, 31_862_561_046_528),
        (14, Kind::Raidz2, &[7, 7], 0, 2, 37_195_894_379_860),
    ];
    for (disks, kind, widths, spares, may_fail, usable) in table {
        let layout = suggest(&vec![4 * TB; disks]);
        let found: Vec<usize> = layout.vdevs.iter().map(Vec::len).collect();
        assert_eq!(
            (
                disks,
                layout.kind,
                &found[..],
                layout.spares.len(),
                layout.may_fail,
                layout.usable
            ),
            (disks, kind, widths, spares, may_fail, usable)
        );
        assert_eq!(layout.wasted, 0, "{disks}");
    }
}

#[test]
fn many_disks_make_groups_and_spares() {
    for (disks, groups, width, spares) in [
        (22, 2, 11, 0),
        (23, 2, 11, 1),
        (24, 2, 11, 2),
        (25, 3, 8, 1),
        (36, 3, 11, 3),
        (48, 4, 11, 4),
        (90, 8, 11, 2),
    ] {
        let layout = suggest(&vec![4 * TB; disks]);
        assert_eq!(
            (
                disks,
                layout.vdevs.len(),
                layout.vdevs[0].len(),
                layout.spares.len()
            ),
            (disks, groups, width, spares)
        );
    }
}

#[test]
fn no_disk_is_no_layout() {
    assert_eq!(suggest(&[]).vdevs, Vec::<Vec<usize>>::new());
    assert_eq!(options(&[]), Vec::new());
}

#[test]
fn disks_that_differ() {
    // A group counts its smallest disk.
    let three = suggest(&[2 * TB, 4 * TB, 3 * TB]);
    assert_eq!(
        (three.kind, three.wasted, three.usable),
        (Kind::Raidz1, 3 * TB, 4 * TB - 125_000_000_000)
    );
    // 2 x 2 TB and 2 x 8 TB: raidz2 would give 4 TB and leave 12 TB unused.
    let four = suggest(&[8 * TB, 2 * TB, 8 * TB, 2 * TB]);
    assert_eq!((four.kind, four.may_fail, four.wasted), (Kind::Mirrors, 1, 0));
    assert_eq!(
        (four.vdevs, four.usable),
        (vec![vec![0, 2], vec![1, 3]], 10 * TB - SLOP_MOST)
    );
    // A little difference changes nothing: 3.9 TB counts four times.
    let alike = suggest(&[4 * TB, 4 * TB, 3_900_000_000_000, 4 * TB]);
    assert_eq!((alike.kind, alike.wasted), (Kind::Raidz2, 300_000_000_000));
    // The spare can replace any disk.
    let pairs = make(Kind::Mirrors, &[2 * TB, 8 * TB, 4 * TB, 2 * TB, 4 * TB]);
    let pairs = pairs.expect("five disks make two pairs");
    assert_eq!(
        (pairs.vdevs, pairs.spares),
        (vec![vec![0, 3], vec![2, 4]], vec![1])
    );
    // But not at the price of space.
    let pairs = make(Kind::Mirrors, &[8 * TB, 8 * TB, 2 * TB, 4 * TB, 4 * TB]);
    let pairs = pairs.expect("five disks make two pairs");
    assert_eq!(
        (pairs.vdevs, pairs.spares),
        (vec![vec![0, 1], vec![3, 4]], vec![2])
    );
    // Equal disks: the last one is the spare.
    assert_eq!(suggest(&[TB; 13]).spares, [12]);
}

#[test]
fn options_begin_with_the_suggested_one() {
    use Kind::{Mirror, Mirrors, Raidz1, Raidz2, Raidz3, Single, Stripe};
    let kinds = |disks| -> Vec<Kind> {
        options(&vec![TB; disks])
            .iter()
            .map(|layout| layout.kind)
            .collect()
    };
    assert_eq!(kinds(1), [Single]);
    assert_eq!(kinds(2), [Mirror, Stripe]);
    assert_eq!(kinds(3), [Raidz1, Mirror, Stripe]);
    assert_eq!(kinds(4), [Raidz2, Mirror, Raidz1, Mirrors, Stripe]);
    assert_eq!(kinds(6), [Raidz2, Raidz3, Raidz1, Mirrors, Stripe]);
}

#[test]
fn says_why_not() {
    for (kind, disks, reason) in [
        (
            Kind::Raidz1,
            2,
            "raidz1 needs at least 3 disks and there are 2; two disks make a 'mirror', which takes the same space",
        ),
        (
            Kind::Mirror,
            5,
            "mirror needs 2 to 4 disks and there are 5; one disk is 'single', more than four make 'mirrors'",
        ),
        (
            Kind::Single,
            0,
            "single needs exactly one disk and there are none; several disks make a mirror, raidz or stripe",
        ),
    ] {
        assert_eq!(make(kind, &vec![TB; disks]), Err(reason.to_owned()));
    }
}

#[test]
fn small_pools_keep_half_at_least() {
    assert_eq!(suggest(&[100 << 20]).usable, 50 << 20);
    assert_eq!(suggest(&[1 << 30]).usable, (1 << 30) - (128 << 20));
}

/// Whether data survives when these disks fail.
fn survives(layout: &Layout, failed: usize) -> bool {
    layout.vdevs.iter().all(|vdev| {
        let lost = vdev.iter().filter(|disk| failed & (1 << **disk) != 0).count();
        match layout.kind {
            Kind::Single | Kind::Stripe => lost == 0,
            Kind::Mirror | Kind::Mirrors => lost < vdev.len(),
            Kind::Raidz1 => lost <= 1,
            Kind::Raidz2 | Kind::Draid => lost <= 2,
            Kind::Raidz3 => lost <= 3,
        }
    })
}

#[test]
fn may_fail_is_what_trying_every_failure_gives() {
    for disks in 1..=13_usize {
        for layout in options(&vec![TB; disks]) {
            let least_fatal = (0..1_usize << disks)
                .filter(|failed| !survives(&layout, *failed))
                .map(|failed| failed.count_ones() as usize)
                .min();
            assert_eq!(
                least_fatal,
                Some(layout.may_fail + 1),
                "{disks} as {}",
                layout.kind.name()
            );
        }
    }
}

proptest! {
    #[test]
    fn every_disk_is_used_once_and_space_is_not_invented(
        sizes in proptest::collection::vec(prop_oneof![1..200 * TB, any::<u64>(), Just(4 * TB)], 0..60),
    ) {
        for layout in options(&sizes) {
            let used: Vec<usize> =
                layout.vdevs.iter().flatten().chain(&layout.spares).copied().collect();
            prop_assert_eq!(used.len(), sizes.len());
            prop_assert_eq!(used.into_iter().collect::<BTreeSet<_>>().len(), sizes.len());
            let spare: u128 = layout.spares.iter().map(|disk| u128::from(sizes[*disk])).sum();
            prop_assert!(u128::from(layout.usable) <= sum(&sizes) - spare);
            let widths: BTreeSet<usize> = layout.vdevs.iter().map(Vec::len).collect();
            prop_assert_eq!(widths.len(), 1, "groups of one pool are equally wide");
            prop_assert!(layout.reason.ends_with('.'));
        }
        prop_assert_eq!(options(&sizes).first().cloned(), (!sizes.is_empty()).then(|| suggest(&sizes)));
    }

    #[test]
    fn more_disks_never_give_less(disks in 4_usize..120) {
        // One spare may be set aside where a disk more begins a new group.
        let space = |disks: usize| make(Kind::Raidz2, &vec![4 * TB; disks]).map(|layout| layout.usable);
        prop_assert!(space(disks + 8) >= space(disks));
    }
}
