//! Matrices of a model, in the form with the fastest product.

use half::{bf16, f16};
use sigmavault_gguf::TensorKind;
use sigmavault_ternary::{
    Dense, DenseError, Encoding, F16Matrix, PanelMatrix, Pool, Precision, Product, Q8Activations, Q8Matrix,
    QuantMatrix, multiply_all, multiply_dense, multiply_each,
};

use super::context::Context;
use super::{kquants, ops};
use crate::inference::ForwardError;
use crate::model::error::LoadError;
use crate::model::loading::weights::{Dry, Stored, Tensor, Weights};
use crate::model::parallel;

/// A matrix of `rows x columns`; its product maps `columns` numbers per token to `rows`.
#[derive(Debug)]
pub enum Linear {
    /// Ternary or two-bit weights in panels.
    Ternary(PanelMatrix),
    /// Half precision.
    Half(F16Matrix),
    /// Blocks of 32 bytes with a scale.
    Byte(Q8Matrix),
    /// K-quants.
    Blocks(QuantMatrix),
    /// Single precision, row-major.
    Full {
        /// The numbers.
        values: Vec<f32>,
        /// Numbers of a row.
        columns: usize,
    },
}

impl Linear {
    /// Loads tensor `name`, which must be of this shape.
    pub fn load(weights: &Weights, name: &str, rows: usize, columns: usize) -> Result<Self, LoadError> {
        Self::of(weights, &weights.tensor(name)?, rows, columns)
    }

    /// Loads a tensor, or a part of one, which must be of this shape.
    pub fn of(
        weights: &Weights,
        tensor: &Tensor<'_>,
        rows: usize,
        columns: usize,
    ) -> Result<Self, LoadError> {
        let ternary = encoding(tensor);
        let shape = match ternary {
            Some(Encoding::BitnetPacked) if rows.is_multiple_of(4) => [rows / 4, columns],
            _ => [rows, columns],
        };
        if tensor.shape != shape {
            return Err(tensor.misshapen(&shape));
        }
        if let Some(dry) = weights.dry() {
            return check(weights, tensor, rows, columns, dry);
        }
        if ternary.is_some()
            && let Some(matrix) = weights.panels(tensor.name)
            && matrix.rows() == rows
            && matrix.cols() == columns
        {
            return Ok(Self::Ternary(matrix));
        }
        let loaded = if ternary.is_some() {
            Self::Ternary(pack(weights, tensor)?)
        } else {
            Self::dense(weights, tensor, rows, columns)?
        };
        let stays = match &loaded {
            Self::Byte(_) | Self::Blocks(_) => true,
            Self::Half(_) => matches!(tensor.stored, Stored::As(TensorKind::F16)),
            Self::Ternary(_) | Self::Full { .. } => false,
        };
        if !stays {
            weights.release(tensor.name);
        }
        Ok(loaded)
    }

