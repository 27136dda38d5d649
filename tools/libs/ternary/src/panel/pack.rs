//! Packing weights from the formats of model files into panels.

use half::f16;

use super::decode;
use super::encoding::{Encoding, PackError};
use super::layout::{CHUNK, Group, Layout, MAX_COLUMNS, PANEL_ROWS};
use super::matrix::PanelMatrix;
use crate::bytes::Bytes;

/// A row ready to be stored in a panel: codes padded with 1, fp16 scales.
struct Row {
    codes: Vec<u8>,
    scales: Vec<u16>,
}

impl PanelMatrix {
    /// Packs a matrix of `rows x cols` weights.
    ///
    /// `tensor_scale` is a factor of the whole tensor: `BitnetPacked` requires it, in `I2S` it replaces the scale after the
    /// codes, and the other formats multiply their own scales by it. TQ1_0 and TQ2_0 tensors whose blocks all share one scale
    /// (as in BitNet) become one group.
    pub fn pack(
        encoding: Encoding,
        bytes: &[u8],
        rows: usize,
        cols: usize,
        tensor_scale: Option<f32>,
    ) -> Result<Self, PackError> {
        check_shape(encoding, bytes, rows, cols)?;
        let scale = match (encoding, tensor_scale) {
            (_, Some(scale)) => scale,
            (Encoding::I2S, None) => {
                let tail = bytes.as_chunks::<4>().0[rows * cols / 16];
                f32::from_le_bytes(tail)
            }
            (Encoding::BitnetPacked, None) => return Err(PackError::NoScale(encoding)),
            (_, None) => 1.0,
        };
        if !scale.is_finite() {
            return Err(PackError::Scale {
                row: 0,
                group: 0,
                scale,
            });
        }
        let mut layout = Layout {
            rows,
            cols,
            group: encoding.group(),
            scale,
        };
        if matches!(encoding, Encoding::Tq1_0 | Encoding::Tq2_0)
            && let Some(shared) = shared_scale(encoding, bytes, rows, cols)
        {
            layout.group = Group::Tensor;
            layout.scale = scale * shared.to_f32();
        } else if layout.group != Group::Tensor
            && tensor_scale.is_some_and(|scale| scale.to_bits() != 1.0_f32.to_bits())
        {
            return Err(PackError::Shape {
                encoding,
                rows,
                cols,
                reason: "its groups have scales, so a scale of the tensor cannot be applied",
            });
        }
        Self::build(layout, |row, out| {
            decode::row(
                encoding,
                bytes,
                rows,
                row,
                &mut out.codes[..cols],
                &mut out.scales,
            );
            if encoding.group() == Group::Tensor && out.codes.contains(&3) {
                return Err(PackError::Code { row, encoding });
            }
            Ok(())
        })
    }

    /// Checks whether a matrix has the shape and length that [`Self::pack`] needs, without reading its weights.
    pub fn check(encoding: Encoding, bytes: &[u8], rows: usize, cols: usize) -> Result<(), PackError> {
        check_shape(encoding, bytes, rows, cols)
    }

    /// Packs the rows that `fill` produces one by one.
    fn build(
        layout: Layout,
        mut fill: impl FnMut(usize, &mut Row) -> Result<(), PackError>,
    ) -> Result<Self, PackError> {
        let bytes = layout.panels() * layout.panel_bytes();
        let memory = |source| PackError::Memory { bytes, source };
        let mut map = Bytes::zeroed(bytes).map_err(memory)?;
        // The source's groups, even if the tensor becomes one group: a decoder writes them either way.
        let groups = layout.groups().max(layout.padded() / CHUNK);
        let mut row = Row {
            codes: vec![1; layout.padded()],
            scales: vec![0; groups],
        };
        for (index, panel) in map.chunks_exact_mut(layout.panel_bytes()).enumerate() {
            for lane in 0..PANEL_ROWS {
                let at = index * PANEL_ROWS + lane;
                if at < layout.rows {
                    fill(at, &mut row)?;
                } else {
                    row.codes.fill(1);
                    row.scales.fill(0);
                }
                lay(&layout, at, &row, lane, panel)?;
            }
        }
        Ok(Self::new(Bytes::owned(map, bytes).map_err(memory)?, layout))
    }
}

