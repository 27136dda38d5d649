//! Names that a service on the loopback address answers to.
//!
//! A page from elsewhere whose name was made to point at this machine (DNS rebinding) still sends its own name, and is
//! refused by it.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderName, Request, header};

/// Checks that the host of a request is this machine; the host when it is another.
pub fn check_host<Body>(request: &Request<Body>, allowed: &[String]) -> Result<(), String> {
    let host = text(request, &header::HOST)
        .or_else(|| request.uri().authority().map(ToString::to_string))
        .unwrap_or_default();
    if is_own_authority(&host, allowed) {
        Ok(())
    } else {
        Err(host)
    }
}

/// Checks that the page that sent a request, if one did, is of this machine; the page's origin when it is not.
pub fn check_origin<Body>(request: &Request<Body>, allowed: &[String]) -> Result<(), String> {
    match text(request, &header::ORIGIN) {
        Some(origin) if !is_own_authority(origin.split_once("://").map_or("", |(_, rest)| rest), allowed) => {
            Err(origin)
        }
        _ => Ok(()),
    }
}

fn text<Body>(request: &Request<Body>, name: &HeaderName) -> Option<String> {
    let value = request.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn is_own_authority(authority: &str, allowed: &[String]) -> bool {
    authority
        .parse::<Authority>()
        .is_ok_and(|authority| is_own(authority.host(), allowed))
}

/// Whether `name`, the host of a request without its port, is this machine by loopback address, `localhost` or one of
/// `allowed`.
fn is_own(name: &str, allowed: &[String]) -> bool {
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        || allowed.iter().any(|allowed| name.eq_ignore_ascii_case(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_localhost_and_allowed_names() {
        let allowed = ["nas.lan".to_owned()];
        for (name, own) in [
            ("127.0.0.1", true),
            ("127.8.9.1", true),
            ("[::1]", true),
            ("LocalHost", true),
            ("NAS.lan", true),
            ("192.168.1.2", false),
            ("localhost.evil.example", false),
            ("evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_own(name, &allowed), own, "{name}");
        }
    }

    #[test]
    fn hosts_and_pages_from_elsewhere_are_named() {
        let request = |headers: &[(HeaderName, &str)]| {
            let mut request = Request::get("/");
            for (name, value) in headers {
                request = request.header(name, *value);
            }
            request.body(()).unwrap()
        };
        for (host, expected) in [
            ("localhost:8100", Ok(())),
            ("[::1]:8100", Ok(())),
            ("evil.example:8100", Err("evil.example:8100".to_owned())),
            ("a b", Err("a b".to_owned())),
        ] {
            assert_eq!(check_host(&request(&[(header::HOST, host)]), &[]), expected);
        }
        assert_eq!(check_host(&request(&[]), &[]), Err(String::new()));
        for (origin, expected) in [
            ("http://127.0.0.1:3000", Ok(())),
            ("https://evil.example", Err("https://evil.example".to_owned())),
            ("null", Err("null".to_owned())),
        ] {
            assert_eq!(check_origin(&request(&[(header::ORIGIN, origin)]), &[]), expected);
        }
        assert_eq!(check_origin(&request(&[]), &[]), Ok(()));
    }
}