    /// Loads a matrix that is stored transposed, as `columns x rows`.
    pub fn load_turned(
        weights: &Weights,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Self, LoadError> {
        let stored = weights.floats(name, &[columns, rows])?;
        let values = (0..rows)
            .flat_map(|row| stored.iter().skip(row).step_by(rows))
            .copied()
            .collect();
        Ok(Self::Full { values, columns })
    }

    /// Half-precision and `Q8_0` matrices of a GGUF file are used in place, on the map.
    fn dense(weights: &Weights, tensor: &Tensor<'_>, rows: usize, columns: usize) -> Result<Self, LoadError> {
        let failed = |e: DenseError| tensor.unpackable(&e);
        match (tensor.stored, weights.on_map(tensor)) {
            (Stored::As(TensorKind::F16), Some((map, range))) => F16Matrix::on_map(map, range, rows, columns)
                .map(Self::Half)
                .map_err(failed),
            (Stored::As(TensorKind::F16), None) => F16Matrix::copied(tensor.bytes, rows, columns)
                .map(Self::Half)
                .map_err(failed),
            (Stored::As(TensorKind::Q8_0), Some((map, range))) => Q8Matrix::on_map(map, range, rows, columns)
                .map(Self::Byte)
                .map_err(failed),
            (Stored::As(TensorKind::BF16), _) => match narrowed(tensor.bytes) {
                Some(bytes) => F16Matrix::copied(&bytes, rows, columns)
                    .map(Self::Half)
                    .map_err(failed),
                None => Ok(Self::Full {
                    values: tensor.to_floats()?,
                    columns,
                }),
            },
            (Stored::As(TensorKind::F32 | TensorKind::Q8_0), _) => Ok(Self::Full {
                values: tensor.to_floats()?,
                columns,
            }),
            (_, mapped) => kquants::load(tensor, mapped, rows, columns).map(Self::Blocks),
        }
    }

    /// The length of a product.
    pub fn rows(&self) -> usize {
        match self {
            Self::Ternary(matrix) => matrix.rows(),
            Self::Half(matrix) => matrix.rows(),
            Self::Blocks(matrix) => matrix.rows(),
            Self::Byte(matrix) => matrix.rows(),
            Self::Full { values, columns } => values.len() / columns,
        }
    }

    /// Bytes read by a product.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Ternary(matrix) => matrix.bytes(),
            Self::Half(matrix) => matrix.bytes(),
            Self::Blocks(matrix) => matrix.bytes(),
            Self::Byte(matrix) => matrix.bytes(),
            Self::Full { values, .. } => values.len() * 4,
        }
    }

    /// One row, as an embedding.
    #[allow(
        clippy::unnecessary_wraps,
        reason = "callers need not know which forms cannot fail"
    )]
    pub fn row(&self, row: usize, out: &mut [f32]) -> Result<(), ForwardError> {
        match self {
            Self::Ternary(matrix) => matrix.row_f32(row, out),
            Self::Half(matrix) => matrix.row_f32(row, out),
            Self::Blocks(matrix) => matrix.row_f32(row, out),
            Self::Byte(matrix) => matrix.row_f32(row, out),
            Self::Full { values, columns } => out.copy_from_slice(&values[row * columns..][..*columns]),
        }
        Ok(())
    }

    /// Whether inputs may be quantised to bytes.
    pub fn takes_bytes(&self) -> bool {
        matches!(self, Self::Byte(_) | Self::Blocks(_))
    }

    /// The product with some tokens of inputs quantised to bytes, to be computed together with others; `None` if the matrix does not
    /// accept such inputs.
    pub fn with_bytes<'a>(
        &'a self,
        input: &'a Q8Activations,
        tokens: impl IntoIterator<Item = usize>,
        out: &'a mut [f32],
    ) -> Option<Product<'a>> {
        match self {
            Self::Byte(matrix) => Some(Product::new(matrix, input, tokens, out)),
            Self::Blocks(matrix) => Some(Product::new(matrix, input, tokens, out)),
            Self::Ternary(_) | Self::Half(_) | Self::Full { .. } => None,
        }
    }
}

/// Checks whether a tensor can be loaded. The matrix has no numbers.
fn check(
    weights: &Weights,
    tensor: &Tensor<'_>,
    rows: usize,
    columns: usize,
    dry: Dry,
) -> Result<Linear, LoadError> {
    let done = Linear::Full {
        values: Vec::new(),
        columns,
    };
    if let Some(encoding) = encoding(tensor) {
        scale_of(weights, tensor, encoding)?;
        match dry {
            Dry::Numbers => pack(weights, tensor).map(drop)?,
            Dry::Shapes => PanelMatrix::check(encoding, tensor.bytes, rows, columns)
                .map_err(|e| tensor.unpackable(&e))?,
        }
        return Ok(done);
    }
    match tensor.stored {
        Stored::As(TensorKind::F32 | TensorKind::BF16) if rows > 0 && columns > 0 => {}
        // Nothing is copied from a map.
        _ if weights.on_map(tensor).is_some() => return Linear::dense(weights, tensor, rows, columns),
        Stored::As(TensorKind::F16) if rows > 0 && columns > 0 => {}
        _ => return Err(tensor.unusable()),
    }
    Ok(done)
}

/// The encoding of a tensor's ternary weights, if it has any.
fn encoding(tensor: &Tensor<'_>) -> Option<Encoding> {
    match tensor.stored {
        Stored::As(TensorKind::I2S) => Some(Encoding::I2S),
        Stored::As(TensorKind::Tq1_0) => Some(Encoding::Tq1_0),
        Stored::As(TensorKind::Tq2_0) => Some(Encoding::Tq2_0),
        Stored::As(TensorKind::Q2_0G64) => Some(Encoding::Q2_0 { group: 64 }),
        Stored::As(TensorKind::Q2_0G128) => Some(Encoding::Q2_0 { group: 128 }),
        Stored::Bytes => Some(Encoding::BitnetPacked),
        _ => None,
    }
}

/// Packs a two-dimensional ternary tensor.
pub fn pack(weights: &Weights, tensor: &Tensor<'_>) -> Result<PanelMatrix, LoadError> {
    let encoding = encoding(tensor).ok_or_else(|| tensor.unusable())?;
    let [rows, columns] = tensor.shape[..] else {
        return Err(tensor.misshapen(&[1, 1]));
    };
    let scale = scale_of(weights, tensor, encoding)?;
    // Four rows in a byte.
    let rows = if encoding == Encoding::BitnetPacked {
        rows.saturating_mul(4)
    } else {
        rows
    };
    PanelMatrix::pack(encoding, tensor.bytes, rows, columns, scale).map_err(|e| tensor.unpackable(&e))
}

