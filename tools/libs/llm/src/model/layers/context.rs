//! What the layers of a forward pass share.

use sigmavault_ternary::{Activations, Pool, Precision};

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