fn check_shape(encoding: Encoding, bytes: &[u8], rows: usize, cols: usize) -> Result<(), PackError> {
    let wrong = |reason| {
        Err(PackError::Shape {
            encoding,
            rows,
            cols,
            reason,
        })
    };
    if rows == 0 || cols == 0 {
        return wrong("it is empty");
    }
    if cols > MAX_COLUMNS {
        return wrong("it has more than 262144 columns");
    }
    if matches!(encoding, Encoding::Q2_0 { group } if group != 64 && group != 128) {
        return wrong("its groups are 64 or 128 columns");
    }
    if !cols.is_multiple_of(encoding.block()) {
        return wrong("the columns are no multiple of its blocks");
    }
    if encoding == Encoding::BitnetPacked && !rows.is_multiple_of(4) {
        return wrong("the rows are no multiple of 4");
    }
    let Some(expected) = encoding.bytes(rows, cols) else {
        return wrong("it is larger than memory");
    };
    // The length is exact: no writer keeps the scale elsewhere or cuts the tail off.
    if bytes.len() != expected {
        return Err(PackError::Length {
            encoding,
            rows,
            cols,
            expected,
            found: bytes.len(),
        });
    }
    Ok(())
}

/// Stores a row in its lane of a panel.
fn lay(layout: &Layout, at: usize, row: &Row, lane: usize, panel: &mut [u8]) -> Result<(), PackError> {
    for (chunk, codes) in row.codes.as_chunks::<CHUNK>().0.iter().enumerate() {
        let blocks = &mut panel[layout.chunk_at(chunk)..];
        for (block, codes) in blocks
            .as_chunks_mut::<64>()
            .0
            .iter_mut()
            .zip(codes.as_chunks::<16>().0)
        {
            let mut word = 0;
            for (plane, four) in codes.as_chunks::<4>().0.iter().enumerate() {
                word |= u32::from_le_bytes(*four) << (2 * plane);
            }
            block[4 * lane..][..4].copy_from_slice(&word.to_le_bytes());
        }
    }
    for (group, scale) in row.scales[..layout.groups()].iter().enumerate() {
        let value = f16::from_bits(*scale).to_f32();
        if !value.is_finite() {
            return Err(PackError::Scale {
                row: at,
                group,
                scale: value,
            });
        }
        panel[layout.scales_at(group) + 2 * lane..][..2].copy_from_slice(&scale.to_le_bytes());
    }
    Ok(())
}

