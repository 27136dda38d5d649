//! Drafting tokens for speculative decoding. Whether it pays is decided in [`super::pace`].
//!
//! A draft token costs a row in the next pass and saves a whole pass if it is accepted. There are two sources: what followed the same
//! tokens earlier in the sequence (prompt lookup), and what followed the same token in any sequence of this engine (token recycling, arXiv
//! 2408.08696, with an adjacency matrix of one column, so that drafts are a chain rather than a tree). A draft is accepted if it is what
//! the sampler chooses anyway, so the text is the same with and without drafts.

/// The longest n-gram to look up in the sequence so far.
const LONGEST: usize = 4;

/// The shortest n-gram to look up.
const SHORTEST: usize = 2;

/// What followed the most recent earlier occurrence of the last tokens, for the longest n-gram that occurs.
pub(super) fn lookup(tokens: &[u32], most: usize) -> &[u32] {
    for run in (SHORTEST..=LONGEST).rev() {
        let Some(start) = tokens.len().checked_sub(run) else {
            continue;
        };
        let ending = &tokens[start..];
        if let Some(at) = tokens[..tokens.len() - 1].windows(run).rposition(|w| w == ending) {
            let follows = &tokens[at + run..];
            return &follows[..most.min(follows.len())];
        }
    }
    &[]
}

/// The token that most likely follows each token, as last seen.
#[derive(Debug)]
pub(super) struct Recycled {
    next: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Recycled {
    pub(super) fn new(vocabulary: usize) -> Recycled {
        Recycled {
            next: vec![NONE; vocabulary],
        }
    }

    pub(super) fn learn(&mut self, token: u32, next: u32) {
        if let Some(slot) = self.next.get_mut(token as usize) {
            *slot = next;
        }
    }

    /// The chain of followers of `token`.
    pub(super) fn chain(&self, token: u32, most: usize) -> Vec<u32> {
        let follow = |token: &u32| self.next.get(*token as usize).copied().filter(|n| *n != NONE);
        std::iter::successors(follow(&token), follow).take(most).collect()
    }
}

/// The source of a draft. Each has its own acceptance rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The constraint allows no other text, though it may be tokenized differently.
    Forced,
    /// Prompt lookup.
    Lookup,
    /// Token recycling.
    Recycled,
}

/// The acceptance rates of one sequence by source, and when to retry a source that did not pay.
#[derive(Debug)]
pub(super) struct Record {
    rates: [f64; 3],
    /// Steps until a draft is tried regardless.
    resting: usize,
    /// The number of steps before the next retry.
    rest: usize,
}

const FIRST_REST: usize = 16;
const LONGEST_REST: usize = 512;

/// The weight of one draft in a rate: an average over about the last 20.
const WEIGHT: f64 = 0.05;

impl Record {
    /// The state before the first draft.
    pub(super) fn new() -> Record {
        Record {
            rates: [0.95, 0.6, 0.4],
            resting: 0,
            rest: FIRST_REST,
        }
    }

    /// The probability that a draft is accepted if those before it were.
    pub(super) fn rate(&self, source: Source) -> f64 {
        self.rates[source as usize]
    }

    /// Records how many drafts were accepted. Those after the first rejected one do not count.
    pub(super) fn learn(&mut self, source: Source, drafted: usize, accepted: usize) {
        let rate = &mut self.rates[source as usize];
        for judged in 0..drafted.min(accepted + 1) {
            let was = if judged < accepted { 1.0 } else { 0.0 };
            *rate += (was - *rate) * WEIGHT;
        }
    }

    /// The number of drafts to make if `best` pay: occasionally one even if none pay, to detect changes.
    pub(super) fn width(&mut self, best: usize) -> usize {
        if best > 0 {
            self.rest = FIRST_REST;
            self.resting = 0;
            return best;
        }
        if self.resting > 0 {
            self.resting -= 1;
            return 0;
        }
        self.resting = self.rest;
        self.rest = (self.rest * 2).min(LONGEST_REST);
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_and_longest_earlier_run_is_taken() {
        assert_eq!(lookup(&[1, 2, 3, 9, 2, 3, 7, 1, 2, 3], 3), [9, 2, 3]);
        assert_eq!(lookup(&[1, 2, 5, 1, 2, 6, 1, 2], 1), [6]);
        assert_eq!(lookup(&[1, 2, 3, 4], 3), [0u32; 0]);
        assert_eq!(lookup(&[5, 5, 5], 4), [5]);
        assert_eq!(lookup(&[], 4), [0u32; 0]);
    }

    #[test]
    fn chains_follow_what_was_seen() {
        let mut recycled = Recycled::new(10);
        recycled.learn(1, 2);
        recycled.learn(2, 1);
        recycled.learn(99, 1);
        assert_eq!(recycled.chain(1, 3), [2, 1, 2]);
        assert_eq!(recycled.chain(5, 3), [0u32; 0]);
    }

    #[test]
    fn rates_follow_what_was_judged_and_rests_grow() {
        let mut record = Record::new();
        for _ in 0..200 {
            record.learn(Source::Lookup, 4, 4);
            record.learn(Source::Recycled, 4, 0);
        }
        assert!(record.rate(Source::Lookup) > 0.99 && record.rate(Source::Recycled) < 0.01);
        assert!((record.rate(Source::Forced) - 0.95).abs() < 1e-9);
        // Half of the judged drafts: the first accepted, the second rejected, the others unknown.
        for _ in 0..200 {
            record.learn(Source::Lookup, 4, 1);
        }
        assert!((record.rate(Source::Lookup) - 0.5).abs() < 0.05);
        let tried: usize = (0..2000).map(|_| record.width(0)).sum();
        assert!(
            (5..10).contains(&tried),
            "{tried} tries in 2000 steps that do not pay"
        );
        assert_eq!(record.width(3), 3);
        let steps = (0..100).take_while(|_| record.width(0) == 0).count();
        assert_eq!(
            (steps, (0..100).take_while(|_| record.width(0) == 0).count()),
            (0, FIRST_REST)
        );
    }
}
