//! Output for programs.

/// Indented JSON and a newline.
pub fn json(facts: &impl serde::Serialize) -> anyhow::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(facts)?;
    text.push(b'\n');
    Ok(text)
}
