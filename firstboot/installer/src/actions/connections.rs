//! Connections of `NetworkManager`, as key files (nm-settings-keyfile(5)).

use crate::address::Interface;
use crate::answers::{Address, BondMode, Link, LinkKind, Network};

/// Where the connection with the address is.
const MAIN: &str = "etc/NetworkManager/system-connections/sigmavault.nmconnection";
/// Where that of the bond below a VLAN is.
const BOND: &str = "etc/NetworkManager/system-connections/sigmavault-bond.nmconnection";
/// Name of every bond.
const BOND_NAME: &str = "bond0";
/// Sections of a connection that has no address of its own, since what is on it has one.
const NO_ADDRESS: &str = "\n[ipv4]\nmethod=disabled\n\n[ipv6]\nmethod=disabled\n";
/// Where those of the interfaces are that a link is made of.
const PORTS: [&str; Link::MOST] = [
    "etc/NetworkManager/system-connections/sigmavault-port-1.nmconnection",
    "etc/NetworkManager/system-connections/sigmavault-port-2.nmconnection",
    "etc/NetworkManager/system-connections/sigmavault-port-3.nmconnection",
    "etc/NetworkManager/system-connections/sigmavault-port-4.nmconnection",
    "etc/NetworkManager/system-connections/sigmavault-port-5.nmconnection",
    "etc/NetworkManager/system-connections/sigmavault-port-6.nmconnection",
    "etc/NetworkManager/system-connections/sigmavault-port-7.nmconnection",
    "etc/NetworkManager/system-connections/sigmavault-port-8.nmconnection",
];

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Where its file is.
    pub path: &'static str,
    /// The text of the file.
    pub text: String,
    /// Its fixed address.
    pub address: Option<String>,
}

/// The connections that the answers ask for; none when every interface is configured by the network.
pub fn of(network: &Network) -> Vec<Connection> {
    let Network { link, address, .. } = network;
    let head = match (link, address) {
        (None, None) => return Vec::new(),
        (Some(link), _) => linked(link),
        (None, Some(address)) => ethernet("sigmavault", &address.interface),
    };
    let text = match address {
        Some(address) => format!("{head}{}{}", section(address, false), section(address, true)),
        None => format!("{head}\n[ipv4]\nmethod=auto\n\n[ipv6]\nmethod=auto\n"),
    };
    let main = Connection {
        path: MAIN,
        text,
        address: address.as_ref().map(own),
    };
    let bond = link.iter().filter_map(bond_below);
    let ports = link.iter().flat_map(ports);
    std::iter::once(main).chain(bond).chain(ports).collect()
}

fn ethernet(id: &str, interface: &str) -> String {
    format!("[connection]\nid={id}\ntype=ethernet\ninterface-name={interface}\n")
}

/// The first sections of a link's connection.
fn linked(link: &Link) -> String {
    match link.kind {
        LinkKind::Bond => bond("sigmavault", link.mode.unwrap_or_default()),
        LinkKind::Bridge => {
            let name = link.name();
            format!(
                "[connection]\nid=sigmavault\ntype=bridge\ninterface-name={name}\nautoconnect-ports=1\n\n[bridge]\nstp=false\n"
            )
        }
        LinkKind::Vlan => {
            let first = || link.interfaces.first().map_or("", String::as_str);
            format!(
                "[connection]\nid=sigmavault\ntype=vlan\ninterface-name={}\n\n[vlan]\nid={}\nparent={}\n",
                link.name(),
                link.id.unwrap_or_default(),
                link.bond().map_or_else(first, |_| BOND_NAME),
            )
        }
    }
}

/// The first sections of a bond's connection.
fn bond(id: &str, mode: BondMode) -> String {
    let mode = mode.name();
    format!(
        "[connection]\nid={id}\ntype=bond\ninterface-name={BOND_NAME}\nautoconnect-ports=1\n\n[bond]\nmiimon=100\nmode={mode}\n"
    )
}

/// The connection of the bond that a VLAN is on.
fn bond_below(link: &Link) -> Option<Connection> {
    let mode = link.bond().filter(|_| link.kind == LinkKind::Vlan)?;
    Some(Connection {
        path: BOND,
        text: bond("sigmavault-bond", mode) + NO_ADDRESS,
        address: None,
    })
}

/// The connections of the interfaces that a link is made of.
fn ports(link: &Link) -> Vec<Connection> {
    let text = |name: &String| {
        let head = ethernet(&format!("sigmavault-port-{name}"), name);
        match link.kind {
            _ if link.bond().is_some() => format!("{head}controller={BOND_NAME}\nport-type=bond\n"),
            LinkKind::Bond | LinkKind::Bridge => {
                format!(
                    "{head}controller={}\nport-type={}\n",
                    link.name(),
                    link.kind.name()
                )
            }
            LinkKind::Vlan => head + NO_ADDRESS,
        }
    };
    PORTS
        .into_iter()
        .zip(&link.interfaces)
        .map(|(path, name)| Connection {
            path,
            text: text(name),
            address: None,
        })
        .collect()
}

/// The address with its prefix length, as programs write it.
fn own(address: &Address) -> String {
    let parsed: Result<Interface, _> = address.address.parse();
    parsed.map_or_else(|_| address.address.clone(), |own| own.to_string())
}

/// The section of IPv4 or IPv6. The family without a fixed address is configured by the network: switched off, it would
/// lose its name servers, and the machine everything that speaks only that family.
fn section(address: &Address, v6: bool) -> String {
    let name = if v6 { "ipv6" } else { "ipv4" };
    let dns: Vec<String> = address
        .dns
        .iter()
        .filter(|server| server.is_ipv6() == v6)
        .map(ToString::to_string)
        .collect();
    let dns = if dns.is_empty() {
        String::new()
    } else {
        format!("dns={};\n", dns.join(";"))
    };
    if v6 != address.address.contains(':') {
        return format!("\n[{name}]\nmethod=auto\n{dns}");
    }
    let gateway = address
        .gateway
        .map(|gateway| format!("gateway={gateway}\n"))
        .unwrap_or_default();
    format!(
        "\n[{name}]\nmethod=manual\naddress1={}\n{gateway}{dns}",
        own(address)
    )
}

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;
