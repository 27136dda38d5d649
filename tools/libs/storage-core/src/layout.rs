//! Which ZFS layout suits which disks: pure rules.
//!
//! - [`suggest`]: the layout for given disks; [`options`]: it and every other possible one
//! - [`make`]: one kind of layout, its disks grouped and its space counted
//!
//! Rules and where they come from:
//! - A group (vdev) takes the size of its smallest disk; raidz parity and the least number of disks: zpoolconcepts(7).
//! - Space: see [`group_space`].
//! - dRAID has groups of eight data disks, the number that OpenZFS takes by itself (zpoolconcepts(7)), and a spare for each 24 disks.
//! - Groups of raidz are at most eleven disks wide: rebuilding takes longer the wider they are (OpenZFS
//!   documentation, "Workload tuning", and zpoolconcepts(7), which recommends 3 to 9 disks).

use serde::{Deserialize, Serialize};
use sigmavault_plan::{after_slop, group_space};
use sigmavault_types::storage::{VdevKind, WantedLayout as Kind};

#[cfg(test)]
mod tests;

/// Parity disks of each group.
const fn parity(kind: Kind) -> u8 {
    match kind {
        Kind::Raidz1 => 1,
        Kind::Raidz2 | Kind::Draid => 2,
        Kind::Raidz3 => 3,
        Kind::Single | Kind::Mirror | Kind::Mirrors | Kind::Stripe => 0,
    }
}

/// How a group of this many disks is made.
pub fn vdev_kind(kind: Kind, disks: usize) -> VdevKind {
    match kind {
        Kind::Single | Kind::Stripe => VdevKind::Disk,
        Kind::Mirror | Kind::Mirrors => VdevKind::Mirror,
        Kind::Raidz1 | Kind::Raidz2 | Kind::Raidz3 => VdevKind::Raidz { parity: parity(kind) },
        Kind::Draid => {
            let spares = disks.div_ceil(DRAID_SPARE_FOR);
            let small = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
            let left = disks.saturating_sub(spares + usize::from(parity(kind)));
            VdevKind::Draid {
                parity: parity(kind),
                data: small(left.min(DRAID_DATA)),
                spares: small(spares),
            }
        }
    }
}

/// A layout for given disks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Layout {
    /// Kind.
    pub kind: Kind,
    /// Groups of disks (vdevs), as indices into the sizes given.
    pub vdevs: Vec<Vec<usize>>,
    /// Hot spares.
    pub spares: Vec<usize>,
    /// How many disks may fail at any rate, whichever they are.
    pub may_fail: usize,
    /// Bytes that data can take, after parity, uneven sizes and what ZFS keeps to itself.
    pub usable: u64,
    /// Bytes that stay unused because disks differ in size.
    pub wasted: u64,
    /// The reason for this layout, in one sentence.
    pub reason: String,
}

/// Disks of a raidz group at most.
const WIDEST: usize = 11;
/// From this many disks on, at least one is a spare.
const SPARE_FROM: usize = 24;
/// Data disks of a group of dRAID.
const DRAID_DATA: usize = 8;
/// Disks for which dRAID has one spare.
const DRAID_SPARE_FOR: usize = 24;
/// Disks from which on dRAID is offered.
const DRAID_FROM: usize = 12;
/// Disks of a dRAID at most (`VDEV_DRAID_MAX_CHILDREN`).
const DRAID_MOST: usize = 255;

/// The layout for disks of these sizes.
///
/// Three disks make raidz1 at any size: during a rebuild two disks have to hold instead of the one of a mirror of
/// two, a sector that cannot be read then costs a file and not the pool, and a third copy would cost half of the
/// space; the mirror of three is among the options for those who want it. From five disks on two may fail, since
/// the chance of a second failure during a rebuild grows with the number of disks and their size. With four, raidz2
/// takes the same space as two mirrors and survives any two failures. Pairs of mirrors are suggested instead when
/// disks differ so much that a group would leave a fifth of them unused.
pub fn suggest(sizes: &[u64]) -> Layout {
    let kind = match sizes.len() {
        0 | 1 => Kind::Single,
        2 => Kind::Mirror,
        3 => Kind::Raidz1,
        _ => Kind::Raidz2,
    };
    let Ok(usual) = make(kind, sizes) else {
        return Layout {
            kind: Kind::Single,
            vdevs: Vec::new(),
            spares: Vec::new(),
            may_fail: 0,
            usable: 0,
            wasted: 0,
            reason: "There is no disk.".to_owned(),
        };
    };
    let uneven = u128::from(usual.wasted) * 5 > sum(sizes);
    match make(Kind::Mirrors, sizes) {
        Ok(mut pairs) if uneven && pairs.usable > usual.usable => {
            "The disks differ in size: pairs of like disks leave the least of them unused; one disk of each pair may fail."
                .clone_into(&mut pairs.reason);
            pairs
        }
        _ => usual,
    }
}

