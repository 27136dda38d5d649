//! The small operations between matrix products, over slices. They are written to be vectorised: sums run in lanes, and loops have no
//! branches.

use pulp::{Arch, Simd, WithSimd};
use sigmavault_ternary::Pool;

use crate::model::parallel::{self, ROWS};

/// The lanes of a sum: more than one register, so that additions overlap.
const LANES: usize = 32;

/// Sum of squares.
#[inline(always)]
pub fn square_sum(x: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (whole, rest) = x.as_chunks::<LANES>();
    for chunk in whole {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += v * v;
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|v| v * v).sum::<f32>()
}

/// Inner product of two slices of one length.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (whole_a, rest_a) = a.as_chunks::<LANES>();
    let (whole_b, rest_b) = b.as_chunks::<LANES>();
    for (ca, cb) in whole_a.iter().zip(whole_b) {
        for ((lane, x), y) in lanes.iter_mut().zip(ca).zip(cb) {
            *lane += x * y;
        }
    }
    lanes.iter().sum::<f32>() + rest_a.iter().zip(rest_b).map(|(x, y)| x * y).sum::<f32>()
}

/// Root-mean-square normalisation (arXiv 1910.07467) of one row, in place.
pub fn rms_norm_in_place(x: &mut [f32], weight: &[f32], eps: f32) {
    let scale = 1.0 / (square_sum(x) / x.len() as f32 + eps).sqrt();
    for (v, w) in x.iter_mut().zip(weight) {
        // In the order of the reference implementations: BitNet rounds the result.
        *v = *v * scale * w;
    }
}

/// [`rms_norm_in_place`] of many rows.
pub fn rms_norm_rows(rows: &mut [f32], weight: &[f32], eps: f32, pool: &Pool) {
    let width = weight.len();
    parallel::pieces(pool, rows, width * ROWS, &|_, rows| {
        for row in rows.chunks_exact_mut(width) {
            rms_norm_in_place(row, weight, eps);
        }
    });
}

/// Layer normalisation (arXiv 1607.06450) of one row, in place.
pub fn layer_norm_in_place(x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
    let mean = x.iter().sum::<f32>() / x.len() as f32;
    for v in x.iter_mut() {
        *v -= mean;
    }
    let scale = 1.0 / (square_sum(x) / x.len() as f32 + eps).sqrt();
    for ((v, w), b) in x.iter_mut().zip(weight).zip(bias) {
        *v = *v * scale * w + b;
    }
}

/// `x += factor * y`.
pub fn add_scaled(x: &mut [f32], y: &[f32], factor: f32) {
    for (a, b) in x.iter_mut().zip(y) {
        *a += factor * b;
    }
}

/// `x *= factor`.
pub fn scale(x: &mut [f32], factor: f32) {
    if factor.to_bits() != 1f32.to_bits() {
        for v in x {
            *v *= factor;
        }
    }
}

/// A step of a linear recurrence: `state = keep * state + gain * input`, and the inner product of the new state with `output`.
pub fn decay_add_dot(state: &mut [f32], keep: f32, gain: f32, input: &[f32], output: &[f32]) -> f32 {
    const WIDE: usize = 16;
    let mut lanes = [0f32; WIDE];
    let (states, last_state) = state.as_chunks_mut::<WIDE>();
    let (inputs, last_input) = input.as_chunks::<WIDE>();
    let (outputs, last_output) = output.as_chunks::<WIDE>();
    for ((state, input), output) in states.iter_mut().zip(inputs).zip(outputs) {
        for (((lane, s), i), o) in lanes.iter_mut().zip(state).zip(input).zip(output) {
            *s = keep * *s + gain * i;
            *lane += *s * o;
        }
    }
    let mut rest = 0.0;
    for ((s, i), o) in last_state.iter_mut().zip(last_input).zip(last_output) {
        *s = keep * *s + gain * i;
        rest += *s * o;
    }
    lanes.iter().sum::<f32>() + rest
}

/// The exponential function to within two units in the last place, branch-free: 2^n by the exponent bits, the rest by a polynomial.
/// Below -87 the result is the smallest normal number, not zero.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits; conversions of floats to integers have special cases that are
    // not vectorised.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 5e-1;
    let p = p * r * r + r + 1.0;
    let exponent = rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    p * f32::from_bits(exponent << 23)
}

