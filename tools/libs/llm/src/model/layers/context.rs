//! What the layers of a forward pass share.

use sigmavault_ternary::{Activations, Pool, Precision};

use super::linear::{Linear, products};
use crate::inference::ForwardError;

/// The threads of a pass, and how its matrix products are computed.
#[derive(Debug)]
pub struct Context<'a> {
    /// The threads.
    pub pool: &'a Pool,
    /// The precision to which inputs of products are rounded.
    pub precision: Precision,
    /// The buffer of rounded inputs.
    pub quantised: &'a mut Activations,
    /// The rotary angles of each row; `None` without positions.
    pub angles: Option<&'a [f32]>,
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

    /// The products of the same `rows` inputs with several matrices.
    pub fn products(
        &mut self,
        input: &[f32],
        rows: usize,
        matrices: &mut [(&Linear, &mut Vec<f32>)],
    ) -> Result<(), ForwardError> {
        products(self, input, rows, matrices)
    }
}
