//! Guessing tokens ahead. Whether that pays is weighed in [`super::pace`].
//!
//! A guess costs a row in the next pass and saves a whole pass when it is right. Two sources: what followed the same tokens earlier in
//! the text (prompt lookup), and what followed the same token in any text of this engine (token recycling, arXiv 2408.08696, with an
//! adjacency matrix of one column, so that guesses are a chain and no tree). A guess is right when it is what is chosen anyway, so the
//! text is the same with and without.

/// The longest run of tokens looked for in the text so far.
const LONGEST: usize = 4;

/// The shortest.
const SHORTEST: usize = 2;

/// What followed the last tokens of `tokens` when they came before, the latest time, for the longest run that did.
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

/// Where a guess comes from. Each is right at a rate of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The constraint leaves no other way, but for how the text is cut into tokens.
    Forced,
    /// The same tokens earlier in the text.
    Lookup,
    /// The same token in any text.
    Recycled,
}

/// How often guesses of each source are right in one text, and whether it is time to try again what did not pay.
#[derive(Debug)]
pub(super) struct Record {
    rates: [f64; 3],
    /// Steps until one guess is tried all the same.
    resting: usize,
    /// How long the next rest is.
    rest: usize,
}

const FIRST_REST: usize = 16;
const LONGEST_REST: usize = 512;

/// How much of a rate a guess is: the last 20 count.
const WEIGHT: f64 = 0.05;

impl Record {
    /// Before the first guess.
    pub(super) fn new() -> Record {
        Record {
            rates: [0.95, 0.6, 0.4],
            resting: 0,
            rest: FIRST_REST,
        }
    }

    /// How likely a guess is right when those before it were.
    pub(super) fn rate(&self, source: Source) -> f64 {
        self.rates[source as usize]
    }

    /// Takes note of how many of the guesses were right. Those after the first wrong one were never judged.
    pub(super) fn learn(&mut self, source: Source, guesses: usize, right: usize) {
        let rate = &mut self.rates[source as usize];
        for judged in 0..guesses.min(right + 1) {
            let was = if judged < right { 1.0 } else { 0.0 };
            *rate += (was - *rate) * WEIGHT;
        }
    }

    /// How many guesses to make where `best` pay: now and then one where none do, to see whether that has changed.
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
        // Half of what was judged: the first right, the second wrong, the others unknown.
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
