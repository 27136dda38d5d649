//! Counters, as Prometheus text (exposition format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Paths counted under their own name. All others count as `other`, so that the number of labels is bounded.
const PATHS: [&str; 22] = [
    "/health",
    "/metrics",
    "/v1/models",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/rerank",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/tokenize",
    "/detokenize",
    "/api/version",
    "/api/tags",
    "/api/show",
    "/api/chat",
    "/api/generate",
    "/api/embed",
    "/control/status",
    "/control/load",
    "/control/unload",
    "/control/pin",
];

/// Counters since the start of the service.
#[derive(Debug, Default)]
pub struct Meters {
    answers: Mutex<BTreeMap<(&'static str, u16), u64>>,
    /// Prompt tokens, including those from the prefix cache.
    pub prompt_tokens: AtomicU64,
    /// Prompt tokens from the prefix cache.
    pub cached_tokens: AtomicU64,
    /// Tokens of answers.
    pub completion_tokens: AtomicU64,
    /// Answers whose client disconnected before the end.
    pub abandoned: AtomicU64,
}

impl Meters {
    /// Counts an answer.
    pub fn answered(&self, path: &str, status: u16) {
        let path = PATHS
            .into_iter()
            .find(|known| *known == path)
            .or_else(|| path.starts_with("/v1/models/").then_some("/v1/models"))
            .unwrap_or("other");
        *self
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry((path, status))
            .or_default() += 1;
    }

    /// The counters in Prometheus' format.
    pub fn text(&self) -> String {
        let mut text = String::from(
            "# HELP ryzan_requests_total Answered requests.\n# TYPE ryzan_requests_total counter\n",
        );
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        for ((path, status), count) in answers.iter() {
            // Writing into a string cannot fail.
            let _ = writeln!(
                text,
                "ryzan_requests_total{{path=\"{path}\",status=\"{status}\"}} {count}"
            );
        }
        for (name, help, value) in [
            ("ryzan_prompt_tokens_total", "Prompt tokens.", &self.prompt_tokens),
            (
                "ryzan_cached_tokens_total",
                "Prompt tokens taken from the prefix cache.",
                &self.cached_tokens,
            ),
            (
                "ryzan_completion_tokens_total",
                "Answer tokens.",
                &self.completion_tokens,
            ),
            (
                "ryzan_abandoned_total",
                "Answers abandoned by their clients.",
                &self.abandoned,
            ),
        ] {
            sample(&mut text, name, help, "counter", value.load(Ordering::Relaxed));
        }
        text
    }
}

/// Appends one sample with its description.
pub fn sample(text: &mut String, name: &str, help: &str, kind: &str, value: impl std::fmt::Display) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_bounded_and_statuses_apart() {
        let meters = Meters::default();
        for (path, status) in [
            ("/v1/chat/completions", 200),
            ("/v1/chat/completions", 200),
            ("/v1/chat/completions", 503),
            ("/v1/models/x", 404),
            ("/etc/passwd", 404),
            ("/etc/shadow", 404),
        ] {
            meters.answered(path, status);
        }
        meters.completion_tokens.store(7, Ordering::Relaxed);
        let text = meters.text();
        for line in [
            "ryzan_requests_total{path=\"/v1/chat/completions\",status=\"200\"} 2",
            "ryzan_requests_total{path=\"/v1/chat/completions\",status=\"503\"} 1",
            "ryzan_requests_total{path=\"/v1/models\",status=\"404\"} 1",
            "ryzan_requests_total{path=\"other\",status=\"404\"} 2",
            "ryzan_completion_tokens_total 7",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is not in\n{text}"
            );
        }
    }
}
