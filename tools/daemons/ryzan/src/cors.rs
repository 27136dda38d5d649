//! Pages of other origins (WHATWG Fetch, "CORS protocol"): those that the administrator names may ask and read answers.
//!
//! An answer names the one origin that asked, never `*`, and never allows credentials: the service knows its callers by
//! their uid.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// Seconds that a browser may remember that it may ask.
const MAX_AGE: &str = "600";

/// Headers of answers that a page may read.
const EXPOSED: &str = "x-request-id, request-id, retry-after";

/// Headers that clients send.
const HEADERS: &str = "content-type, authorization, accept, user-agent, x-api-key, anthropic-version, anthropic-beta, \
                       anthropic-dangerous-direct-browser-access, openai-organization, openai-project, openai-beta, \
                       x-stainless-arch, x-stainless-helper-method, x-stainless-lang, x-stainless-os, \
                       x-stainless-package-version, x-stainless-retry-count, x-stainless-runtime, \
                       x-stainless-runtime-version, x-stainless-timeout, x-stainless-async, x-stainless-poll-helper, \
                       x-stainless-custom-poll-interval, x-requested-with, http-referer, x-title";

/// Pages on this machine or elsewhere that have to ask before they reach the loopback address.
const PRIVATE_NETWORK: (HeaderName, HeaderName) = (
    HeaderName::from_static("access-control-request-private-network"),
    HeaderName::from_static("access-control-allow-private-network"),
);

/// The origin of a request, when it is one of `allowed`.
pub fn page(request: &Request, allowed: &[String]) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    allowed
        .iter()
        .any(|allowed| allowed.eq_ignore_ascii_case(text))
        .then(|| origin.clone())
}

/// The answer to a browser's question whether a page may ask, if the request is one.
pub fn preflight(request: &Request) -> Option<Response> {
    let asks = request
        .headers()
        .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() != Method::OPTIONS || !asks {
        return None;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if request.headers().contains_key(PRIVATE_NETWORK.0) {
        headers.insert(PRIVATE_NETWORK.1, HeaderValue::from_static("true"));
    }
    Some(response)
}

/// Lets the page of this origin read an answer.
pub fn open(response: &mut Response, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED),
    );
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}

/// Whether `origin` is one, as a browser writes it: a scheme, a host and perhaps a port.
pub fn is_origin(origin: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else {
        return false;
    };
    let word = |text: &str, more: &[u8]| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    word(scheme, b"+-.") && word(host, b".-_:[]")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn origins_are_what_browsers_send() {
        for origin in [
            "https://chat.lan",
            "http://192.168.1.5:3000",
            "http://[fd00::1]:80",
            "vscode-webview://1a2b",
        ] {
            assert!(is_origin(origin), "{origin}");
        }
        for other in [
            "*",
            "null",
            "chat.lan",
            "https://",
            "https://chat.lan/",
            "https://*.lan",
        ] {
            assert!(!is_origin(other), "{other}");
        }
    }

    #[test]
    fn an_allowed_page_is_named_and_others_are_not() {
        let allowed = ["https://chat.lan".to_owned()];
        let request = |method: Method, headers: &[(&str, &str)]| {
            let mut request = Request::builder().method(method).uri("/v1/models");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            request.body(Body::empty()).unwrap()
        };
        let mine = request(Method::GET, &[("origin", "https://chat.lan")]);
        let origin = page(&mine, &allowed).unwrap();
        assert_eq!(
            page(
                &request(Method::GET, &[("origin", "https://chat.lan.evil")]),
                &allowed
            ),
            None
        );
        assert_eq!(page(&request(Method::GET, &[]), &allowed), None);
        assert!(preflight(&mine).is_none());
        assert!(preflight(&request(Method::OPTIONS, &[])).is_none());
        let asked = request(
            Method::OPTIONS,
            &[
                ("access-control-request-method", "POST"),
                ("access-control-request-private-network", "true"),
            ],
        );
        let mut response = preflight(&asked).unwrap();
        open(&mut response, origin);
        assert_eq!(response.status(), 204);
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "https://chat.lan");
        assert_eq!(headers["access-control-allow-methods"], "GET, POST");
        assert_eq!(headers["access-control-allow-private-network"], "true");
        assert_eq!(headers["vary"], "origin");
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }
}
