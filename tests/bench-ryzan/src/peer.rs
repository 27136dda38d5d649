//! llama.cpp, measured by its own llama-bench.

use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;
use sigmavault_host::run::{Invocation, Local, Run as _};

use crate::speed::{Speed, Tests};

/// The fields of a test that matter here.
#[derive(Debug, Deserialize)]
struct Test {
    /// Tokens of the prompt; 0 when it decoded.
    n_prompt: usize,
    /// Tokens decoded; 0 when it read a prompt.
    n_gen: usize,
    /// Tokens per second.
    avg_ts: f64,
}

/// Runs both tests once.
pub fn measure(llama_bench: &Path, model: &Path, threads: usize, tests: Tests) -> anyhow::Result<Speed> {
    let invocation = Invocation::new(llama_bench)
        .arg("--model")
        .arg(model)
        .args(["--output", "json", "--repetitions", "1"])
        .args(["--threads", &threads.to_string()])
        .args(["--n-prompt", &tests.prompt.to_string()])
        .args(["--n-gen", &tests.tokens.to_string()])
        .args(["--n-depth", &tests.depth.to_string()]);
    let output = Local.run(&invocation)?;
    if !output.status.success() {
        bail!(
            "llama-bench ended with {}: {}",
            output.status,
            output.last_words()
        );
    }
    parse(&output.stdout).context("llama-bench printed something else than expected")
}

fn parse(json: &[u8]) -> anyhow::Result<Speed> {
    let tests: Vec<Test> = serde_json::from_slice(json)?;
    let of = |wanted: fn(&Test) -> bool| tests.iter().find(|test| wanted(test)).map(|test| test.avg_ts);
    Ok(Speed {
        decode: of(|test| test.n_gen > 0 && test.n_prompt == 0).context("no decoding test")?,
        prefill: of(|test| test.n_prompt > 0 && test.n_gen == 0).context("no prompt test")?,
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn both_tests() {
        let json =
            br#"[{"n_prompt":512,"n_gen":0,"avg_ts":90.5,"x":1},{"n_prompt":0,"n_gen":64,"avg_ts":12.25}]"#;
        let speed = parse(json).unwrap();
        assert_eq!((speed.decode, speed.prefill), (12.25, 90.5));
    }

    #[test]
    fn one_test_is_missing() {
        let json = br#"[{"n_prompt":512,"n_gen":0,"avg_ts":90.5}]"#;
        assert_eq!(parse(json).unwrap_err().to_string(), "no decoding test");
    }
}