/// The logistic function.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// `x = x * sigmoid(x)`.
pub fn silu(x: &mut [f32]) {
    for v in x {
        *v *= sigmoid(*v);
    }
}

/// `gate = silu(gate) * up`.
pub fn silu_times(gate: &mut [f32], up: &[f32]) {
    Arch::new().dispatch(SiluTimes { gate, up });
}

/// The work of [`silu_times`], compiled for each register width.
struct SiluTimes<'a> {
    gate: &'a mut [f32],
    up: &'a [f32],
}

impl WithSimd for SiluTimes<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for (g, u) in self.gate.iter_mut().zip(self.up) {
            *g = *g * sigmoid(*g) * u;
        }
    }
}

/// `gate = relu(gate)^2 * up`, the activation of `BitNet` b1.58 2B4T (arXiv 2504.12285).
pub fn square_relu_times(gate: &mut [f32], up: &[f32]) {
    for (g, u) in gate.iter_mut().zip(up) {
        let positive = g.max(0.0);
        *g = positive * positive * u;
    }
}

/// `x = x * P(X < x)` for a normal X (arXiv 1606.08415). The error function is Abramowitz and Stegun's 7.1.26, within 1.5e-7.
pub fn gelu(x: &mut [f32]) {
    for v in x {
        let z = v.abs() * std::f32::consts::FRAC_1_SQRT_2;
        let t = 1.0 / (1.0 + 0.327_591_1 * z);
        let p = 1.061_405_4;
        let p = p * t - 1.453_152;
        let p = p * t + 1.421_413_7;
        let p = p * t - 0.284_496_74;
        let p = p * t + 0.254_829_6;
        let erf = 1.0 - p * t * exp(-z * z);
        *v = 0.5 * *v * (1.0 + erf.copysign(*v));
    }
}

/// `ln(1 + e^x)`, as in torch: `x` above 20.
pub fn softplus(x: f32) -> f32 {
    if x > 20.0 { x } else { x.exp().ln_1p() }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these results are exact")]
mod tests {
    use super::*;

    #[test]
    fn exp_follows_the_standard_library() {
        for i in -8700..8800 {
            let x = i as f32 * 0.01;
            let (ours, theirs) = (f64::from(exp(x)), f64::from(x).exp());
            assert!(
                (ours / theirs - 1.0).abs() < 3e-7,
                "exp({x}) = {ours}, not {theirs}"
            );
        }
        assert_eq!(exp(0.0).to_bits(), 1f32.to_bits());
        assert!(exp(-1000.0) < 1e-37);
    }

    #[test]
    fn a_row_normalised_has_unit_mean_square() {
        let x: Vec<f32> = (0..70).map(|i| i as f32 - 20.0).collect();
        let mut out = x;
        rms_norm_in_place(&mut out, &[1.0; 70], 0.0);
        assert!((square_sum(&out) / 70.0 - 1.0).abs() < 1e-6);
        assert!((out[0] / out[1] - 20.0 / 19.0).abs() < 1e-6);
    }

    #[test]
    fn a_recurrence_keeps_and_adds() {
        let mut state: Vec<f32> = (0..19).map(|i| i as f32).collect();
        let sum = decay_add_dot(&mut state, 0.5, 2.0, &[1.0; 19], &[1.0; 19]);
        assert_eq!(state[18].to_bits(), 11f32.to_bits());
        assert_eq!(sum.to_bits(), (171f32 / 2.0 + 38.0).to_bits());
    }

    #[test]
    fn dot_takes_the_rest_beyond_the_lanes() {
        let a = [1.0; 37];
        let b: Vec<f32> = (0..37).map(|i| i as f32).collect();
        assert_eq!(dot(&a, &b).to_bits(), 666f32.to_bits());
    }

    #[test]
    fn gelu_at_known_points() {
        let mut x = [-1.0, 0.0, 1.0, 3.0];
        gelu(&mut x);
        for (ours, theirs) in x.iter().zip([-0.158_655_26, 0.0, 0.841_344_7, 2.995_950_3]) {
            assert!((ours - theirs).abs() < 5e-7, "{ours} is not {theirs}");
        }
    }

    #[test]
    fn square_relu_drops_negatives() {
        let mut gate = [-3.0, 2.0];
        square_relu_times(&mut gate, &[5.0, 0.5]);
        assert_eq!(gate, [0.0, 2.0]);
    }
}
