use super::*;

#[test]
fn a_keyboard_file() {
    let german = Keyboard {
        layout: "de".into(),
        variant: Some("nodeadkeys".into()),
    };
    let text = super::keyboard(&german);
    assert!(
        text.contains("XKBLAYOUT=\"de\"\nXKBVARIANT=\"nodeadkeys\"\n"),
        "{text}"
    );
}

#[test]
fn a_fixed_address() {
    let address = Address {
        interface: "enp1s0".into(),
        address: "192.0.2.10/24".into(),
        gateway: Some("192.0.2.1".parse().unwrap()),
        dns: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
    };
    assert_eq!(
        connection(&address),
        "[connection]\nid=sigmavault\ntype=ethernet\ninterface-name=enp1s0\n\n[ipv4]\nmethod=manual\n\
         address1=192.0.2.10/24\ngateway=192.0.2.1\ndns=192.0.2.1;\n\n[ipv6]\nmethod=auto\ndns=2001:db8::1;\n"
    );
}

#[test]
fn a_fixed_address_of_the_newer_kind() {
    let address = Address {
        interface: "enp1s0".into(),
        address: "2001:db8::10/64".into(),
        gateway: None,
        dns: Vec::new(),
    };
    assert_eq!(
        connection(&address),
        "[connection]\nid=sigmavault\ntype=ethernet\ninterface-name=enp1s0\n\n[ipv4]\nmethod=disabled\n\n[ipv6]\n\
         method=manual\naddress1=2001:db8::10/64\n"
    );
}
