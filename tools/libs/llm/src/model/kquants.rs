//! Matrices in K-quants, by candle: inputs are rounded to 8 bits within blocks of 256, as in every engine for these formats, so a
//! product is within about half a percent of the exact one.

use candle_core::quantized::{GgmlDType, QMatMul, QTensor, ggml_file::qtensor_from_ggml};
use candle_core::{Device, Module, Tensor as Candle};
use sigmavault_gguf::TensorKind;

use super::error::{ForwardError, LoadError};
use super::weights::{Stored, Tensor};

/// A matrix of `Q4_K`, `Q5_K` or `Q6_K` blocks; a copy in memory.
#[derive(Debug)]
pub struct KQuants {
    product: QMatMul,
    rows: usize,
    columns: usize,
    bytes: usize,
}

/// Numbers in a block.
const BLOCK: usize = 256;

impl KQuants {
    /// Copies a tensor.
    pub fn load(tensor: &Tensor<'_>, rows: usize, columns: usize) -> Result<Self, LoadError> {
        let kind = match tensor.stored {
            Stored::As(TensorKind::Q4K) => GgmlDType::Q4K,
            Stored::As(TensorKind::Q5K) => GgmlDType::Q5K,
            Stored::As(TensorKind::Q6K) => GgmlDType::Q6K,
            _ => return Err(tensor.unusable()),
        };
        let failed = |reason: String| LoadError::Pack {
            name: tensor.name.to_owned(),
            reason,
        };
        if !columns.is_multiple_of(BLOCK) || tensor.bytes.len() != rows * columns / BLOCK * kind.type_size() {
            return Err(failed(format!(
                "{rows} x {columns} numbers are not {} bytes of its blocks",
                tensor.bytes.len()
            )));
        }
        let blocks = qtensor_from_ggml(kind, tensor.bytes, vec![rows, columns], &Device::Cpu);
        let blocks: QTensor = blocks.map_err(|e| failed(e.to_string()))?;
        let product = QMatMul::from_qtensor(blocks).map_err(|e| failed(e.to_string()))?;
        Ok(Self {
            product,
            rows,
            columns,
            bytes: tensor.bytes.len(),
        })
    }

    /// Numbers of a product.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes that a product reads.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// One row.
    pub fn row(&self, row: usize, out: &mut [f32]) -> Result<(), ForwardError> {
        let numbers: Vec<f32> = u32::try_from(row)
            .map_err(candle_core::Error::wrap)
            .and_then(|row| {
                self.product
                    .embedding(&Candle::new(&[row], &Device::Cpu)?)?
                    .flatten_all()?
                    .to_vec1()
            })
            .map_err(|e| ForwardError::Tensor(format!("row {row} of quantised blocks: {e}")))?;
        out.copy_from_slice(&numbers);
        Ok(())
    }

    /// The product with as many inputs as there are.
    pub fn product(&self, input: &[f32], out: &mut [f32]) -> Result<(), ForwardError> {
        let numbers: Vec<f32> =
            Candle::from_slice(input, (input.len() / self.columns, self.columns), &Device::Cpu)
                .and_then(|input| self.product.forward(&input)?.flatten_all()?.to_vec1())
                .map_err(|e| ForwardError::Tensor(format!("a product with quantised blocks: {e}")))?;
        out.copy_from_slice(&numbers);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_numbers_stored() {
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
            };
            let matrix = KQuants::load(&tensor(&bytes), rows, columns).unwrap();
            let kept = blocks.dequantize(&Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
            let mut row = vec![0.0; columns];
            matrix.row(7, &mut row).unwrap();
            assert_eq!(row, kept[7], "{stored}");
            let mut out = vec![0.0; 3 * rows];
            matrix.product(&input, &mut out).unwrap();
            let dot = |x: &[f32], w: &[f32]| x.iter().zip(w).map(|(x, w)| f64::from(x * w)).sum::<f64>();
            let exact = input
                .chunks(columns)
                .flat_map(|x| kept.iter().map(move |w| dot(x, w)));
            let off: f64 = out
                .iter()
                .zip(exact.clone())
                .map(|(o, e)| (f64::from(*o) - e).powi(2))
                .sum();
            let all: f64 = exact.map(|e| e * e).sum();
            assert!(
                (off / all).sqrt() < 1e-2,
                "{stored} is off by {}",
                (off / all).sqrt()
            );
            let cut = KQuants::load(&tensor(&bytes[1..]), rows, columns).unwrap_err();
            assert!(cut.to_string().starts_with("repacking tensor w"), "{cut}");
        }
    }
}
