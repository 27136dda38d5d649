//! Single answers: each case is changed from answers that are accepted.

use super::*;

fn change(edit: impl FnOnce(&mut Answers)) -> Vec<String> {
    let mut answers = answers();
    edit(&mut answers);
    keys(&machine(), &answers)
}

fn user(edit: impl FnOnce(&mut User)) -> Vec<String> {
    change(|answers| edit(answers.user.as_mut().expect("a user")))
}

#[test]
fn host_names() {
    for good in ["nas", "NAS-1", "1", &"a".repeat(63)] {
        assert_eq!(
            change(|answers| answers.network.hostname = good.to_owned()),
            [""; 0],
            "{good}"
        );
    }
    for bad in ["", "-a", "a-", "a.b", "a_b", "ä", "localhost", &"a".repeat(64)] {
        let found = change(|answers| answers.network.hostname = bad.to_owned());
        assert_eq!(found, ["network.hostname"], "{bad}");
    }
}

#[test]
fn addresses() {
    let with = |interface: &str, address: &str, gateway: Option<&str>| {
        change(|answers| {
            answers.network.address = Some(Address {
                interface: interface.to_owned(),
                address: address.to_owned(),
                gateway: gateway.map(|text| text.parse().expect("an address")),
                dns: Vec::new(),
            });
        })
    };
    assert_eq!(with("enp1s0", "192.0.2.10/24", Some("192.0.2.1")), [""; 0]);
    assert_eq!(with("enp2s0", "2001:db8::10/64", Some("fe80::1")), [""; 0]);
    // A network of one address has its router outside, one of two addresses has no address of its own.
    assert_eq!(with("enp1s0", "192.0.2.10/32", Some("192.0.3.1")), [""; 0]);
    assert_eq!(with("enp1s0", "192.0.2.10/31", Some("192.0.2.11")), [""; 0]);
    assert_eq!(with("enp1s0", "2001:db8::/127", Some("2001:db8::1")), [""; 0]);
    assert_eq!(
        with("enp3s0", "192.0.2.10/24", None),
        ["network.address.interface"]
    );
    for bad in [
        "192.0.2.10",
        "192.0.2.10/33",
        "192.0.2.10/0",
        "192.0.2.10/+8",
        "192.0.2/24",
        "2001:db8::/129",
        "0.0.0.0/8",
        "127.0.0.1/8",
        "224.0.0.1/24",
        "192.0.2.0/24",
        "192.0.2.255/24",
        "192.0.2.127/25",
        "0.1.2.3/8",
        "2001:db8::/64",
        "::ffff:192.0.2.10/96",
        "",
    ] {
        assert_eq!(with("enp1s0", bad, None), ["network.address.address"], "{bad}");
    }
    for gateway in [
        "2001:db8::1",
        "192.0.2.10",
        "192.0.3.1",
        "192.0.2.0",
        "192.0.2.255",
        "127.0.0.1",
    ] {
        assert_eq!(
            with("enp1s0", "192.0.2.10/24", Some(gateway)),
            ["network.address.gateway"],
            "{gateway}"
        );
    }
    for (own, gateway) in [
        ("2001:db8::10/64", "2001:db8:0:1::1"),
        ("2001:db8::10/64", "ff02::1"),
        ("192.0.2.10/31", "192.0.2.12"),
    ] {
        assert_eq!(
            with("enp1s0", own, Some(gateway)),
            ["network.address.gateway"],
            "{own}"
        );
    }
    let mut outside = answers();
    outside.network.address = Some(Address {
        interface: "enp1s0".to_owned(),
        address: "192.0.2.10/24".to_owned(),
        gateway: Some("192.0.3.1".parse().expect("an address")),
        dns: Vec::new(),
    });
    assert_eq!(
        refused(&machine(), &outside),
        [
            "network.address.gateway: 192.0.3.1 is outside of 192.0.2.0/24, the network of 192.0.2.10, so that it cannot be reached: give a router in that network, or correct the prefix length"
        ]
    );
}

#[test]
fn name_servers() {
    let with = |address: &str, server: &str| {
        change(|answers| {
            answers.network.address = Some(Address {
                interface: "enp1s0".to_owned(),
                address: address.to_owned(),
                gateway: None,
                dns: vec![server.parse().expect("an address")],
            });
        })
    };
    // The family without a fixed address is configured by the network, and takes name servers too.
    for (own, server) in [
        ("192.0.2.10/24", "192.0.2.1"),
        ("192.0.2.10/24", "2001:db8::1"),
        ("2001:db8::10/64", "192.0.2.1"),
        ("192.0.2.10/24", "198.51.100.255"),
    ] {
        assert_eq!(with(own, server), [""; 0], "{own} {server}");
    }
    for server in [
        "0.0.0.0",
        "192.0.2.255",
        "192.0.2.0",
        "224.0.0.251",
        "fe80::1",
        "::",
    ] {
        assert_eq!(with("192.0.2.10/24", server), ["network.address.dns"], "{server}");
    }
}

