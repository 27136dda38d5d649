//! Which models are evicted for another one.

use std::time::Instant;

/// A loaded model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupant {
    /// Its name.
    pub id: String,
    /// Memory it uses.
    pub bytes: u64,
    /// Whether it is exempt from eviction.
    pub pinned: bool,
    /// When it was last used.
    pub last_used: Instant,
}

/// The models to evict, least recently used first, until the others use at most `limit` bytes; `None` if that cannot be
/// reached.
pub fn evicted(occupants: &[Occupant], limit: u64) -> Option<Vec<String>> {
    let mut left: u64 = occupants.iter().map(|occupant| occupant.bytes).sum();
    let mut candidates: Vec<&Occupant> = occupants.iter().filter(|occupant| !occupant.pinned).collect();
    candidates.sort_by_key(|occupant| occupant.last_used);
    let mut evicted = Vec::new();
    for occupant in candidates {
        if left <= limit {
            break;
        }
        left -= occupant.bytes;
        evicted.push(occupant.id.clone());
    }
    (left <= limit).then_some(evicted)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_least_recently_wanted_go_and_nobody_in_vain() {
        let start = Instant::now();
        let occupant = |id: &str, bytes, pinned, used| Occupant {
            id: id.into(),
            bytes,
            pinned,
            last_used: start + Duration::from_secs(used),
        };
        let three = [
            occupant("a", 10, false, 3),
            occupant("b", 20, false, 1),
            occupant("c", 30, true, 0),
        ];
        for (limit, expected) in [
            (60, Some(vec![])),
            (59, Some(vec!["b"])),
            (40, Some(vec!["b"])),
            (39, Some(vec!["b", "a"])),
            (30, Some(vec!["b", "a"])),
            (29, None),
        ] {
            let names: Option<Vec<String>> = expected.map(|ids| ids.into_iter().map(str::to_owned).collect());
            assert_eq!(evicted(&three, limit), names, "{limit}");
        }
    }
}
