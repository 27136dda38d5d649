//! Guessing tokens ahead, and when to leave it.
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

/// How many guesses a text gets: more while they are right, none for a while when too few are.
#[derive(Debug)]
pub(super) struct Width {
    most: usize,
    now: usize,
    /// Share of right guesses, of late.
    share: f32,
    floor: f32,
    /// Steps left without guesses.
    resting: usize,
    /// How long the next rest is.
    rest: usize,
}

const FIRST_REST: usize = 16;
const LONGEST_REST: usize = 512;

impl Width {
    /// At most `most` guesses; none for a while when fewer than the share `floor` are right.
    pub(super) fn new(most: usize, floor: f32) -> Width {
        Width {
            most,
            now: most.min(2),
            share: 0.6,
            floor,
            resting: 0,
            rest: FIRST_REST,
        }
    }

    /// How many guesses to make in this step.
    pub(super) fn next(&mut self) -> usize {
        if self.resting > 0 {
            self.resting -= 1;
            return 0;
        }
        self.now
    }

    /// Takes note of how many of the guesses were right.
    pub(super) fn learn(&mut self, guesses: usize, right: usize) {
        if guesses == 0 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a few guesses")]
        let share = right as f32 / guesses as f32;
        self.share = self.share * 0.75 + share * 0.25;
        if right == guesses {
            self.now = (self.now + 1).min(self.most);
        } else if right == 0 {
            self.now = (self.now / 2).max(1).min(self.most);
        }
        if self.share < self.floor {
            self.resting = self.rest;
            self.rest = (self.rest * 2).min(LONGEST_REST);
            self.share = self.floor + 0.1;
            self.now = self.most.min(1);
        } else if self.share > 0.8 {
            self.rest = FIRST_REST;
        }
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
    fn guessing_rests_when_it_does_not_pay_and_comes_back() {
        let mut width = Width::new(8, 0.3);
        for _ in 0..20 {
            let guesses = width.next();
            width.learn(guesses, guesses);
        }
        assert_eq!(width.next(), 8);
        let mut made = 0;
        for _ in 0..2000 {
            let guesses = width.next();
            made += guesses;
            width.learn(guesses, 0);
        }
        assert!(made < 60, "{made} guesses in 2000 steps that were all wrong");
        let mut steps = 0;
        while width.next() == 0 {
            steps += 1;
        }
        assert!(steps <= LONGEST_REST);
    }
}