#[test]
fn links() {
    let with = |kind: LinkKind, interfaces: &[&str], id: Option<u16>, mode: Option<BondMode>| {
        change(|answers| {
            answers.network.link = Some(Link {
                kind,
                interfaces: interfaces.iter().map(|name| (*name).to_owned()).collect(),
                mode,
                id,
            });
        })
    };
    let both = &["enp1s0", "enp2s0"][..];
    assert_eq!(with(LinkKind::Bond, both, None, Some(BondMode::Lacp)), [""; 0]);
    assert_eq!(with(LinkKind::Bridge, &both[..1], None, None), [""; 0]);
    assert_eq!(with(LinkKind::Vlan, &both[..1], Some(4094), None), [""; 0]);
    // On a bond.
    assert_eq!(with(LinkKind::Vlan, both, Some(1), Some(BondMode::Lacp)), [""; 0]);
    for wrong in [
        with(LinkKind::Bond, &both[..1], None, None),
        with(LinkKind::Bond, &["enp1s0", "enp1s0"], None, None),
        with(LinkKind::Bond, &["enp1s0", "enp3s0"], None, None),
        with(LinkKind::Bridge, &[], None, None),
        with(LinkKind::Vlan, &[], Some(1), None),
    ] {
        assert_eq!(wrong, ["network.link.interfaces"]);
    }
    for wrong in [
        with(LinkKind::Vlan, &both[..1], None, None),
        with(LinkKind::Vlan, &both[..1], Some(0), None),
        with(LinkKind::Vlan, &both[..1], Some(4095), None),
        with(LinkKind::Bond, both, Some(1), None),
    ] {
        assert_eq!(wrong, ["network.link.id"]);
    }
    let mode = Some(BondMode::ActiveBackup);
    for wrong in [
        with(LinkKind::Bridge, &both[..1], None, mode),
        with(LinkKind::Vlan, &both[..1], Some(1), mode),
    ] {
        assert_eq!(wrong, ["network.link.mode"]);
    }
    let of = |interface: &str| {
        change(|answers| {
            answers.network.link = Some(Link {
                kind: LinkKind::Bond,
                interfaces: vec!["enp1s0".to_owned(), "enp2s0".to_owned()],
                mode: None,
                id: None,
            });
            answers.network.address = Some(Address {
                interface: interface.to_owned(),
                address: "192.0.2.10/24".to_owned(),
                gateway: None,
                dns: Vec::new(),
            });
        })
    };
    assert_eq!(of("bond0"), [""; 0]);
    assert_eq!(of("enp1s0"), ["network.address.interface"]);
}

#[test]
fn user_names() {
    for good in ["anna", "a", "a_b-9", &"a".repeat(32)] {
        assert_eq!(user(|user| user.name = good.to_owned()), [""; 0], "{good}");
    }
    for bad in [
        "",
        "Anna",
        "9a",
        "_a",
        "a b",
        "a.b",
        "root",
        "daemon",
        "sudo",
        "live",
        "systemd-x",
        "saned",
        "scanner",
        &"a".repeat(33),
    ] {
        assert_eq!(user(|user| user.name = bad.to_owned()), ["user.name"], "{bad}");
    }
    assert_eq!(
        user(|user| user.full_name = "Anna Müller, Ulm".to_owned()),
        [""; 0]
    );
    for bad in ["a:b", "a\nb", &"a".repeat(256)] {
        assert_eq!(
            user(|user| user.full_name = bad.to_owned()),
            ["user.full-name"],
            "{bad}"
        );
    }
}

#[test]
fn passwords() {
    for (password, expected) in [
        ("12345678", &[][..]),
        ("äöüäöüäö", &[]),
        ("1234567", &["user.password"]),
        ("12345678\n", &["user.password"]),
        // What crypt(3) and PAM take at most.
        (&"a".repeat(511), &[]),
        (&"a".repeat(512), &["user.password"]),
        (&"ä".repeat(256), &["user.password"]),
    ] {
        assert_eq!(
            user(|user| user.password = Some(Secret(password.to_owned()))),
            expected,
            "{password}"
        );
    }
    let hash = |hash: &str| {
        user(|user| {
            user.password = None;
            user.password_hash = Some(Secret(hash.to_owned()));
        })
    };
    for good in [
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
        "$5$rounds=5000$usesomesillystri$KqJWpanXZHKq2BOB43TSaYhEWsQ1Lr5QNyPCDH/Tp.6",
        "$6$52450745$k5ka2p8bFuSmoVT1tzOyyuaREkkKBcCNqoDKzYiJL9RaE8yMnPgh2XzzF0NDrUhgrcLwg78xs1w5pJiypEdFX/",
        "$2b$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe",
    ] {
        assert_eq!(hash(good), [""; 0], "{good}");
    }
    for bad in [
        "",
        "secret",
        "$6$",
        "$6$salt$",
        "$6$salt$short",
        "$6$salt$k5ka2p8bFuSmoVT1tzOyyuaREkkKBcCNqoDKzYiJL9RaE8yMnPgh2XzzF0NDrUhgrcLwg78xs1w5pJiypEdFX",
        "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
        "!$6$salt$hash",
    ] {
        assert_eq!(hash(bad), ["user.password-hash"], "{bad}");
    }
    let both = user(|user| {
        user.password_hash = Some(Secret(
            "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7".to_owned(),
        ));
    });
    assert_eq!(both, ["user.password-hash"]);
}

