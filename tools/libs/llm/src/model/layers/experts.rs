//! A feed-forward part with many experts, of which a router chooses a few for each token (arXiv 1701.06538). Only those are computed.

use sigmavault_ternary::{Pool, Precision, Product, Q8Activations, multiply_each};

use super::context::Context;
use super::feed_forward::{self, FeedForward};
use super::linear::Linear;
use super::ops;
use crate::inference::ForwardError;

/// The pairs of token and expert that are computed at once: enough that threads seldom wait for each other, few enough that
/// intermediate results stay in the cache.
const TOGETHER: usize = 128;

/// The weights of a part with experts.
#[derive(Debug)]
pub struct Experts {
    /// The router: a score for each expert.
    pub router: Linear,
    /// The number of experts per token.
    pub used: usize,
    /// The experts.
    pub parts: Vec<FeedForward>,
    /// The shared expert, which every token uses.
    pub shared: Option<FeedForward>,
}

/// An expert chosen for a token, with its weight.
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
    bytes: Bytes,
}

/// Buffers of experts with inputs quantised to bytes.
#[derive(Debug, Default)]
struct Bytes {
    input: Q8Activations,
    gate: Vec<f32>,
    up: Vec<f32>,
    inside: Q8Activations,
    result: Vec<f32>,
}

impl Experts {
    /// Bytes of all weights.
    pub fn bytes(&self) -> usize {
        let experts: usize = self.parts.iter().map(FeedForward::bytes).sum();
        self.always() + experts
    }

    /// Bytes read for one token.
    pub fn bytes_per_token(&self) -> usize {
        let one = self.parts.first().map_or(0, FeedForward::bytes);
        self.always() + self.used * one
    }

    /// Bytes read for every token.
    fn always(&self) -> usize {
        self.router.bytes() + self.shared.as_ref().map_or(0, FeedForward::bytes)
    }

    /// Computes `out`, the part's contribution to `rows` rows, from their normalised form `normed`.
    pub fn apply(
        &self,
        normed: &[f32],
        rows: usize,
        context: &mut Context<'_>,
        work: &mut Work,
        out: &mut Vec<f32>,
    ) -> Result<(), ForwardError> {
        let Work {
            scores,
            choices,
            gathered,
            result,
            feed_forward,
            bytes,
        } = work;
        context.product(&self.router, normed, rows, scores)?;
        choose(scores, self.parts.len(), self.used, choices);
        if let Some(shared) = &self.shared {
            shared.apply(normed, rows, context, feed_forward, out)?;
        } else {
            out.clear();
            out.resize(normed.len(), 0.0);
        }
        let width = normed.len() / rows;
        if context.precision == Precision::Int8Blocks && self.parts.iter().all(FeedForward::takes_bytes) {
            bytes.input.quantize(normed, rows, width);
            let mut rest = &choices[..];
            while !rest.is_empty() {
                let (some, others) = rest.split_at(together(rest));
                self.through(some, width, bytes, out, context.pool);
                rest = others;
            }
            return Ok(());
        }
        for tokens in choices.chunk_by(|a, b| a.expert == b.expert) {
            gathered.clear();
            for token in tokens {
                gathered.extend_from_slice(&normed[token.row * width..][..width]);
            }
            self.parts[tokens[0].expert].apply(gathered, tokens.len(), context, feed_forward, result)?;
            for (token, result) in tokens.iter().zip(result.chunks_exact(width)) {
                ops::add_scaled(&mut out[token.row * width..][..width], result, token.weight);
            }
        }
        Ok(())
    }

    /// Adds the results of these choices to `out`, for whole experts with inputs quantised to bytes.
    fn through(&self, choices: &[Choice], width: usize, bytes: &mut Bytes, out: &mut [f32], pool: &Pool) {
        let Bytes {
            input,
            gate,
            up,
            inside,
            result,
        } = bytes;
        let Some(first) = self.parts.first() else { return };
        let size = first.gate.rows();
        gate.resize(choices.len() * size, 0.0);
        up.resize(choices.len() * size, 0.0);
        result.resize(choices.len() * width, 0.0);
        let experts = || choices.chunk_by(|a, b| a.expert == b.expert);

        // The lengths match these parts; a shorter one would be rejected as a product's output.
        let (mut gates, mut ups) = (&mut gate[..], &mut up[..]);
        let mut products: Vec<Product<'_>> = Vec::new();
        for tokens in experts() {
            let part = &self.parts[tokens[0].expert];
            for (matrix, outs) in [(&part.gate, &mut gates), (&part.up, &mut ups)] {
                let rows = tokens.iter().map(|token| token.row);
                let out = outs.split_off_mut(..tokens.len() * size).unwrap_or_default();
                products.extend(matrix.with_bytes(input, rows, out));
            }
        }
        multiply_each(&mut products, pool);
        drop(products);
        first.pass_gate(gate, up, pool);

        inside.quantize(gate, choices.len(), size);
        let (mut results, mut at) = (&mut result[..], 0);
        let mut products: Vec<Product<'_>> = Vec::new();
        for tokens in experts() {
            let part = &self.parts[tokens[0].expert];
            let rows = at..at + tokens.len();
            at = rows.end;
            let out = results.split_off_mut(..tokens.len() * width).unwrap_or_default();
            products.extend(part.down.with_bytes(inside, rows, out));
        }
        multiply_each(&mut products, pool);
        drop(products);
        for (token, result) in choices.iter().zip(result.chunks_exact(width)) {
            ops::add_scaled(&mut out[token.row * width..][..width], result, token.weight);
        }
    }
}