/// The common scale of all blocks, if there is one. Blocks of zero weights have scale 0 and are ignored.
fn shared_scale(encoding: Encoding, bytes: &[u8], rows: usize, cols: usize) -> Option<f16> {
    let mut codes = vec![1; cols];
    let mut scales = vec![0; cols / 256];
    let mut shared = None;
    for row in 0..rows {
        decode::row(encoding, bytes, rows, row, &mut codes, &mut scales);
        for (scale, codes) in scales.iter().zip(codes.chunks_exact(256)) {
            let scale = f16::from_bits(*scale);
            if scale.to_f32() == 0.0 || codes.iter().all(|code| *code == 1) {
                if codes.iter().any(|code| *code != 1) {
                    return None;
                }
                continue;
            }
            if !scale.is_finite() || shared.is_some_and(|shared| shared != scale) {
                return None;
            }
            shared = Some(scale);
        }
    }
    shared
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::panel::{Encoding, Group, PackError, PanelMatrix};

    fn rows(matrix: &PanelMatrix) -> Vec<f32> {
        let mut out = vec![0.0; matrix.rows() * matrix.cols()];
        for (row, out) in out.chunks_exact_mut(matrix.cols()).enumerate() {
            matrix.row_f32(row, out);
        }
        out
    }

    /// Encodes a block of codes in a format, code by code as in its definition.
    fn encode(encoding: Encoding, codes: &[u8], scale: f32) -> Vec<u8> {
        let scale = half::f16::from_f32(scale).to_le_bytes();
        let mut bytes = vec![0; encoding.block() / 4];
        match encoding {
            Encoding::I2S => {
                for (i, code) in codes.iter().enumerate() {
                    bytes[i % 32] |= code << (6 - 2 * (i / 32));
                }
            }
            Encoding::Q2_0 { .. } => {
                for (i, code) in codes.iter().enumerate() {
                    bytes[i / 4] |= code << (2 * (i % 4));
                }
                bytes.splice(0..0, scale);
            }
            Encoding::Tq2_0 => {
                for (i, code) in codes.iter().enumerate() {
                    bytes[i / 128 * 32 + i % 32] |= code << (2 * (i % 128 / 32));
                }
                bytes.extend(scale);
            }
            Encoding::Tq1_0 => {
                // The digits of a byte, first one highest, as a fraction of 243, rounded up to 1/256.
                let byte = |digits: [u8; 5]| {
                    let value = digits
                        .iter()
                        .fold(0, |value: u32, digit| 3 * value + u32::from(*digit));
                    (value * 256).div_ceil(243) as u8
                };
                bytes.clear();
                for i in 0..32 {
                    bytes.push(byte(std::array::from_fn(|n| codes[32 * n + i])));
                }
                for i in 0..16 {
                    bytes.push(byte(std::array::from_fn(|n| codes[160 + 16 * n + i])));
                }
                for i in 0..4 {
                    bytes.push(byte(std::array::from_fn(|n| {
                        if n < 4 { codes[240 + 4 * n + i] } else { 0 }
                    })));
                }
                bytes.extend(scale);
            }
            Encoding::BitnetPacked => {}
        }
        bytes
    }

    const BLOCKS: [(Encoding, Group, u8); 5] = [
        (Encoding::I2S, Group::Tensor, 2),
        (Encoding::Q2_0 { group: 64 }, Group::G64, 3),
        (Encoding::Q2_0 { group: 128 }, Group::G128, 3),
        (Encoding::Tq2_0, Group::G256, 3),
        (Encoding::Tq1_0, Group::G256, 2),
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn every_format_gives_its_weights_back(
            kind in 0..5_usize,
            height in 1..35_usize,
            width in 1..5_usize,
            noise in prop::collection::vec(any::<u8>(), 34 * 4 * 256),
        ) {
            let (encoding, group, most) = BLOCKS[kind];
            let cols = width * encoding.block();
            let codes: Vec<u8> = noise[..height * cols].iter().map(|byte| byte % (most + 1)).collect();
            let mut bytes = Vec::new();
            let mut expected = Vec::new();
            for (index, block) in codes.chunks_exact(encoding.block()).enumerate() {
                let scale = if group == Group::Tensor { 0.75 } else { (index % 7) as f32 * 0.25 - 0.625 };
                bytes.extend(encode(encoding, block, scale));
                expected.extend(block.iter().map(|code| (f32::from(*code) - 1.0) * scale));
            }
            if encoding == Encoding::I2S {
                bytes.extend(0.75_f32.to_le_bytes());
                bytes.extend([0xee; 28]);
            }
            let matrix = PanelMatrix::pack(encoding, &bytes, height, cols, None).unwrap();
            prop_assert_eq!(rows(&matrix), expected);
            if height * width > 1 {
                prop_assert_eq!(matrix.group(), group);
            }
        }

        #[test]
        fn bitnets_own_form_gives_its_weights_back(
            quarter in 1..9_usize,
            cols in 1..150_usize,
            noise in prop::collection::vec(0..3_u8, 4 * 8 * 150),
        ) {
            let codes = &noise[..4 * quarter * cols];
            let mut bytes = vec![0; quarter * cols];
            for (i, code) in codes.iter().enumerate() {
                let row = i / cols;
                bytes[row % quarter * cols + i % cols] |= code << (2 * (row / quarter));
            }
            let matrix = PanelMatrix::pack(Encoding::BitnetPacked, &bytes, 4 * quarter, cols, Some(1.5)).unwrap();
            let expected: Vec<f32> = codes.iter().map(|code| (f32::from(*code) - 1.0) * 1.5).collect();
            prop_assert_eq!(rows(&matrix), expected);
        }
    }

    #[test]
    fn blocks_that_share_a_scale_become_one_group() {
        for encoding in [Encoding::Tq1_0, Encoding::Tq2_0] {
            let codes: Vec<u8> = (0..256_u32).map(|i| (i % 3) as u8).collect();
            let mut bytes = encode(encoding, &codes, 0.5);
            bytes.extend(encode(encoding, &[1; 256], 0.0));
            let matrix = PanelMatrix::pack(encoding, &bytes, 2, 256, None).unwrap();
            assert_eq!((matrix.group(), matrix.scale()), (Group::Tensor, 0.5));
            assert_eq!(rows(&matrix)[..4], [-0.5, 0.0, 0.5, -0.5]);
            assert!(rows(&matrix)[256..].iter().all(|weight| *weight == 0.0));
            bytes.extend(encode(encoding, &codes, 0.25));
            let matrix = PanelMatrix::pack(encoding, &bytes, 3, 256, None).unwrap();
            assert_eq!((matrix.group(), matrix.scale()), (Group::G256, 1.0));
            assert_eq!(rows(&matrix)[512..516], [-0.25, 0.0, 0.25, -0.25]);
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_reason() {
        let refused = |encoding, bytes: &[u8], rows, cols, scale| {
            PanelMatrix::pack(encoding, bytes, rows, cols, scale).unwrap_err()
        };
        let error = refused(Encoding::Q2_0 { group: 64 }, &[0; 34], 1, 128, None);
        assert_eq!(
            error.to_string(),
            "a 1 x 128 matrix in Q2_0 { group: 64 } has 36 bytes, found 34"
        );
        assert!(matches!(
            refused(Encoding::Q2_0 { group: 32 }, &[0; 10], 1, 32, None),
            PackError::Shape { .. }
        ));
        assert!(matches!(
            refused(Encoding::I2S, &[0; 48], 1, 64, None),
            PackError::Shape { .. }
        ));
        assert!(matches!(
            refused(Encoding::Tq2_0, &[], 0, 256, None),
            PackError::Shape { .. }
        ));
        assert!(matches!(
            refused(Encoding::Tq2_0, &[], usize::MAX, 256, None),
            PackError::Shape { .. }
        ));
        assert!(matches!(
            refused(Encoding::BitnetPacked, &[0; 8], 4, 8, None),
            PackError::NoScale(_)
        ));
        // Code 3 is no weight of BitNet's.
        assert!(matches!(
            refused(Encoding::BitnetPacked, &[3; 8], 4, 8, Some(1.0)),
            PackError::Code { row: 0, .. }
        ));
        assert!(matches!(
            refused(Encoding::I2S, &[0xff; 64], 1, 128, Some(1.0)),
            PackError::Code { row: 0, .. }
        ));
        let infinite = f32::INFINITY;
        assert!(matches!(
            refused(Encoding::I2S, &[0; 64], 1, 128, Some(infinite)),
            PackError::Scale { .. }
        ));
        let mut bytes = [0; 36];
        bytes[18..20].copy_from_slice(&half::f16::NAN.to_le_bytes());
        let error = refused(Encoding::Q2_0 { group: 64 }, &bytes, 2, 64, None);
        assert!(
            matches!(error, PackError::Scale { row: 1, group: 0, .. }),
            "{error}"
        );
    }
}
