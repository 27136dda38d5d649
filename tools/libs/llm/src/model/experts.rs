//! A feed-forward part with many experts, of which each token goes through the few that a router chooses (arXiv 1701.06538). Only
//! those are computed.

use sigmavault_ternary::{Activations, Pool, Precision};

use super::error::ForwardError;
use super::feed_forward::{self, FeedForward};
use super::linear::{Linear, products};
use super::ops;

/// The weights of such a part.
#[derive(Debug)]
pub struct Experts {
    /// To a score for each expert.
    pub router: Linear,
    /// How many experts a token goes through.
    pub used: usize,
    /// The experts.
    pub parts: Vec<FeedForward>,
    /// One that every token goes through besides.
    pub shared: Option<FeedForward>,
}

/// That a token goes through an expert, whose result counts with this weight.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Choice {
    expert: usize,
    row: usize,
    weight: f32,
}

/// Buffers of such parts.
#[derive(Debug, Default)]
pub struct Work {
    scores: Vec<f32>,
    choices: Vec<Choice>,
    gathered: Vec<f32>,
    result: Vec<f32>,
    feed_forward: feed_forward::Work,
}

impl Experts {
    /// Bytes of all weights.
    pub fn bytes(&self) -> usize {
        let experts: usize = self.parts.iter().map(FeedForward::bytes).sum();
        self.always() + experts
    }

    /// Bytes that one token reads.
    pub fn bytes_per_token(&self) -> usize {
        let one = self.parts.first().map_or(0, FeedForward::bytes);
        self.always() + self.used * one
    }

    /// Bytes that every token reads.
    fn always(&self) -> usize {
        self.router.bytes() + self.shared.as_ref().map_or(0, FeedForward::bytes)
    }

    /// `out` = what the part adds to the `rows` rows whose normalised form is `normed`.
    #[allow(clippy::too_many_arguments, reason = "buffers are the caller's")]
    pub fn apply(
        &self,
        normed: &[f32],
        rows: usize,
        precision: Precision,
        quantised: &mut Activations,
        work: &mut Work,
        out: &mut Vec<f32>,
        pool: &Pool,
    ) -> Result<(), ForwardError> {
        let Work {
            scores,
            choices,
            gathered,
            result,
            feed_forward,
        } = work;
        products(
            normed,
            rows,
            quantised,
            precision,
            &mut [(&self.router, scores)],
            pool,
        )?;
        choose(scores, self.parts.len(), self.used, choices);
        if let Some(shared) = &self.shared {
            shared.apply(normed, rows, precision, quantised, feed_forward, out, pool)?;
        } else {
            out.clear();
            out.resize(normed.len(), 0.0);
        }
        let width = normed.len() / rows;
        for tokens in choices.chunk_by(|a, b| a.expert == b.expert) {
            gathered.clear();
            for token in tokens {
                gathered.extend_from_slice(&normed[token.row * width..][..width]);
            }
            self.parts[tokens[0].expert].apply(
                gathered,
                tokens.len(),
                precision,
                quantised,
                feed_forward,
                result,
                pool,
            )?;
            for (token, result) in tokens.iter().zip(result.chunks_exact(width)) {
                ops::add_scaled(&mut out[token.row * width..][..width], result, token.weight);
            }
        }
        Ok(())
    }
}

/// The `used` best of each row's `count` scores, weighted by the softmax over these, in the order of experts and then rows. So a
/// token's sum is taken in the same order whatever else is in the batch.
fn choose(scores: &[f32], count: usize, used: usize, choices: &mut Vec<Choice>) {
    choices.clear();
    let mut order: Vec<usize> = Vec::with_capacity(count);
    for (row, scores) in scores.chunks_exact(count).enumerate() {
        order.clear();
        order.extend(0..count);
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let best = &order[..used];
        let top = scores[best[0]];
        let sum: f32 = best.iter().map(|&expert| (scores[expert] - top).exp()).sum();
        choices.extend(best.iter().map(|&expert| Choice {
            expert,
            row,
            weight: (scores[expert] - top).exp() / sum,
        }));
    }
    choices.sort_unstable_by_key(|choice| (choice.expert, choice.row));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_experts_share_a_weight_of_one() {
        let scores = [0.0, 2.0, 2.0 + 3f32.ln(), -1.0, 5.0, 5.0, 5.0, 1.0];
        let mut choices = Vec::new();
        choose(&scores, 4, 2, &mut choices);
        let found: Vec<(usize, usize)> = choices.iter().map(|c| (c.expert, c.row)).collect();
        // Of equal scores the first experts are taken.
        assert_eq!(found, [(0, 1), (1, 0), (1, 1), (2, 0)]);
        for (choice, weight) in choices.iter().zip([0.5, 0.25, 0.5, 0.75]) {
            assert!((choice.weight - weight).abs() < 1e-6, "{choice:?}");
        }
    }
}
