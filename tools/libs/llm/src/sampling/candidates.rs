//! Which tokens are drawn from, and the draw.

use std::cmp::Ordering;

use super::{Sampling, SplitMix};

/// Buffers that live as long as the text.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    list: Vec<(u32, f32)>,
}

/// Higher values first, of equal ones the lower id.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "for sorting")]
fn by_value(a: &(u32, f32), b: &(u32, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

impl Candidates {
    /// Draws by the likelihoods at the request's temperature, among those that its limits leave.
    pub(super) fn draw(&mut self, logits: &[f32], sampling: &Sampling, random: &mut SplitMix) -> Option<u32> {
        let list = &mut self.list;
        list.clear();
        list.extend(
            (0u32..)
                .zip(logits.iter().copied())
                .filter(|(_, logit)| *logit > f32::NEG_INFINITY && !logit.is_nan()),
        );
        if sampling.top_k > 0 && sampling.top_k < list.len() {
            list.select_nth_unstable_by(sampling.top_k - 1, by_value);
            list.truncate(sampling.top_k);
        }
        let max = list.iter().map(|c| c.1).fold(f32::NEG_INFINITY, f32::max);
        if max == f32::NEG_INFINITY {
            return None;
        }
        let mut total = 0.0;
        for candidate in list.iter_mut() {
            // A logit of plus infinity leaves nothing for the others.
            candidate.1 = if candidate.1 == max {
                1.0
            } else {
                ((candidate.1 - max) / sampling.temperature).exp()
            };
            total += f64::from(candidate.1);
        }
        if sampling.top_p < 1.0 {
            keep_share(list, f64::from(sampling.top_p) * total);
        }
        if sampling.min_p > 0.0 {
            // The most likely one has the value 1.
            list.retain(|c| c.1 >= sampling.min_p);
        }
        // In one order whatever selecting did, or a seed would mean nothing.
        list.sort_unstable_by(by_value);
        let total: f64 = list.iter().map(|c| f64::from(c.1)).sum();
        let mut left = random.unit() * total;
        for candidate in list.iter() {
            left -= f64::from(candidate.1);
            if left < 0.0 {
                return Some(candidate.0);
            }
        }
        list.last().map(|c| c.0)
    }
}

/// Keeps the fewest most likely ones whose sum reaches `share`. Looks at a few first: a model is mostly sure of itself, and sorting
/// a whole vocabulary takes milliseconds.
fn keep_share(list: &mut Vec<(u32, f32)>, share: f64) {
    let mut looked = 64;
    loop {
        let whole = looked >= list.len();
        if !whole {
            list.select_nth_unstable_by(looked - 1, by_value);
        }
        let end = if whole { list.len() } else { looked };
        list[..end].sort_unstable_by(by_value);
        let mut sum = 0.0;
        let needed = list[..end].iter().position(|c| {
            sum += f64::from(c.1);
            sum >= share
        });
        if let Some(last) = needed {
            list.truncate(last + 1);
            return;
        }
        if whole {
            return;
        }
        looked *= 4;
    }
}

/// The `count` highest, best first.
pub(super) fn best(logits: &[f32], count: usize) -> Vec<(u32, f32)> {
    let mut list: Vec<(u32, f32)> = (0u32..)
        .zip(logits.iter().copied())
        .filter(|(_, l)| !l.is_nan())
        .collect();
    let count = count.min(list.len());
    if count == 0 {
        return Vec::new();
    }
    if count < list.len() {
        list.select_nth_unstable_by(count - 1, by_value);
        list.truncate(count);
    }
    list.sort_unstable_by(by_value);
    list
}
