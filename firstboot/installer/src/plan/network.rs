//! Host name and fixed address; `link` has what the address may belong to.

use std::net::IpAddr;

use super::link;
use crate::address::{Interface, is_link_local, special};
use crate::answers::{Address, Network};
use crate::machine::Machine;

/// What stands against the network's settings: on this machine, or on any.
pub(super) fn check(
    wanted: &Network,
    machine: Option<&Machine>,
    check: &mut impl FnMut(&str, Result<(), String>),
) {
    check("network.hostname", hostname(&wanted.hostname));
    link::check(wanted, machine, check);
    let Some(fixed) = &wanted.address else { return };
    if let Some(machine) = machine.filter(|_| wanted.link.is_none()) {
        check(
            "network.address.interface",
            link::interface(&fixed.interface, machine),
        );
    }
    match own(&fixed.address) {
        Err(reason) => check("network.address.address", Err(reason)),
        Ok(own) => {
            check("network.address.gateway", gateway(fixed, own));
            for server in &fixed.dns {
                check("network.address.dns", name_server(*server, own));
            }
        }
    }
}

/// A label of RFC 1123.
fn hostname(name: &str) -> Result<(), String> {
    let good = (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if !good {
        return Err(format!(
            "'{name}' is not a host name: use letters, digits and '-', not at the ends, 63 at most, without a domain"
        ));
    }
    if name.eq_ignore_ascii_case("localhost") {
        return Err("'localhost' is every machine's name for itself: take another".to_owned());
    }
    Ok(())
}

/// The machine's own address, with its prefix length.
fn own(text: &str) -> Result<Interface, String> {
    let own: Interface = text
        .parse()
        .map_err(|error: crate::address::FormError| error.to_string())?;
    let address = own.address;
    if let Some(special) = special(address) {
        return Err(format!(
            "{address} {special} and cannot be the address of a machine on a network"
        ));
    }
    if own.is_network(address) {
        return Err(format!(
            "{address} is the address of the network {own} itself: take another address of it"
        ));
    }
    if own.is_broadcast(address) {
        return Err(format!(
            "{address} is the broadcast address of {}: take another address of it",
            own.network()
        ));
    }
    Ok(own)
}

fn gateway(fixed: &Address, own: Interface) -> Result<(), String> {
    let Some(gateway) = fixed.gateway else {
        return Ok(());
    };
    let address = own.address;
    if gateway.is_ipv4() != address.is_ipv4() {
        return Err(format!(
            "{gateway} and {address} are of different families: both IPv4 or both IPv6"
        ));
    }
    if gateway == address {
        return Err(format!("{gateway} is this machine's own address"));
    }
    if let Some(special) = special(gateway) {
        return Err(format!("{gateway} {special} and cannot be a router"));
    }
    if own.is_broadcast(gateway) || gateway.is_ipv4() && own.is_network(gateway) {
        return Err(format!(
            "{gateway} is the first or last address of {}, which no router has",
            own.network()
        ));
    }
    if own.holds(gateway) || is_link_local(gateway) || own.is_alone() {
        return Ok(());
    }
    Err(format!(
        "{gateway} is outside of {}, the network of {address}, so that it cannot be reached: give a router in that network, or correct the prefix length",
        own.network()
    ))
}

/// A name server of either family: the one without a fixed address is configured by the network.
fn name_server(server: IpAddr, own: Interface) -> Result<(), String> {
    if let Some(special) = special(server) {
        return Err(format!("{server} {special} and cannot be a name server"));
    }
    if is_link_local(server) {
        return Err(format!(
            "{server} means nothing without its interface, which the list of name servers cannot hold: give another address of that server"
        ));
    }
    if own.is_broadcast(server) || server.is_ipv4() && own.is_network(server) {
        return Err(format!(
            "{server} is the first or last address of {}, which no name server has",
            own.network()
        ));
    }
    Ok(())
}