/// Every possible layout for disks of these sizes: the suggested one first, then by how many disks may fail and
/// by space.
pub fn options(sizes: &[u64]) -> Vec<Layout> {
    if sizes.is_empty() {
        return Vec::new();
    }
    let suggested = suggest(sizes);
    let mut others: Vec<Layout> = Kind::ALL
        .into_iter()
        .filter(|kind| *kind != suggested.kind)
        .filter_map(|kind| make(kind, sizes).ok())
        .collect();
    others.sort_by_key(|layout| std::cmp::Reverse((layout.may_fail, layout.usable)));
    others.insert(0, suggested);
    others
}

/// A layout of this kind for disks of these sizes, or why there is none.
pub fn make(kind: Kind, sizes: &[u64]) -> Result<Layout, String> {
    possible(kind, sizes.len())?;
    let (groups, width) = grouping(kind, sizes.len());
    let mut by_size: Vec<usize> = (0..sizes.len()).collect();
    by_size.sort_by_key(|index| sizes[*index]);
    let spare_count = sizes.len() - groups * width;
    // Large spares can replace any disk, but keeping them out must not cost space.
    let (vdevs, spares) = (0..=groups * width)
        .rev()
        .map(|at| set_aside(&by_size, at, spare_count, width))
        .reduce(|best, other| {
            if space(kind, sizes, &other.0) > space(kind, sizes, &best.0) {
                other
            } else {
                best
            }
        })
        .unwrap_or_default();
    let wasted = vdevs.iter().map(|vdev| unused(kind, sizes, vdev)).sum::<u128>();
    let may_fail = match kind {
        Kind::Single | Kind::Stripe => 0,
        Kind::Mirror | Kind::Mirrors => width - 1,
        Kind::Raidz1 | Kind::Raidz2 | Kind::Raidz3 | Kind::Draid => usize::from(parity(kind)),
    };
    Ok(Layout {
        kind,
        may_fail,
        usable: clamp(after_slop(space(kind, sizes, &vdevs))),
        wasted: clamp(wasted),
        reason: reason(kind, groups, spare_count),
        vdevs,
        spares,
    })
}

/// Whether this many disks can be arranged so.
fn possible(kind: Kind, disks: usize) -> Result<(), String> {
    let (least, most, instead) = match kind {
        Kind::Single => (1, 1, "several disks make a mirror, raidz or stripe"),
        Kind::Mirror => (2, 4, "one disk is 'single', more than four make 'mirrors'"),
        Kind::Mirrors => (4, usize::MAX, "two or three disks make a 'mirror'"),
        Kind::Raidz1 => (
            3,
            usize::MAX,
            "two disks make a 'mirror', which takes the same space",
        ),
        Kind::Raidz2 => (4, usize::MAX, "three disks make 'raidz1' or a 'mirror'"),
        Kind::Raidz3 => (5, usize::MAX, "four disks make 'raidz2' or 'mirrors'"),
        Kind::Draid => (
            DRAID_FROM,
            DRAID_MOST,
            "fewer make raidz2, which rebuilds as fast with few disks",
        ),
        Kind::Stripe => (2, usize::MAX, "one disk is 'single'"),
    };
    if (least..=most).contains(&disks) {
        return Ok(());
    }
    let needed = match (least, most) {
        (1, 1) => "exactly one disk".to_owned(),
        (_, usize::MAX) => format!("at least {least} disks"),
        _ => format!("{least} to {most} disks"),
    };
    let found = match disks {
        0 => "none".to_owned(),
        disks => disks.to_string(),
    };
    Err(format!(
        "{} needs {needed} and there are {found}; {instead}",
        kind.name()
    ))
}

