//! A schema in both forms.

use serde_json::Value;

/// One schema of a document in both forms.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) exact: Value,
    pub(super) grammar: Value,
}
