//! Rotary position embedding (arXiv 2104.09864) in both pairings of a head's elements, with `YaRN` (arXiv 2309.00071), which stretches the
//! slow frequencies beyond the trained context, and the stretching of Llama 3.1.

use std::f32::consts::PI;

/// The treatment of positions beyond the trained context.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scaling {
    /// As trained.
    None,
    /// Every position divided by a factor.
    Linear(f32),
    /// Slow frequencies are divided by `factor`, fast ones are kept.
    Yarn {
        /// The ratio of the context to that of training.
        factor: f32,
        /// The context of training, in tokens.
        original: usize,
        /// Frequencies with more turns within that context are kept.
        fast: f32,
        /// Those with fewer are divided, and those in between interpolated.
        slow: f32,
        /// The factor of sines and cosines, which [`yarn_gain`] gives.
        gain: f32,
    },
    /// As `YaRN`, with wavelengths in place of turns (Llama 3.1).
    Llama3 {
        /// The ratio of the context to that of training.
        factor: f32,
        /// The context of training, in tokens.
        original: usize,
        /// Wavelengths above `original / low` are stretched.
        low: f32,
        /// Those below `original / high` are kept, and those in between interpolated.
        high: f32,
    },
}

/// The turns within the trained context from which `YaRN` keeps a frequency, as the paper sets them for Llama.
pub const FAST: f32 = 32.0;
/// The turns below which it divides a frequency.
pub const SLOW: f32 = 1.0;

/// The factor of sines and cosines for a context that is `factor` times that of training, as in the paper.
pub fn yarn_gain(factor: f32) -> f32 {
    if factor <= 1.0 {
        1.0
    } else {
        0.1 * factor.ln() + 1.0
    }
}

/// The frequencies of one head.
#[derive(Debug, Clone)]
pub struct Rope {
    frequencies: Vec<f32>,
    gain: f32,
}

impl Rope {
    /// For heads of `size` elements (even) and a frequency base such as 10000.
    pub fn new(size: usize, base: f32, scaling: Scaling) -> Self {
        let half = size / 2;
        let plain: Vec<f32> = (0..half)
            .map(|i| 1.0 / base.powf((2 * i) as f32 / size as f32))
            .collect();
        match scaling {
            Scaling::None => Self {
                frequencies: plain,
                gain: 1.0,
            },
            Scaling::Linear(factor) => Self {
                frequencies: plain.iter().map(|f| f / factor).collect(),
                gain: 1.0,
            },
            Scaling::Yarn {
                factor,
                original,
                fast,
                slow,
                gain,
            } => Self {
                frequencies: yarn(&plain, size, base, factor, original, [fast, slow]),
                gain,
            },
            Scaling::Llama3 {
                factor,
                original,
                low,
                high,
            } => {
                let stretched = |f: &f32| {
                    let turns = original as f32 * f / (2.0 * PI);
                    let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    f / factor * (1.0 - kept) + f * kept
                };
                Self {
                    frequencies: plain.iter().map(stretched).collect(),
                    gain: 1.0,
                }
            }
        }
    }

    /// With every frequency divided by its factor.
    pub fn divided(mut self, factors: &[f32]) -> Self {
        for (frequency, factor) in self.frequencies.iter_mut().zip(factors) {
            *frequency /= factor;
        }
        self
    }

    /// The size of a head.
    pub fn size(&self) -> usize {
        2 * self.frequencies.len()
    }

    /// Writes the cosines at `position` to the first half of `out`, and the sines to the second.
    pub fn angles(&self, position: usize, out: &mut [f32]) {
        let (cosines, sines) = out.split_at_mut(self.frequencies.len());
        for ((f, c), s) in self.frequencies.iter().zip(cosines).zip(sines) {
            let (sine, cosine) = (position as f32 * f).sin_cos();
            *c = cosine * self.gain;
            *s = sine * self.gain;
        }
    }
}

