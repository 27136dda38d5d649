//! Where a service listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a service listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Host and port, as in a URL.
    Tcp(String),
    /// A unix socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// The host and port of a URL with the scheme `http`, and what the path of every request begins with; `None` for
    /// any other URL.
    pub fn of_url(url: &str) -> Option<(Self, &str)> {
        let (scheme, rest) = url.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let rest = rest.trim_end_matches('/');
        let (authority, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let bare = authority.rsplit_once(']').map_or(authority, |(_, after)| after);
        let is_plain = |letter: char| letter.is_ascii_graphic() && !"?#".contains(letter);
        if authority.is_empty() || authority.contains('@') || !rest.chars().all(is_plain) {
            return None;
        }
        let port = if bare.contains(':') { "" } else { ":80" };
        Some((Self::Tcp(format!("{authority}{port}")), prefix))
    }

    /// The host that requests name.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Tcp(authority) => authority,
            Self::Unix(_) => "localhost",
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address.to_string())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(authority) => f.write_str(authority),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_host_port_and_prefix() {
        for (url, expected) in [
            ("http://127.0.0.1:3000", Some(("127.0.0.1:3000", ""))),
            ("HTTP://nas.lan/", Some(("nas.lan:80", ""))),
            ("http://[::1]:3000/nas/", Some(("[::1]:3000", "/nas"))),
            ("http://[::1]", Some(("[::1]:80", ""))),
            ("https://127.0.0.1:3000", None),
            ("http://user@nas.lan", None),
            ("http:///x", None),
            ("http://nas.lan/?x", None),
            ("http://nas.lan/a#b", None),
            ("http://nas.lan/a b", None),
            ("http://nas.lan/a\r\nX: y", None),
            ("127.0.0.1:3000", None),
            ("", None),
        ] {
            let expected = expected.map(|(authority, prefix)| (Endpoint::Tcp(authority.to_owned()), prefix));
            assert_eq!(Endpoint::of_url(url), expected, "{url}");
        }
    }
}
