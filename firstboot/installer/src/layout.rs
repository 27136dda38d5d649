//! Which ZFS layout suits which disks: pure rules.
//!
//! - [`suggest`]: the layout for given disks; [`options`]: it and every other possible one
//! - [`make`]: one kind of layout, its disks grouped and its space counted
//!
//! Rules and where they come from:
//! - A group (vdev) takes the size of its smallest disk; raidz parity and the least number of disks: zpoolconcepts(7).
//! - Space: OpenZFS counts what a 128 KiB record takes with its parity and padding (`vdev_raidz_asize`, and
//!   `vdev_set_deflate_ratio` in `module/zfs/vdev.c`), here with sectors of 4 KiB (ashift 12); and it keeps 1/32 of
//!   the pool to itself, at least 128 MiB and at most 128 GiB (`spa_get_slop_space` in `module/zfs/spa_misc.c`).
//! - Groups of raidz are at most eleven disks wide: rebuilding takes longer the wider they are (OpenZFS
//!   documentation, "Workload tuning", and zpoolconcepts(7), which recommends 3 to 9 disks).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// How the disks of a pool are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One disk: errors are found, not corrected.
    Single,
    /// Every disk holds the same data.
    Mirror,
    /// Pairs of mirrored disks, striped.
    Mirrors,
    /// One disk may fail.
    Raidz1,
    /// Two disks may fail.
    Raidz2,
    /// Three disks may fail.
    Raidz3,
    /// No redundancy: one failed disk takes everything with it.
    Stripe,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Single,
        Self::Mirror,
        Self::Mirrors,
        Self::Raidz1,
        Self::Raidz2,
        Self::Raidz3,
        Self::Stripe,
    ];

    /// As it is written in an answer file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Mirror => "mirror",
            Self::Mirrors => "mirrors",
            Self::Raidz1 => "raidz1",
            Self::Raidz2 => "raidz2",
            Self::Raidz3 => "raidz3",
            Self::Stripe => "stripe",
        }
    }

    /// Parity disks of each group.
    const fn parity(self) -> usize {
        match self {
            Self::Raidz1 => 1,
            Self::Raidz2 => 2,
            Self::Raidz3 => 3,
            Self::Single | Self::Mirror | Self::Mirrors | Self::Stripe => 0,
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
        Kind::Raidz1 | Kind::Raidz2 | Kind::Raidz3 => kind.parity(),
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
        Kind::Mirror => (1, disks),
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
    const SECTORS: u128 = (128 << 10) / (4 << 10);
    vdevs
        .iter()
        .map(|vdev| {
            let smallest = u128::from(smallest(sizes, vdev));
            let parity = kind.parity();
            if parity == 0 {
                return smallest;
            }
            let rows = SECTORS.div_ceil((vdev.len() - parity) as u128);
            let taken = (SECTORS + rows * parity as u128).next_multiple_of(parity as u128 + 1);
            smallest * vdev.len() as u128 * SECTORS / taken
        })
        .sum()
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

/// What is left of a pool after the part that ZFS keeps to itself.
fn after_slop(space: u128) -> u128 {
    let slop = (space >> 5).min(128 << 30).max((space >> 1).min(128 << 20));
    space - slop
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