/// The number of choices to compute at once: those of whole experts, and of at least one.
fn together(choices: &[Choice]) -> usize {
    let mut count = 0;
    for tokens in choices.chunk_by(|a, b| a.expert == b.expert) {
        if count > 0 && count + tokens.len() > TOGETHER {
            break;
        }
        count += tokens.len();
    }
    count
}

/// The `used` best of each row's `count` scores, weighted by the softmax over them, ordered by expert and then row, so that a token's sum
/// has the same order whatever else is in the batch.
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
    use sigmavault_ternary::{Activations, Q8Matrix, Quant, QuantMatrix};

    use super::*;
    use crate::model::layers::feed_forward::Gate;

    #[test]
    fn the_best_experts_share_a_weight_of_one() {
        let scores = [0.0, 2.0, 2.0 + 3f32.ln(), -1.0, 5.0, 5.0, 5.0, 1.0];
        let mut choices = Vec::new();
        choose(&scores, 4, 2, &mut choices);
        let found: Vec<(usize, usize)> = choices.iter().map(|c| (c.expert, c.row)).collect();
        // Of equal scores, the first experts are chosen.
        assert_eq!(found, [(0, 1), (1, 0), (1, 1), (2, 0)]);
        for (choice, weight) in choices.iter().zip([0.5, 0.25, 0.5, 0.75]) {
            assert!((choice.weight - weight).abs() < 1e-6, "{choice:?}");
        }
    }

    /// Random blocks whose fp16 at these offsets are small.
    fn blocks(count: usize, size: usize, halves: &[usize], seed: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..count * size)
            .map(|n| {
                ((n + seed) as u64)
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    .to_le_bytes()[5]
            })
            .collect();
        for block in bytes.chunks_exact_mut(size) {
            for &at in halves {
                block[at..at + 2].copy_from_slice(&half::f16::from_f32(1e-3).to_le_bytes());
            }
        }
        bytes
    }

    fn k_quants(kind: Quant, rows: usize, columns: usize, seed: usize) -> Linear {
        let halves: &[usize] = if kind == Quant::Q6K { &[208] } else { &[0, 2] };
        let bytes = blocks(rows * columns / 256, kind.block_bytes(), halves, seed);
        Linear::Blocks(QuantMatrix::copied(kind, &bytes, rows, columns).unwrap())
    }

    fn bytes(rows: usize, columns: usize, seed: usize) -> Linear {
        let bytes = blocks(rows * columns / 32, 34, &[0], seed);
        Linear::Byte(Q8Matrix::copied(&bytes, rows, columns).unwrap())
    }

    #[test]
    fn a_token_gets_from_its_experts_what_it_gets_alone() {
        const COUNT: usize = 5;
        let (width, size, rows, pool) = (256, 256, 90, Pool::new(2));
        let random = |n: usize| ((n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as f32 / 32768.0 - 1.0;
        let experts = Experts {
            router: Linear::Full {
                values: (0..COUNT * width).map(random).collect(),
                columns: width,
            },
            used: 2,
            parts: (0..COUNT)
                .map(|n| FeedForward {
                    kind: Gate::Silu,
                    gate: k_quants(Quant::Q4K, size, width, 3 * n),
                    up: k_quants(Quant::Q5K, size, width, 3 * n + 1),
                    down: if n % 2 == 0 {
                        k_quants(Quant::Q6K, width, size, 3 * n + 2)
                    } else {
                        bytes(width, size, 3 * n + 2)
                    },
                    sub_norm: None,
                })
                .collect(),
            shared: None,
        };
        let normed: Vec<f32> = (0..rows * width).map(|n| random(n + 999)).collect();
        let mut quantised = Activations::new();
        for precision in [Precision::Int8Blocks, Precision::Int16Blocks] {
            let (mut work, mut out, mut scores) = (Work::default(), Vec::new(), Vec::new());
            let mut context = Context {
                pool: &pool,
                precision,
                quantised: &mut quantised,
                angles: None,
            };
            experts
                .apply(&normed, rows, &mut context, &mut work, &mut out)
                .unwrap();
            let mut alone = Vec::new();
            for (row, normed) in normed.chunks_exact(width).enumerate() {
                experts
                    .apply(normed, 1, &mut context, &mut work, &mut alone)
                    .unwrap();
                assert_eq!(alone, &out[row * width..][..width], "row {row}, {precision:?}");
            }
            // Expert by expert, token by token.
            context
                .product(&experts.router, &normed, rows, &mut scores)
                .unwrap();
            let (mut choices, mut expected) = (Vec::new(), vec![0.0; rows * width]);
            choose(&scores, COUNT, experts.used, &mut choices);
            assert_eq!(choices.len(), 2 * rows);
            assert!(together(&choices) < choices.len());
            let (mut feed_forward, mut result) = (feed_forward::Work::default(), Vec::new());
            for choice in &choices {
                let from = choice.row * width;
                experts.parts[choice.expert]
                    .apply(
                        &normed[from..from + width],
                        1,
                        &mut context,
                        &mut feed_forward,
                        &mut result,
                    )
                    .unwrap();
                ops::add_scaled(&mut expected[from..from + width], &result, choice.weight);
            }
            assert_eq!(out, expected, "{precision:?}");
        }
    }
}
