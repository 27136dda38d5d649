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
