//! HTTP requests for parts of a file.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ureq::http::{HeaderMap, Response, StatusCode};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(20);

/// How long a server may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// The longest wait that a server may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(5);

/// The version of a file on a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pin {
    /// `ETag`, RFC 9110 section 8.8.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    /// `Last-Modified`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) modified: Option<String>,
}

impl Pin {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let pin = Self {
            etag: header(headers, "etag"),
            modified: header(headers, "last-modified"),
        };
        (pin != Self::default()).then_some(pin)
    }

    /// Whether both may be the same version.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        match (&self.etag, &other.etag, &self.modified, &other.modified) {
            (Some(one), Some(two), ..) => one.trim_start_matches("W/") == two.trim_start_matches("W/"),
            (_, _, Some(one), Some(two)) => one == two,
            _ => true,
        }
    }

    /// The value for `If-Range`: a strong tag, or the time.
    fn if_range(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|tag| tag.starts_with('"'));
        strong.or(self.modified.as_deref())
    }
}

/// A request for the bytes from `start` up to, but not including, `end`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Ask {
    /// The URL or path.
    pub(super) place: String,
    pub(super) start: u64,
    /// `None` for the end of the file.
    pub(super) end: Option<u64>,
    /// The length of the whole file, if it is known.
    pub(super) total: Option<u64>,
    pub(super) pin: Option<Pin>,
}

/// The answer to a request.
pub(super) struct Answer {
    /// The offset in the file at which the body begins.
    pub(super) from: u64,
    /// The length of the whole file, if the server says it.
    pub(super) total: Option<u64>,
    pub(super) pin: Option<Pin>,
    pub(super) body: Box<dyn Read>,
}

/// Why a request failed.
#[derive(Debug)]
pub(super) enum RequestError {
    /// It may succeed when repeated.
    Broken { why: String, wait: Option<Duration> },
    /// It will fail every time.
    Refused(String),
    /// The file has another length.
    Length(u64),
}

impl RequestError {
    pub(super) fn broken(why: impl Into<String>) -> Self {
        Self::Broken {
            why: why.into(),
            wait: None,
        }
    }
}

/// An HTTP client. Servers are authenticated by this system's certificates; proxies come from `https_proxy` and the like.
#[derive(Debug)]
pub struct Http {
    agent: ureq::Agent,
    /// Whether this system trusts any certificate authority.
    trusts: bool,
}

impl Http {
    /// A client with this `User-Agent`.
    pub fn new(user_agent: &str) -> Self {
        let found = rustls_native_certs::load_native_certs();
        let roots: Vec<Certificate<'static>> = found
            .certs
            .iter()
            .map(|certificate| Certificate::from_der(certificate.as_ref()).to_owned())
            .collect();
        let trusts = !roots.is_empty();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&roots))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .user_agent(user_agent)
            .tls_config(tls)
            .build()
            .into();
        Self { agent, trusts }
    }

    pub(super) fn get(&self, ask: &Ask) -> Result<Answer, RequestError> {
        let secure = ask.place.starts_with("https://");
        if secure && !self.trusts {
            let why = "this system has no CA certificates; install ca-certificates";
            return Err(RequestError::Refused(why.to_owned()));
        }
        let mut request = self
            .agent
            .get(&ask.place)
            .config()
            .https_only(secure)
            .build()
            .header("accept-encoding", "identity");
        // A request for the whole file has no range, for servers that do not support them.
        if ask.start > 0 || ask.end != ask.total {
            let last = ask
                .end
                .map_or_else(String::new, |end| end.saturating_sub(1).to_string());
            request = request.header("range", format!("bytes={}-{last}", ask.start));
            if let Some(version) = ask.pin.as_ref().and_then(Pin::if_range) {
                request = request.header("if-range", version);
            }
        }
        let response = request.call().map_err(|error| request_error(&error))?;
        let (from, total) = place(&response, ask)?;
        Ok(Answer {
            from,
            total,
            pin: Pin::of(response.headers()),
            body: Box::new(response.into_body().into_reader()),
        })
    }
}

