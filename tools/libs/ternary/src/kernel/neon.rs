//! NEON with the dot-product extension: four rows in a register, `sdot` by lane.
#![allow(unsafe_code)] // loads and stores of whole registers

use std::arch::aarch64::{
    float32x4_t, int8x16_t, int32x4_t, uint8x16_t, vaddq_f32, vaddq_s32, vandq_u8, vcvtq_f32_s32,
    vdupq_n_f32, vdupq_n_s32, vdupq_n_u8, vld1q_f32, vld1q_s8, vld1q_u8, vmulq_f32, vreinterpretq_s8_u8,
    vshlq_n_s32, vshrq_n_s32, vshrq_n_u8, vst1q_f32,
};
use std::arch::asm;

use super::alone::alone;
use super::job::{Groups, Job, Outputs, prefetch_chunk};
use super::narrow::narrow;
use crate::activations::Together;
use crate::half_float::widen;
use crate::panel::{CHUNK, CHUNK_BYTES, PANEL_ROWS};
use crate::slices::part;

const LANES: usize = 4;
const SLICES_INSIDE: bool = false;
type Int = int32x4_t;
type Float = float32x4_t;
/// Planes 0 and 3; planes 1 and 2, 4 and 16 times too large. (The top plane would be negative if it were not shifted.)
type Apart = [int32x4_t; 3];
/// There are enough registers to keep them as variables.
type Masks = ();

narrow!(#[target_feature(enable = "neon,dotprod")]);
alone!(#[target_feature(enable = "neon,dotprod")]);

/// The values of a chunk.
type Alone = [i8; CHUNK];

#[inline(always)]
fn alone<'a>(_: &Job<'a>, x: &Together<'a>, chunk: usize) -> Option<&'a Alone> {
    x.values[0].get(chunk * x.width)
}

#[inline]
#[target_feature(enable = "neon")]
fn alone_words(values: &Alone, block: usize) -> int8x16_t {
    words(&values.as_chunks::<16>().0[block])
}

/// Adds to each lane the product of its four codes with the four values of lane `LANE`. (The intrinsic is not in
/// stable Rust.)
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dot<const LANE: i32>(mut sums: Int, codes: int8x16_t, values: int8x16_t) -> Int {
    // SAFETY: one instruction on registers, which the dot-product extension has.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {codes:v}.16b, {values:v}.4b[{lane}]",
            sums = inlateout(vreg) sums,
            codes = in(vreg) codes,
            values = in(vreg) values,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

#[inline]
#[target_feature(enable = "neon")]
fn all_weights(scales: &[u8; 32]) -> [Float; SLICES] {
    let mut out = [floats(0.0); SLICES];
    for s in 0..SLICES {
        out[s] = weights(scales.as_chunks().0[s]);
    }
    out
}

#[inline(always)]
fn masks() -> Masks {}

#[inline]
#[target_feature(enable = "neon")]
fn apart() -> Apart {
    [vdupq_n_s32(0); 3]
}

#[inline]
#[target_feature(enable = "neon,dotprod")]
fn apart_add(sums: Apart, block: uint8x16_t, words: int8x16_t, (): Masks) -> Apart {
    let codes = |mask: u8| vreinterpretq_s8_u8(vandq_u8(block, vdupq_n_u8(mask)));
    let ends = dot::<0>(sums[0], codes(3), words);
    [
        dot::<3>(ends, vreinterpretq_s8_u8(vshrq_n_u8::<6>(block)), words),
        dot::<1>(sums[1], codes(12), words),
        dot::<2>(sums[2], codes(48), words),
    ]
}

#[inline]
#[target_feature(enable = "neon")]
fn apart_sum(sums: Apart) -> Int {
    vaddq_s32(
        sums[0],
        vaddq_s32(vshrq_n_s32::<2>(sums[1]), vshrq_n_s32::<4>(sums[2])),
    )
}

#[inline]
#[target_feature(enable = "neon")]
fn plus_narrow(a: Int, b: Int) -> Int {
    vaddq_s32(a, b)
}

#[inline]
#[target_feature(enable = "neon,dotprod")]
fn add(sums: Int, planes: [int8x16_t; 4], words: int8x16_t) -> Int {
    let sums = dot::<0>(sums, planes[0], words);
    let sums = dot::<1>(sums, planes[1], words);
    let sums = dot::<2>(sums, planes[2], words);
    dot::<3>(sums, planes[3], words)
}

#[inline]
#[target_feature(enable = "neon")]
fn sum(sums: Int) -> Int {
    sums
}

#[inline]
#[target_feature(enable = "neon")]
fn load(codes: [u8; 16]) -> uint8x16_t {
    // SAFETY: 16 bytes are read, as many as there are.
    unsafe { vld1q_u8(codes.as_ptr()) }
}

/// Planes select their four values by lane.
#[inline]
#[target_feature(enable = "neon")]
fn words(values: &[i8; 16]) -> int8x16_t {
    // SAFETY: 16 bytes are read, as many as there are.
    unsafe { vld1q_s8(values.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn planes(block: uint8x16_t) -> [int8x16_t; 4] {
    let three = vdupq_n_u8(3);
    [
        vreinterpretq_s8_u8(vandq_u8(block, three)),
        vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8::<2>(block), three)),
        vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8::<4>(block), three)),
        vreinterpretq_s8_u8(vshrq_n_u8::<6>(block)),
    ]
}

#[inline]
#[target_feature(enable = "neon")]
fn zero() -> Int {
    vdupq_n_s32(0)
}

#[inline]
#[target_feature(enable = "neon")]
fn splat(value: i32) -> Int {
    vdupq_n_s32(value)
}

#[inline]
#[target_feature(enable = "neon")]
fn plus(a: Int, b: Int) -> Int {
    vaddq_s32(a, b)
}

#[inline]
#[target_feature(enable = "neon")]
fn join(first: Int, second: Int) -> Int {
    vaddq_s32(vshlq_n_s32::<8>(first), second)
}

#[inline]
#[target_feature(enable = "neon")]
fn float(sums: Int) -> Float {
    vcvtq_f32_s32(sums)
}

#[inline]
#[target_feature(enable = "neon")]
fn floats(value: f32) -> Float {
    vdupq_n_f32(value)
}

#[inline]
#[target_feature(enable = "neon")]
fn times(a: Float, b: Float) -> Float {
    vmulq_f32(a, b)
}

#[inline]
#[target_feature(enable = "neon")]
fn plus_floats(a: Float, b: Float) -> Float {
    vaddq_f32(a, b)
}

#[inline]
#[target_feature(enable = "neon")]
fn weights(scales: [u8; 8]) -> Float {
    let mut floats = [0.0; 4];
    for (float, bytes) in floats.iter_mut().zip(scales.as_chunks::<2>().0) {
        *float = widen(u16::from_le_bytes(*bytes));
    }
    // SAFETY: 4 floats are read, as many as there are.
    unsafe { vld1q_f32(floats.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn store(out: &mut [f32; 4], value: Float) {
    // SAFETY: 4 floats are written, as many as there are.
    unsafe { vst1q_f32(out.as_mut_ptr(), value) }
}
