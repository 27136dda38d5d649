//! An address with the length of its network's prefix: its form, and which addresses belong to its network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An address of a machine with its prefix length, such as `192.0.2.10/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface {
    /// The address.
    pub address: IpAddr,
    /// Bits of the prefix that its network has in common.
    pub length: u8,
}

/// What an address stands for, when it is not one machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// No address at all, or an address of "this network" (RFC 1122).
    Unspecified,
    /// The machine itself.
    Loopback,
    /// Several machines.
    Multicast,
    /// Every machine of a network.
    Broadcast,
    /// An IPv4 address written as an IPv6 address.
    Mapped,
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "stands for no machine",
            Self::Loopback => "is every machine's address for itself",
            Self::Multicast => "is a multicast address",
            Self::Broadcast => "is the broadcast address",
            Self::Mapped => "is an IPv4 address in the form of IPv6",
        })
    }
}

/// What an address stands for, when it is not one machine's; in every network.
pub fn special(address: IpAddr) -> Option<Special> {
    match address {
        IpAddr::V4(v4) if v4.octets()[0] == 0 => Some(Special::Unspecified),
        IpAddr::V4(v4) if v4.is_broadcast() => Some(Special::Broadcast),
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => Some(Special::Mapped),
        address if address.is_unspecified() => Some(Special::Unspecified),
        address if address.is_loopback() => Some(Special::Loopback),
        address if address.is_multicast() => Some(Special::Multicast),
        _ => None,
    }
}

/// Whether an address is valid on one link only, so that it means nothing without an interface.
pub fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// A text that is no address with prefix length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no address with prefix length: write it like 192.0.2.10/24 or 2001:db8::10/64")]
pub struct FormError(String);

impl FromStr for Interface {
    type Err = FormError;

    fn from_str(text: &str) -> Result<Self, FormError> {
        let wrong = || FormError(text.to_owned());
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let digits = length.bytes().all(|byte| byte.is_ascii_digit());
        match length.parse::<u8>() {
            Ok(length) if digits && (1..=most).contains(&length) => Ok(Self { address, length }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl Interface {
    /// Bits of an address behind the prefix.
    fn free(self) -> u32 {
        let all = if self.address.is_ipv4() { 32 } else { 128 };
        all - u32::from(self.length)
    }

    /// The first and the last address of the network.
    fn ends(self) -> (u128, u128) {
        let host = u128::MAX.checked_shr(128 - self.free()).unwrap_or_default();
        let first = value(self.address) & !host;
        (first, first | host)
    }

    /// The network, such as `192.0.2.0/24`.
    #[must_use]
    pub fn network(self) -> Self {
        let first = self.ends().0;
        let address = match self.address {
            IpAddr::V4(_) => Ipv4Addr::from(u32::try_from(first).unwrap_or_default()).into(),
            IpAddr::V6(_) => Ipv6Addr::from(first).into(),
        };
        Self { address, ..self }
    }

    /// Whether the network consists of this address, so that its router is not in it.
    pub fn is_alone(self) -> bool {
        self.free() == 0
    }

    /// Whether the network consists of one or two addresses, all of which are machines' (RFC 3021, RFC 6164).
    pub fn is_point(self) -> bool {
        self.free() <= 1
    }

    /// Whether an address lies in the network.
    pub fn holds(self, other: IpAddr) -> bool {
        let (first, last) = self.ends();
        other.is_ipv4() == self.address.is_ipv4() && (first..=last).contains(&value(other))
    }

    /// Whether an address is that of the network itself: its first one, which in IPv6 belongs to its routers
    /// (RFC 4291, 2.6.1).
    pub fn is_network(self, other: IpAddr) -> bool {
        !self.is_point() && self.holds(other) && value(other) == self.ends().0
    }

    /// Whether an address is the broadcast address of the network, which IPv6 has not.
    pub fn is_broadcast(self, other: IpAddr) -> bool {
        !self.is_point() && other.is_ipv4() && self.holds(other) && value(other) == self.ends().1
    }
}

fn value(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(text: &str) -> Interface {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks() {
        for (text, network) in [
            ("192.0.2.10/24", "192.0.2.0/24"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("192.0.2.10/32", "192.0.2.10/32"),
            ("200.0.2.10/1", "128.0.0.0/1"),
            ("2001:DB8::10/64", "2001:db8::/64"),
            ("2001:db8::10/128", "2001:db8::10/128"),
            ("8001::/1", "8000::/1"),
        ] {
            assert_eq!(interface(text).network().to_string(), network);
        }
    }

    #[test]
    fn what_belongs_to_a_network() {
        for (text, other, holds, is_network, is_broadcast) in [
            ("192.0.2.10/24", "192.0.2.255", true, false, true),
            ("192.0.2.10/24", "192.0.2.0", true, true, false),
            ("192.0.2.10/24", "192.0.2.1", true, false, false),
            ("192.0.2.10/24", "192.0.3.1", false, false, false),
            ("192.0.2.10/24", "2001:db8::1", false, false, false),
            ("192.0.2.10/31", "192.0.2.11", true, false, false),
            ("192.0.2.10/31", "192.0.2.10", true, false, false),
            ("192.0.2.10/32", "192.0.2.10", true, false, false),
            ("192.0.2.10/25", "192.0.2.127", true, false, true),
            ("2001:db8::10/64", "2001:db8::", true, true, false),
            (
                "2001:db8::10/64",
                "2001:db8::ffff:ffff:ffff:ffff",
                true,
                false,
                false,
            ),
            ("2001:db8::10/64", "2001:db8:0:1::1", false, false, false),
            ("2001:db8::10/64", "::192.0.2.1", false, false, false),
        ] {
            let own = interface(text);
            let other = ip(other);
            assert_eq!(
                (own.holds(other), own.is_network(other), own.is_broadcast(other)),
                (holds, is_network, is_broadcast),
                "{text} {other}"
            );
        }
    }

    #[test]
    fn addresses_that_are_not_one_machines() {
        for (text, expected) in [
            ("0.0.0.0", Some(Special::Unspecified)),
            ("0.1.2.3", Some(Special::Unspecified)),
            ("127.0.0.1", Some(Special::Loopback)),
            ("224.0.0.1", Some(Special::Multicast)),
            ("255.255.255.255", Some(Special::Broadcast)),
            ("::", Some(Special::Unspecified)),
            ("::1", Some(Special::Loopback)),
            ("ff02::1", Some(Special::Multicast)),
            ("::ffff:192.0.2.1", Some(Special::Mapped)),
            ("192.0.2.1", None),
            ("fe80::1", None),
        ] {
            assert_eq!(special(ip(text)), expected, "{text}");
        }
    }
}