#[test]
fn keys_to_log_in_with() {
    let with = |keys: &[&str], ssh: bool, password: bool, sudo: bool| {
        user(|user| {
            user.ssh_keys = keys.iter().map(|key| (*key).to_owned()).collect();
            user.ssh = ssh;
            user.sudo_without_password = sudo;
            if !password {
                user.password = None;
            }
        })
    };
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJWcSyyELXhKWB3PzQuVGcJlQnkIoAxVNwQAmlhUDDaJ anna@example";
    assert_eq!(with(&[key], false, true, false), [""; 0]);
    // sudo asks for a password, and root has none.
    assert_eq!(with(&[key], true, false, false), ["user"]);
    assert_eq!(with(&[key], true, false, true), [""; 0]);
    assert_eq!(with(&[key], false, false, true), ["user"]);
    assert_eq!(with(&[], true, false, true), ["user"]);
    for bad in [
        "ssh-dss AAAA",
        "ssh-ed25519",
        "AAAAC3Nz",
        "",
        "-----BEGIN OPENSSH PRIVATE KEY-----", // pragma: allowlist secret
        "ssh-rsa AAAA\nroot",
        "ssh-ed25519 hello",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIJWcSyyELXhKWB3PzQuVGcJlQnkIoAxVNwQAmlhUDDaJ",
        &format!("no-pty {key}"),
    ] {
        assert_eq!(
            with(&[key, bad], true, true, false),
            ["user.ssh-keys[1]"],
            "{bad}"
        );
    }
}

#[test]
fn names_that_the_image_must_have() {
    let mut wrong = answers();
    wrong.language = "de_DE.utf8".to_owned();
    wrong.timezone = "Berlin".to_owned();
    wrong.keyboard.layout = "su".to_owned();
    assert_eq!(
        refused(&machine(), &wrong),
        [
            "language: the system has no locale 'de_DE.utf8'; nearest: 'de_DE.UTF-8'",
            "timezone: the system has no time zone 'Berlin'; nearest: 'Europe/Berlin'",
            "keyboard.layout: there is no layout 'su'; nearest: 'us'",
        ]
    );
    wrong.keyboard.layout = "us".to_owned();
    wrong.keyboard.variant = Some("int".to_owned());
    assert_eq!(
        refused(&machine(), &wrong)[2],
        "keyboard.variant: layout 'us' has no variant 'int'; nearest: 'intl'"
    );
    let mut unknown = machine();
    unknown.locales.clear();
    unknown.timezones.clear();
    unknown.keyboards.clear();
    plan(&unknown, &wrong);
}

#[test]
fn what_every_image_has_needs_no_list() {
    assert_eq!(
        change(|answers| {
            answers.language = "C.UTF-8".to_owned();
            answers.timezone = "Etc/UTC".to_owned();
        }),
        [""; 0]
    );
}

#[test]
fn encryption() {
    let with = |passphrase: &str, tpm2: bool| {
        change(|answers| {
            answers.encryption = Some(Encryption {
                passphrase: Secret(passphrase.to_owned()),
                recovery_key: false,
                tpm2,
            });
        })
    };
    assert_eq!(with("12345678", false), [""; 0]);
    assert_eq!(with("1234567", false), ["encryption.passphrase"]);
    assert_eq!(with(&"x".repeat(512), false), [""; 0]);
    assert_eq!(with(&"x".repeat(513), false), ["encryption.passphrase"]);
    assert_eq!(with("12345678", true), ["encryption.tpm2"]);
    let mut machine = machine();
    machine.tpm2 = true;
    let mut answers = answers();
    answers.encryption = Some(Encryption {
        passphrase: Secret("12345678".to_owned()),
        recovery_key: false,
        tpm2: true,
    });
    let made = plan(&machine, &answers).encryption.expect("encryption");
    assert_eq!((made.tpm2, made.recovery_key), (true, false));
}
