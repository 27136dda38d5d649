//! An XKB layout.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An XKB layout with its variant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct XkbLayout {
    /// Layout, such as `us`.
    pub layout: String,
    /// Variant, such as `dvorak`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl XkbLayout {
    /// A layout of this name, and perhaps a variant of it.
    pub fn new(layout: &str, variant: Option<&str>) -> Self {
        Self {
            layout: layout.to_owned(),
            variant: variant.map(str::to_owned),
        }
    }
}

impl fmt::Display for XkbLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.variant {
            None => f.write_str(&self.layout),
            Some(variant) => write!(f, "{} ({variant})", self.layout),
        }
    }
}