/// Frequencies with more turns within the trained context than the first of `turns` are kept, those with fewer than the second are divided
/// by `factor`, and those in between are interpolated.
fn yarn(plain: &[f32], size: usize, base: f32, factor: f32, original: usize, turns: [f32; 2]) -> Vec<f32> {
    let index_of = |turns: f32| size as f32 * (original as f32 / (turns * 2.0 * PI)).ln() / (2.0 * base.ln());
    let low = index_of(turns[0]).floor().max(0.0);
    let mut high = index_of(turns[1]).ceil().min(size as f32 - 1.0);
    if (low - high).abs() < f32::EPSILON {
        high += 0.001;
    }
    plain
        .iter()
        .enumerate()
        .map(|(i, f)| {
            let kept = 1.0 - ((i as f32 - low) / (high - low)).clamp(0.0, 1.0);
            f / factor * (1.0 - kept) + f * kept
        })
        .collect()
}

/// Which two elements of a head are rotated together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairs {
    /// `i` and `i + size / 2`.
    Halves,
    /// `2 i` and `2 i + 1`, as the rows are ordered in GGUF files of the Llama family.
    Neighbours,
}

/// Rotates one head by the angles of [`Rope::angles`].
pub fn rotate(head: &mut [f32], angles: &[f32], pairs: Pairs) {
    let half = head.len() / 2;
    let (cosines, sines) = angles.split_at(half);
    let turn = |a: &mut f32, b: &mut f32, c: &f32, s: &f32| (*a, *b) = (*a * c - *b * s, *b * c + *a * s);
    match pairs {
        Pairs::Halves => {
            let (first, second) = head.split_at_mut(half);
            for (((a, b), c), s) in first.iter_mut().zip(second).zip(cosines).zip(sines) {
                turn(a, b, c, s);
            }
        }
        Pairs::Neighbours => {
            for (([a, b], c), s) in head.as_chunks_mut().0.iter_mut().zip(cosines).zip(sines) {
                turn(a, b, c, s);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these results are exact")]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_swaps_the_halves() {
        let mut head = [1.0, 2.0, 3.0, 4.0];
        rotate(&mut head, &[0.0, 0.0, 1.0, 1.0], Pairs::Halves);
        assert_eq!(head, [-3.0, -4.0, 1.0, 2.0]);
        rotate(&mut head, &[0.0, 0.0, 1.0, 1.0], Pairs::Neighbours);
        assert_eq!(head, [4.0, -3.0, -2.0, 1.0]);
    }

    #[test]
    fn the_first_frequency_is_one_radian_a_token() {
        let mut angles = [0.0; 4];
        Rope::new(4, 10000.0, Scaling::None).angles(1, &mut angles);
        let expected = [1f32.cos(), 0.01f32.cos(), 1f32.sin(), 0.01f32.sin()];
        for (a, e) in angles.iter().zip(expected) {
            assert!((a - e).abs() < 1e-6, "{a} is not {e}");
        }
    }

    #[test]
    fn yarn_keeps_the_fastest_and_stretches_the_slowest() {
        let rope = Rope::new(
            128,
            10000.0,
            Scaling::Yarn {
                factor: 4.0,
                original: 4096,
                fast: FAST,
                slow: SLOW,
                gain: yarn_gain(4.0),
            },
        );
        let plain = Rope::new(128, 10000.0, Scaling::None);
        assert_eq!(rope.frequencies[0].to_bits(), plain.frequencies[0].to_bits());
        assert!((rope.frequencies[63] * 4.0 / plain.frequencies[63] - 1.0).abs() < 1e-5);
        assert!((rope.gain - 1.138_629_4).abs() < 1e-6);
    }
    #[test]
    fn llama_3_keeps_short_waves_and_stretches_long_ones() {
        let scaling = Scaling::Llama3 {
            factor: 8.0,
            original: 8192,
            low: 1.0,
            high: 4.0,
        };
        let (rope, plain) = (
            Rope::new(128, 500_000.0, scaling),
            Rope::new(128, 500_000.0, Scaling::None),
        );
        let ratio = |i: usize| plain.frequencies[i] / rope.frequencies[i];
        assert!((ratio(0) - 1.0).abs() < 1e-6);
        assert!((ratio(28) - 1.0).abs() < 1e-6, "{}", ratio(28));
        assert!((ratio(63) - 8.0).abs() < 1e-5);
        // The same as factors of a GGUF file.
        let factors: Vec<f32> = (0..64).map(ratio).collect();
        let divided = plain.divided(&factors);
        for (a, b) in divided.frequencies.iter().zip(&rope.frequencies) {
            assert!((a / b - 1.0).abs() < 1e-6);
        }
    }
}
