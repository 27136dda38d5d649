use super::*;
use crate::answers::BondMode;

fn fixed(address: Address) -> Network {
    Network {
        address: Some(address),
        ..Network::default()
    }
}

fn texts(network: &Network) -> Vec<String> {
    of(network)
        .into_iter()
        .map(|connection| connection.text)
        .collect()
}

#[test]
fn nothing_asked_for_is_no_connection() {
    assert_eq!(of(&Network::default()), []);
}

#[test]
fn a_fixed_address() {
    let network = fixed(Address {
        interface: "enp1s0".into(),
        address: "192.0.2.10/24".into(),
        gateway: Some("192.0.2.1".parse().unwrap()),
        dns: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
    });
    assert_eq!(
        texts(&network),
        [
            "[connection]\nid=sigmavault\ntype=ethernet\ninterface-name=enp1s0\n\n[ipv4]\nmethod=manual\n\
         address1=192.0.2.10/24\ngateway=192.0.2.1\ndns=192.0.2.1;\n\n[ipv6]\nmethod=auto\ndns=2001:db8::1;\n"
        ]
    );
}

/// `NetworkManager` refuses name servers of a family that is switched off, and whoever gives a fixed IPv6 address still
/// wants to reach what has IPv4 only.
#[test]
fn a_fixed_address_of_the_newer_kind_leaves_the_older_one_on() {
    let network = fixed(Address {
        interface: "enp1s0".into(),
        address: "2001:DB8::10/64".into(),
        gateway: None,
        dns: vec!["192.0.2.1".parse().unwrap()],
    });
    assert_eq!(
        texts(&network),
        [
            "[connection]\nid=sigmavault\ntype=ethernet\ninterface-name=enp1s0\n\n[ipv4]\nmethod=auto\ndns=192.0.2.1;\n\n[ipv6]\n\
         method=manual\naddress1=2001:db8::10/64\n"
        ]
    );
}

fn link(kind: LinkKind, interfaces: &[&str]) -> Network {
    Network {
        link: Some(Link {
            kind,
            interfaces: interfaces.iter().map(|name| (*name).to_owned()).collect(),
            mode: None,
            id: None,
        }),
        ..Network::default()
    }
}

// nmcli 1.52.1 reads each of these texts.
#[test]
fn a_bond_and_its_interfaces() {
    let mut network = link(LinkKind::Bond, &["enp1s0", "enp2s0"]);
    let made = of(&network);
    assert_eq!(
        made.iter().map(|connection| connection.path).collect::<Vec<_>>(),
        [MAIN, PORTS[0], PORTS[1]]
    );
    assert_eq!(
        texts(&network),
        [
            "[connection]\nid=sigmavault\ntype=bond\ninterface-name=bond0\nautoconnect-ports=1\n\n[bond]\nmiimon=100\n\
             mode=active-backup\n\n[ipv4]\nmethod=auto\n\n[ipv6]\nmethod=auto\n",
            "[connection]\nid=sigmavault-port-enp1s0\ntype=ethernet\ninterface-name=enp1s0\ncontroller=bond0\nport-type=bond\n",
            "[connection]\nid=sigmavault-port-enp2s0\ntype=ethernet\ninterface-name=enp2s0\ncontroller=bond0\nport-type=bond\n",
        ]
    );
    if let Some(link) = &mut network.link {
        link.mode = Some(BondMode::Lacp);
    }
    assert!(texts(&network)[0].contains("mode=802.3ad\n"));
}

#[test]
fn a_bridge_with_a_fixed_address() {
    let mut network = link(LinkKind::Bridge, &["enp1s0"]);
    network.address = Some(Address {
        interface: "br0".to_owned(),
        address: "192.0.2.10/24".to_owned(),
        gateway: None,
        dns: Vec::new(),
    });
    assert_eq!(of(&network)[0].address.as_deref(), Some("192.0.2.10/24"));
    assert_eq!(
        texts(&network),
        [
            "[connection]\nid=sigmavault\ntype=bridge\ninterface-name=br0\nautoconnect-ports=1\n\n[bridge]\nstp=false\n\n\
             [ipv4]\nmethod=manual\naddress1=192.0.2.10/24\n\n[ipv6]\nmethod=auto\n",
            "[connection]\nid=sigmavault-port-enp1s0\ntype=ethernet\ninterface-name=enp1s0\ncontroller=br0\nport-type=bridge\n",
        ]
    );
}

#[test]
fn a_vlan_on_a_bond() {
    let mut network = link(LinkKind::Vlan, &["enp1s0", "enp2s0"]);
    if let Some(link) = &mut network.link {
        link.id = Some(10);
        link.mode = Some(BondMode::Lacp);
    }
    let made = of(&network);
    assert_eq!(
        made.iter().map(|connection| connection.path).collect::<Vec<_>>(),
        [MAIN, BOND, PORTS[0], PORTS[1]]
    );
    assert_eq!(
        texts(&network),
        [
            "[connection]\nid=sigmavault\ntype=vlan\ninterface-name=vlan10\n\n[vlan]\nid=10\nparent=bond0\n\n[ipv4]\n\
             method=auto\n\n[ipv6]\nmethod=auto\n",
            "[connection]\nid=sigmavault-bond\ntype=bond\ninterface-name=bond0\nautoconnect-ports=1\n\n[bond]\nmiimon=100\n\
             mode=802.3ad\n\n[ipv4]\nmethod=disabled\n\n[ipv6]\nmethod=disabled\n",
            "[connection]\nid=sigmavault-port-enp1s0\ntype=ethernet\ninterface-name=enp1s0\ncontroller=bond0\nport-type=bond\n",
            "[connection]\nid=sigmavault-port-enp2s0\ntype=ethernet\ninterface-name=enp2s0\ncontroller=bond0\nport-type=bond\n",
        ]
    );
}

#[test]
fn a_vlan_leaves_its_interface_without_address() {
    let mut network = link(LinkKind::Vlan, &["enp1s0"]);
    if let Some(link) = &mut network.link {
        link.id = Some(10);
    }
    assert_eq!(
        texts(&network),
        [
            "[connection]\nid=sigmavault\ntype=vlan\ninterface-name=vlan10\n\n[vlan]\nid=10\nparent=enp1s0\n\n[ipv4]\n\
             method=auto\n\n[ipv6]\nmethod=auto\n",
            "[connection]\nid=sigmavault-port-enp1s0\ntype=ethernet\ninterface-name=enp1s0\n\n[ipv4]\nmethod=disabled\n\n\
             [ipv6]\nmethod=disabled\n",
        ]
    );
}