/// The offset at which the body of an answer begins, and the length of the whole file.
fn place<T>(response: &Response<T>, ask: &Ask) -> Result<(u64, Option<u64>), RequestError> {
    let headers = response.headers();
    let is_other = |total: u64| ask.total.is_some_and(|expected| expected != total);
    match response.status() {
        StatusCode::OK => {
            let length = header(headers, "content-length").and_then(|text| text.parse().ok());
            match length {
                Some(length) if is_other(length) => Err(RequestError::Length(length)),
                length => Ok((0, length)),
            }
        }
        StatusCode::PARTIAL_CONTENT => {
            let range = header(headers, "content-range").unwrap_or_default();
            let Some((from, total)) = content_range(&range) else {
                return Err(RequestError::broken(format!(
                    "the server sent the invalid range {range:?}"
                )));
            };
            match total {
                Some(total) if is_other(total) => Err(RequestError::Length(total)),
                _ if from != ask.start => Err(RequestError::broken(format!(
                    "the server answers from byte {from} instead of byte {}",
                    ask.start
                ))),
                _ => Ok((from, total)),
            }
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            let range = header(headers, "content-range").unwrap_or_default();
            let total = range
                .strip_prefix("bytes */")
                .and_then(|total| total.parse().ok());
            match total {
                Some(total) if is_other(total) => Err(RequestError::Length(total)),
                _ => Err(RequestError::broken(
                    "the server says that it does not have this part of the file",
                )),
            }
        }
        status if is_passing(status) => Err(RequestError::Broken {
            why: format!("the server answers {status}"),
            wait: header(headers, "retry-after")
                .and_then(|text| text.parse().ok())
                .map(|seconds| Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER)),
        }),
        status => Err(RequestError::Refused(format!("the server answers {status}"))),
    }
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || [
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::TOO_EARLY,
            StatusCode::TOO_MANY_REQUESTS,
        ]
        .contains(&status)
}

/// The first byte and the total length in `bytes 0-99/200` (RFC 9110 section 14.4).
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    (first <= last && total.is_none_or(|total| last < total)).then_some((first, total))
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

fn request_error(error: &ureq::Error) -> RequestError {
    let never = match error {
        ureq::Error::BadUri(_)
        | ureq::Error::Http(_)
        | ureq::Error::InvalidProxyUrl
        | ureq::Error::TooManyRedirects
        | ureq::Error::RequireHttpsOnly(_)
        | ureq::Error::Rustls(rustls::Error::InvalidCertificate(_)) => true,
        ureq::Error::Io(error) => is_bad_certificate(error),
        _ => false,
    };
    if never {
        RequestError::Refused(error.to_string())
    } else {
        RequestError::broken(error.to_string())
    }
}

fn is_bad_certificate(error: &io::Error) -> bool {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_servers_write_them() {
        assert_eq!(content_range("bytes 0-99/200"), Some((0, Some(200))));
        assert_eq!(content_range("bytes 100-199/*"), Some((100, None)));
        for wrong in [
            "",
            "bytes */200",
            "bytes 9-3/200",
            "bytes 0-200/200",
            "items 0-1/2",
            "bytes -1-3/9",
        ] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn versions_agree_by_tag_before_time() {
        let pin = |etag: Option<&str>, modified: Option<&str>| Pin {
            etag: etag.map(str::to_owned),
            modified: modified.map(str::to_owned),
        };
        let known = pin(Some("\"a\""), Some("Fri"));
        assert!(known.agrees(&pin(Some("\"a\""), Some("Sat"))));
        assert!(known.agrees(&pin(Some("W/\"a\""), None)));
        assert!(!known.agrees(&pin(Some("\"b\""), Some("Fri"))));
        assert!(!known.agrees(&pin(None, Some("Sat"))));
        assert!(known.agrees(&pin(None, None)));
        assert_eq!(known.if_range(), Some("\"a\""));
        assert_eq!(pin(Some("W/\"a\""), Some("Fri")).if_range(), Some("Fri"));
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read_without_panic(text in "(bytes )?[0-9*/ -]{0,60}") {
            let _ = content_range(&text);
        }
    }
}
