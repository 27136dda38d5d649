//! The REST interface.

use std::time::Duration;

use serde::de::DeserializeOwned;
use sigmavault_service::ask::{self, AskError, Endpoint, Limits};
use sigmavault_types::Problem;

/// The service itself gives up after 10 s. It is local, so connecting is quick.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    silence: Duration::from_secs(12),
    whole: Some(Duration::from_secs(12)),
    body: 16 << 20,
};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The service cannot be reached.
    #[error("the service at {base} does not answer ({source}); see: systemctl status sigmavault-api.service")]
    Unreachable {
        /// Where it should be.
        base: String,
        /// Why.
        source: AskError,
    },
    /// The URL is not usable.
    #[error("{url:?} is not the URL of the REST interface; write it as http://127.0.0.1:3000")]
    Url {
        /// The URL as it was given.
        url: String,
    },
    /// The service answered with a problem.
    #[error("{} (request {})", .0.detail, .0.request_id.as_deref().unwrap_or("without id"))]
    Problem(Box<Problem>),
    /// The answer is not from the REST interface.
    #[error(
        "{url} answered with status {status} and unexpected content; is another program listening there?"
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
}

impl Client {
    /// A client of the service at this URL, such as `http://127.0.0.1:3000`.
    pub fn new(base: &str) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    /// Gets the resource at this path.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        let Some((endpoint, prefix)) = Endpoint::of_url(&self.base) else {
            return Err(ApiError::Url {
                url: self.base.clone(),
            });
        };
        let unreachable = |source| ApiError::Unreachable {
            base: self.base.clone(),
            source,
        };
        let answer = ask::Client::new(endpoint, LIMITS)
            .get(&format!("{prefix}{path}"))
            .map_err(unreachable)?;
        let (status, success) = (answer.status(), answer.is_success());
        let body = answer.bytes().map_err(unreachable)?;
        let foreign = || ApiError::Foreign {
            url: format!("{}{path}", self.base),
            status,
        };
        if success {
            return serde_json::from_slice(&body).map_err(|_| foreign());
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(ApiError::Problem(Box::new(problem))),
            Err(_) => Err(foreign()),
        }
    }
}
