//! Options of loading a model.

use std::path::PathBuf;

use sigmavault_ternary::Precision;

use super::pages::KvKind;

/// Options of loading a model.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The precision of the inputs of ternary products. `BitNet` has its own and ignores this.
    pub precision: Precision,
    /// The type of keys and values.
    pub kv: KvKind,
    /// The context length, if shorter than the model's own.
    pub context: Option<usize>,
    /// The file in which packed ternary weights are kept for the next start, which maps it, in a folder in which nobody else may
    /// write. `None` packs them in memory.
    pub panels: Option<PathBuf>,
    /// The SHA-256 of the model file, if known; together with a fingerprint it identifies its packed weights.
    pub hash: Option<[u8; 32]>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            precision: Precision::Int8Blocks,
            kv: KvKind::F16,
            context: None,
            panels: None,
            hash: None,
        }
    }
}
