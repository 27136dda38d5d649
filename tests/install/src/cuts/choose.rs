//! Where the power is cut: spread over what a recording wrote, and most often where it wrote little, which is where
//! order matters.

use std::ops::Range;

use sigmavault_vm::{Cache, Entry, Kind, PowerCut, WriteLog};

use crate::disk::Extent;
use sigmavault_vm::Random;

/// Writes of more bytes than this copy files or whole file systems.
const BULK: u64 = 64 << 10;

/// Writes that get a share of the cuts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stratum {
    /// Name for people.
    pub name: &'static str,
    /// Where they lie on the disk.
    pub range: Range<u64>,
    /// Whether they copy a lot.
    pub bulk: bool,
    /// Their share, in relation to those of others.
    pub weight: u32,
}

impl Stratum {
    /// Small writes to a part of the disk.
    pub fn small(name: &'static str, extent: Extent, weight: u32) -> Self {
        Self {
            name,
            range: extent.range(),
            bulk: false,
            weight,
        }
    }

    /// Large writes, wherever they go.
    pub fn bulk(name: &'static str, weight: u32) -> Self {
        Self {
            name,
            range: 0..u64::MAX,
            bulk: true,
            weight,
        }
    }

    fn holds(&self, entry: &Entry) -> bool {
        let writes = matches!(entry.kind, Kind::Write | Kind::WriteThrough);
        writes && self.range.contains(&entry.offset) && self.bulk == (entry.bytes > BULK)
    }
}

/// A cut, with the name of the stratum whose write came last before it.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The cut.
    pub cut: PowerCut,
    /// The name.
    pub stratum: &'static str,
}

/// This many cuts after entries of `within`, in their order. Within a stratum they are spread evenly, each at random in
/// its part. Strata without writes leave their share to the others.
pub fn choose(
    log: &WriteLog,
    within: Range<usize>,
    strata: &[Stratum],
    count: u32,
    random: &mut Random,
) -> Vec<Chosen> {
    let found = strata.iter().map(|stratum| {
        let entries = within
            .clone()
            .filter(|index| stratum.holds(&log.entries()[*index]));
        (stratum, entries.collect::<Vec<usize>>())
    });
    let found: Vec<(&Stratum, Vec<usize>)> = found.filter(|(_, entries)| !entries.is_empty()).collect();
    let weights: Vec<u32> = found.iter().map(|(stratum, _)| stratum.weight).collect();
    let mut places: Vec<(usize, &'static str)> = Vec::new();
    for ((stratum, entries), quota) in found.iter().zip(quotas(&weights, count)) {
        places.extend(spread(entries.len(), quota, random).map(|at| (entries[at] + 1, stratum.name)));
    }
    places.sort_unstable();
    // A write that overtakes those before it does most harm.
    let caches = [Cache::Last, Cache::Mixed, Cache::Last, Cache::Lost, Cache::Kept];
    places
        .into_iter()
        .map(|(entries, stratum)| {
            let cache = caches[usize::try_from(random.next() % 5).unwrap_or_default()];
            let cut = PowerCut::new(log, entries, cache, &mut || random.next());
            Chosen { cut, stratum }
        })
        .collect()
}

/// How many of the cuts are tried in a machine that is really started or installed to.
pub fn tried(cuts: u32) -> usize {
    usize::try_from(cuts.div_ceil(17).max(2)).unwrap_or(2)
}

/// Whether a cut is among those that are tried, which are spread evenly over all of them.
pub fn is_tried(index: usize, cuts: u32) -> bool {
    let all = usize::try_from(cuts).unwrap_or(usize::MAX);
    let tried = tried(cuts).min(all);
    (index + 1) * tried / all != index * tried / all
}

/// Shares of `count` by weights; what rounding leaves goes to the first ones.
fn quotas(weights: &[u32], count: u32) -> Vec<u32> {
    let all: u64 = weights.iter().copied().map(u64::from).sum();
    let share = |weight: &u32| u64::from(count) * u64::from(*weight) / all.max(1);
    let mut quotas: Vec<u32> = weights
        .iter()
        .map(|weight| u32::try_from(share(weight)).unwrap_or(count))
        .collect();
    let left = count.saturating_sub(quotas.iter().sum());
    for index in 0..usize::try_from(left).unwrap_or_default() {
        let place = index % weights.len().max(1);
        if let Some(quota) = quotas.get_mut(place) {
            *quota += 1;
        }
    }
    quotas
}

/// This many of the indices below `len`, each at random in its part of them.
fn spread(len: usize, count: u32, random: &mut Random) -> impl Iterator<Item = usize> {
    let (len, count) = (len as u64, u64::from(count));
    (0..count).map(move |part| {
        let (from, to) = (part * len / count, (part + 1) * len / count);
        let at = from + random.next() % (to - from).max(1);
        usize::try_from(at).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shares() {
        assert_eq!(quotas(&[1, 2, 1], 8), [2, 4, 2]);
        assert_eq!(quotas(&[1, 1, 1], 5), [2, 2, 1]);
        assert_eq!(quotas(&[], 5), [0; 0]);
    }

    #[test]
    fn small_and_large_writes() {
        let entry = |offset: u64, bytes: u64| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log");
            let header = |numbers: [u64; 4]| {
                let mut sector: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
                sector.resize(512, 0);
                sector
            };
            let mut bytes_of_log = header([0x006A_7366_7773_6872, 1, 1, 512]);
            bytes_of_log.extend(header([offset / 512, bytes / 512, 0, 0]));
            bytes_of_log.extend(vec![1; usize::try_from(bytes).unwrap()]);
            std::fs::write(&path, bytes_of_log).unwrap();
            WriteLog::open(&path).unwrap().entries()[0]
        };
        let extent = Extent {
            offset: 4096,
            bytes: 4096,
        };
        let (small, bulk) = (Stratum::small("a", extent, 1), Stratum::bulk("b", 1));
        let held = |entry: &Entry| (small.holds(entry), bulk.holds(entry));
        assert_eq!(held(&entry(4096, 512)), (true, false));
        assert_eq!(held(&entry(8192, 512)), (false, false));
        assert_eq!(held(&entry(4096, 128 << 10)), (false, true));
    }

    #[test]
    fn a_sample() {
        for (cuts, expected) in [(1, 1), (2, 2), (20, 2), (50, 3), (100, 6)] {
            let sample = (0..cuts as usize).filter(|index| is_tried(*index, cuts));
            assert_eq!(sample.count(), expected, "{cuts}");
        }
    }

    proptest! {
        #[test]
        fn quotas_add_up(weights in proptest::collection::vec(1_u32..9, 1..6), count in 0_u32..200) {
            prop_assert_eq!(quotas(&weights, count).iter().sum::<u32>(), count);
        }

        #[test]
        fn spread_covers_all_parts(len in 1_usize..300, count in 1_u32..60, seed: u64) {
            let places: Vec<usize> = spread(len, count, &mut Random::new(seed)).collect();
            prop_assert_eq!(places.len(), count as usize);
            prop_assert!(places.iter().all(|place| *place < len));
            prop_assert!(places.is_sorted());
        }
    }
}
