//! Names that a service on the loopback address answers to.
//!
//! A page from elsewhere whose name was made to point at this machine (DNS rebinding) still sends its own name, and is
//! refused by it.

use std::net::IpAddr;

/// Whether `name`, the host of a request without its port, is this machine by loopback address, `localhost` or one of
/// `allowed`.
pub fn is_own(name: &str, allowed: &[String]) -> bool {
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
}
