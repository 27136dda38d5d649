//! What parsers share.

/// Output that a tool is not known to print.
#[derive(Debug, thiserror::Error)]
#[error("{program} printed something unexpected: {reason}")]
pub struct ParseError {
    /// The tool.
    pub program: &'static str,
    /// What is wrong with its output.
    pub reason: String,
}

/// The lines of a list, without white space around them and without empty ones.
pub fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}
