//! The REST interface.

use std::time::Duration;

use serde::de::DeserializeOwned;
use sigmavault_types::Problem;

/// How long an answer may take; the service itself gives up after 10 s.
const PATIENCE: Duration = Duration::from_secs(12);

/// How long a connection may take; the service is on this machine.
const CONNECT: Duration = Duration::from_secs(2);

/// Most bytes of an answer.
const LIMIT: u64 = 16 << 20;

/// No answer, or not the one that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The service cannot be reached.
    #[error("the service at {base} does not answer ({source}); see: systemctl status sigmavault-api.service")]
    Unreachable {
        /// Where it should be.
        base: String,
        /// Why.
        source: Box<ureq::Error>,
    },
    /// The service answered with a problem.
    #[error("{} (request {})", .0.detail, .0.request_id.as_deref().unwrap_or("without id"))]
    Problem(Box<Problem>),
    /// The answer is not what it should be.
    #[error(
        "{url} answered with status {status} and something else than expected; is another program listening there?"
    )]
    Foreign {
        /// What was asked for.
        url: String,
        /// HTTP status code.
        status: u16,
    },
}

/// A client of one service.
#[derive(Debug)]
pub struct Client {
    base: String,
    agent: ureq::Agent,
}

impl Client {
    /// A client of the service at this URL, such as `http://127.0.0.1:3000`.
    pub fn new(base: &str) -> Self {
        // A proxy in the environment is not for this machine's own address.
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .timeout_connect(Some(CONNECT))
            .max_redirects(0)
            .proxy(None)
            .build()
            .into();
        Self {
            base: base.trim_end_matches('/').to_owned(),
            agent,
        }
    }

    /// What is at this path.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        let url = format!("{}{path}", self.base);
        let unreachable = |source| ApiError::Unreachable {
            base: self.base.clone(),
            source: Box::new(source),
        };
        let mut response = self.agent.get(&url).call().map_err(unreachable)?;
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(LIMIT)
            .read_to_vec()
            .map_err(unreachable)?;
        if response.status().is_success() {
            return serde_json::from_slice(&body).map_err(|_| ApiError::Foreign { url, status });
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(ApiError::Problem(Box::new(problem))),
            Err(_) => Err(ApiError::Foreign { url, status }),
        }
    }
}
