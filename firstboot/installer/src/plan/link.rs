//! A bond, bridge or VLAN.

use crate::answers::{Link, LinkKind, Network};
use crate::machine::Machine;
use crate::nearest::hint;

/// Numbers of VLANs.
const NUMBERS: std::ops::RangeInclusive<u16> = 1..=4094;

/// What stands against a link: on this machine, or on any.
pub(super) fn check(
    network: &Network,
    machine: Option<&Machine>,
    check: &mut impl FnMut(&str, Result<(), String>),
) {
    let Some(link) = &network.link else { return };
    check("network.link.interfaces", interfaces(link, machine));
    check("network.link.mode", mode(link));
    check("network.link.id", number(link));
    if let Some(fixed) = &network.address {
        check("network.address.interface", own(&fixed.interface, link));
    }
}

fn interfaces(link: &Link, machine: Option<&Machine>) -> Result<(), String> {
    let count = link.interfaces.len();
    let (good, needed) = match link.kind {
        LinkKind::Bond => ((2..=Link::MOST).contains(&count), "two to eight interfaces"),
        LinkKind::Bridge | LinkKind::Vlan => ((1..=Link::MOST).contains(&count), "one to eight interfaces"),
    };
    if !good {
        return Err(format!(
            "a {} has {needed}, and here are {count}",
            link.kind.name()
        ));
    }
    for (index, name) in link.interfaces.iter().enumerate() {
        if link.interfaces[..index].contains(name) {
            return Err(format!("'{name}' is named twice"));
        }
        if let Some(machine) = machine {
            interface(name, machine)?;
        }
    }
    Ok(())
}

/// Whether a machine has an interface of this name.
pub(super) fn interface(name: &str, machine: &Machine) -> Result<(), String> {
    if machine.interfaces.iter().any(|known| known == name) {
        return Ok(());
    }
    let near = hint(name, machine.interfaces.iter().map(String::as_str));
    let there = match machine.interfaces.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    Err(format!(
        "there is no interface '{name}'; there are: {there}{near}"
    ))
}

fn mode(link: &Link) -> Result<(), String> {
    match (link.bond(), link.mode) {
        (None, Some(mode)) => Err(format!("'{}' is for a bond only: leave it out", mode.name())),
        _ => Ok(()),
    }
}

fn number(link: &Link) -> Result<(), String> {
    match (link.kind, link.id) {
        (LinkKind::Vlan, Some(id)) if NUMBERS.contains(&id) => Ok(()),
        (LinkKind::Vlan, Some(id)) => Err(format!("{id} is no number of a VLAN: give one from 1 to 4094")),
        (LinkKind::Vlan, None) => Err("is missing: give the number of the VLAN, from 1 to 4094".to_owned()),
        (LinkKind::Bond | LinkKind::Bridge, Some(_)) => Err("is for a VLAN only: leave it out".to_owned()),
        (LinkKind::Bond | LinkKind::Bridge, None) => Ok(()),
    }
}

/// The fixed address is that of the link.
fn own(interface: &str, link: &Link) -> Result<(), String> {
    let name = link.name();
    if interface == name {
        return Ok(());
    }
    Err(format!(
        "'{interface}' is not the {}, which has the address: give \"{name}\"",
        link.kind.name()
    ))
}
