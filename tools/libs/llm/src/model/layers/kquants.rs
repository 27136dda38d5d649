//! Matrices in K-quants and the smaller blocks of ggml, used in place.

use std::ops::Range;
use std::sync::Arc;

use sigmavault_gguf::{Mmap, TensorKind};
use sigmavault_ternary::{Quant, QuantMatrix};

use crate::model::error::LoadError;
use crate::model::loading::weights::{Stored, Tensor};

/// Uses a mapped tensor in place, and copies one that is not mapped.
pub fn load(
    tensor: &Tensor<'_>,
    mapped: Option<(Arc<Mmap>, Range<usize>)>,
    rows: usize,
    columns: usize,
) -> Result<QuantMatrix, LoadError> {
    let kind = match tensor.stored {
        Stored::As(TensorKind::Q4_0) => Quant::Q4_0,
        Stored::As(TensorKind::Q4_1) => Quant::Q4_1,
        Stored::As(TensorKind::Q5_0) => Quant::Q5_0,
        Stored::As(TensorKind::Q5_1) => Quant::Q5_1,
        Stored::As(TensorKind::Iq4Nl) => Quant::Iq4Nl,
        Stored::As(TensorKind::Q2K) => Quant::Q2K,
        Stored::As(TensorKind::Q3K) => Quant::Q3K,
        Stored::As(TensorKind::Q4K) => Quant::Q4K,
        Stored::As(TensorKind::Q5K) => Quant::Q5K,
        Stored::As(TensorKind::Q6K) => Quant::Q6K,
        _ => return Err(tensor.unusable()),
    };
    match mapped {
        Some((map, range)) => QuantMatrix::on_map(kind, map, range, rows, columns),
        None => QuantMatrix::copied(kind, tensor.bytes, rows, columns),
    }
    .map_err(|e| tensor.unpackable(&e))
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::{GgmlDType, QTensor};
    use candle_core::{Device, Tensor as Candle};
    use sigmavault_ternary::{Dense, Pool, Q8Activations, multiply_dense, multiply_q8};

    use super::*;

    /// Compares rows and products with those of another implementation, for blocks that it has quantised.
    #[test]
    fn products_are_those_of_the_numbers_stored() {
        let pool = Pool::new(2);
        let (rows, columns) = (24, 512);
        let random = |seed: u32, count: usize| -> Vec<f32> {
            let next = |state: &mut u32| {
                *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                Some((*state >> 8) as f32 / 8_388_608.0 - 1.0)
            };
            std::iter::successors(Some(seed), |s| Some(s.wrapping_add(0x9e37_79b9)))
                .filter_map(|mut s| next(&mut s))
                .take(count)
                .collect()
        };
        let numbers = Candle::from_vec(random(1, rows * columns), (rows, columns), &Device::Cpu).unwrap();
        let input = random(2, 3 * columns);
        for (kind, stored) in [
            (GgmlDType::Q4_0, TensorKind::Q4_0),
            (GgmlDType::Q4_1, TensorKind::Q4_1),
            (GgmlDType::Q5_0, TensorKind::Q5_0),
            (GgmlDType::Q5_1, TensorKind::Q5_1),
            (GgmlDType::Q2K, TensorKind::Q2K),
            (GgmlDType::Q3K, TensorKind::Q3K),
            (GgmlDType::Q4K, TensorKind::Q4K),
            (GgmlDType::Q5K, TensorKind::Q5K),
            (GgmlDType::Q6K, TensorKind::Q6K),
        ] {
            let blocks = QTensor::quantize(&numbers, kind).unwrap();
            let bytes = blocks.data().unwrap().into_owned();
            let tensor = |bytes| Tensor {
                name: "w",
                shape: vec![rows, columns],
                stored: Stored::As(stored),
                bytes,
                at: 0,
            };
            let matrix = load(&tensor(&bytes), None, rows, columns).unwrap();
            let kept = blocks.dequantize(&Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
            let mut row = vec![0.0; columns];
            for (n, kept) in kept.iter().enumerate() {
                matrix.row_f32(n, &mut row);
                assert_eq!(&row, kept, "{stored}");
            }
            let mut out = vec![0.0; 3 * rows];
            multiply_dense(&matrix, &input, 3, &mut out, &pool);
            let dot = |x: &[f32], w: &[f32]| x.iter().zip(w).map(|(x, w)| f64::from(x * w)).sum::<f64>();
            let exact: Vec<f64> = input
                .chunks(columns)
                .flat_map(|x| kept.iter().map(move |w| dot(x, w)))
                .collect();
            for (o, e) in out.iter().zip(&exact) {
                assert!((f64::from(*o) - e).abs() < 1e-4, "{stored}: {o} is not {e}");
            }
            let mut bytes_of_input = Q8Activations::new();
            bytes_of_input.quantize(&input, 3, columns);
            multiply_q8(&matrix, &bytes_of_input, &mut out, &pool);
            for (o, e) in out.iter().zip(&exact) {
                assert!(
                    (f64::from(*o) - e).abs() < 0.3,
                    "{stored} by bytes: {o} is not {e}"
                );
            }
            let cut = load(&tensor(&bytes[1..]), None, rows, columns).unwrap_err();
            assert!(cut.to_string().starts_with("repacking tensor w"), "{cut}");
        }
    }
}