/// The scale of a packed tensor, which is in a tensor of its own.
fn scale_of(weights: &Weights, tensor: &Tensor<'_>, encoding: Encoding) -> Result<Option<f32>, LoadError> {
    if encoding != Encoding::BitnetPacked {
        return Ok(None);
    }
    let scale = weights.floats(&format!("{}_scale", tensor.name), &[1])?;
    Ok(scale.first().copied())
}

/// Converts bfloat16 to half precision: exact except for numbers below 6e-5, which lose digits. `None` if a number is too large.
fn narrowed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    for pair in bytes.as_chunks().0 {
        let half = f16::from_f32(bf16::from_le_bytes(*pair).to_f32());
        if !half.is_finite() {
            return None;
        }
        out.extend(half.to_le_bytes());
    }
    Some(out)
}

/// The precision of families that suffer from 8-bit inputs: with those, the smallest Mamba-1 networks choose another token at 9 of 87
/// positions, other families at 0 to 4.
pub fn finer(precision: Precision) -> Precision {
    match precision {
        Precision::Int8Blocks => Precision::Int16Blocks,
        other => other,
    }
}

impl Context<'_> {
    /// The product of `rows` inputs with a matrix.
    pub fn product(
        &mut self,
        matrix: &Linear,
        input: &[f32],
        rows: usize,
        out: &mut Vec<f32>,
    ) -> Result<(), ForwardError> {
        self.products(input, rows, &mut [(matrix, out)])
    }

    /// Multiplies the same `tokens` inputs with several matrices, and resizes the results. With [`Precision::Int8Blocks`], the inputs of
    /// `Q8_0` matrices and K-quants are quantised to bytes too, in blocks of 32; otherwise they stay floats.
    #[allow(
        clippy::unnecessary_wraps,
        reason = "callers need not know which forms cannot fail"
    )]
    pub fn products(
        &mut self,
        input: &[f32],
        tokens: usize,
        matrices: &mut [(&Linear, &mut Vec<f32>)],
    ) -> Result<(), ForwardError> {
        let Self {
            pool,
            precision,
            ref mut quantised,
            ..
        } = *self;
        let columns = input.len() / tokens;
        let any = |wanted: fn(&Linear) -> bool| matrices.iter().any(|(matrix, _)| wanted(matrix));
        if any(|matrix| matches!(matrix, Linear::Ternary(_))) {
            quantised.quantize(input, tokens, columns, precision);
        }
        let fast = precision == Precision::Int8Blocks && any(Linear::takes_bytes);
        let bytes = fast.then(|| {
            let mut bytes = Q8Activations::new();
            bytes.quantize(input, tokens, columns);
            bytes
        });
        let (mut ternary, mut rounded) = (Vec::new(), Vec::new());
        for (matrix, out) in matrices {
            out.resize(tokens * matrix.rows(), 0.0);
            match (matrix, &bytes) {
                (Linear::Ternary(matrix), _) => ternary.push((matrix, out.as_mut_slice())),
                (Linear::Byte(matrix), Some(bytes)) => {
                    rounded.push(Product::new(matrix, bytes, 0..tokens, out));
                }
                (Linear::Blocks(matrix), Some(bytes)) => {
                    rounded.push(Product::new(matrix, bytes, 0..tokens, out));
                }
                (Linear::Byte(matrix), None) => multiply_dense(matrix, input, tokens, out, pool),
                (Linear::Blocks(matrix), None) => multiply_dense(matrix, input, tokens, out, pool),
                (Linear::Half(matrix), _) => multiply_dense(matrix, input, tokens, out, pool),
                (Linear::Full { values, .. }, _) => multiply_full(values, input, columns, out, pool),
            }
        }
        if !ternary.is_empty() {
            multiply_all(&mut ternary, quantised, pool);
        }
        if !rounded.is_empty() {
            multiply_each(&mut rounded, pool);
        }
        Ok(())
    }
}

/// The product of a matrix in single precision.
fn multiply_full(values: &[f32], input: &[f32], columns: usize, out: &mut [f32], pool: &Pool) {
    parallel::pieces(pool, out, values.len() / columns, &|token, out| {
        let x = &input[token * columns..][..columns];
        for (o, row) in out.iter_mut().zip(values.chunks_exact(columns)) {
            *o = ops::dot(row, x);
        }
    });
}
