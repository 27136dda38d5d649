//! What all of the interface has: its version, names of models, errors.

use serde_json::{Value, json};

use crate::openai::error::ApiError;

/// The version of `Ollama` whose interface this follows. Clients ask for it before they use newer parts.
pub const VERSION: &str = "0.12.6";

/// An error in `Ollama`'s shape.
pub fn error(error: &ApiError) -> Value {
    json!({"error": error.to_string()})
}

/// A model's name without the tag that `Ollama` and its clients add.
pub fn model_name(name: &str) -> String {
    name.strip_suffix(":latest").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_added_tag_goes() {
        assert_eq!(model_name("little:latest"), "little");
        assert_eq!(model_name("little:1b"), "little:1b");
        assert_eq!(model_name("auto"), "auto");
    }
}