/// Number of groups and disks in each; what is left over are spares.
fn grouping(kind: Kind, disks: usize) -> (usize, usize) {
    match kind {
        Kind::Single | Kind::Stripe => (disks, 1),
        Kind::Mirror | Kind::Draid => (1, disks),
        Kind::Mirrors => (disks / 2, 2),
        Kind::Raidz1 | Kind::Raidz2 | Kind::Raidz3 => {
            if disks <= WIDEST {
                return (1, disks);
            }
            // At most one disk in twelve is a spare before another group is made.
            let groups = (disks - disks / 12).div_ceil(WIDEST).max(2);
            let ready = usize::from(disks >= SPARE_FROM);
            (groups, ((disks - ready) / groups).min(WIDEST))
        }
    }
}

/// Takes spares out of disks sorted by size, beginning at `at`, and groups the rest, like with like.
fn set_aside(by_size: &[usize], at: usize, spares: usize, width: usize) -> (Vec<Vec<usize>>, Vec<usize>) {
    let sorted = |disks: &[usize]| {
        let mut disks = disks.to_vec();
        disks.sort_unstable();
        disks
    };
    let end = (at + spares).min(by_size.len());
    let rest: Vec<usize> = by_size[..at].iter().chain(&by_size[end..]).copied().collect();
    let mut vdevs: Vec<Vec<usize>> = rest.chunks(width.max(1)).map(sorted).collect();
    vdevs.sort_unstable();
    (vdevs, sorted(&by_size[at..end]))
}

/// Bytes that the groups give, before what ZFS keeps to itself.
fn space(kind: Kind, sizes: &[u64], vdevs: &[Vec<usize>]) -> u128 {
    let group = |vdev: &Vec<usize>| {
        let sizes: Vec<u64> = vdev.iter().map(|disk| sizes[*disk]).collect();
        group_space(vdev_kind(kind, sizes.len()), &sizes, 0)
    };
    vdevs.iter().map(group).sum()
}

/// Bytes of a group that its smallest disk keeps from being used.
fn unused(kind: Kind, sizes: &[u64], vdev: &[usize]) -> u128 {
    match kind {
        Kind::Single | Kind::Stripe => 0,
        _ => {
            let all: u128 = vdev.iter().map(|disk| u128::from(sizes[*disk])).sum();
            all - u128::from(smallest(sizes, vdev)) * vdev.len() as u128
        }
    }
}

fn smallest(sizes: &[u64], vdev: &[usize]) -> u64 {
    vdev.iter().map(|disk| sizes[*disk]).min().unwrap_or_default()
}

fn sum(sizes: &[u64]) -> u128 {
    sizes.iter().copied().map(u128::from).sum()
}

fn clamp(bytes: u128) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn reason(kind: Kind, groups: usize, spares: usize) -> String {
    let ready = match spares {
        0 => String::new(),
        1 => " One disk stands ready to replace a failed one.".to_owned(),
        _ => format!(" {spares} disks stand ready to replace failed ones."),
    };
    let text = match kind {
        Kind::Single => "One disk has no copy: damage is found, not repaired.".to_owned(),
        Kind::Mirror => "Every disk holds the same, so all but one may fail.".to_owned(),
        Kind::Mirrors => {
            "Fast for many small accesses and easy to enlarge by two disks; one disk of each pair may fail."
                .to_owned()
        }
        Kind::Draid => {
            "Any two disks of a group may fail, and every disk takes part in a rebuild into the spare space, which makes it fast. It is not \
             made wider, and needs whole groups of disks to grow."
                .to_owned()
        }
        Kind::Stripe => "All of the space and no safety: one failed disk loses everything.".to_owned(),
        Kind::Raidz1 if groups == 1 => {
            "One disk may fail; a second failure before it is replaced loses everything.".to_owned()
        }
        Kind::Raidz1 => format!(
            "{groups} groups, because wide ones take long to rebuild; one disk of each may fail, a second one loses everything."
        ),
        Kind::Raidz2 if groups == 1 => {
            "Any two disks may fail, so a failure during a rebuild loses nothing.".to_owned()
        }
        Kind::Raidz2 => {
            format!(
                "{groups} groups, because wide ones take long to rebuild; any two disks of each may fail."
            )
        }
        Kind::Raidz3 if groups == 1 => {
            "Any three disks may fail, for disks that take days to replace.".to_owned()
        }
        Kind::Raidz3 => {
            format!(
                "{groups} groups, because wide ones take long to rebuild; any three disks of each may fail."
            )
        }
    };
    text + &ready
}
