use super::*;

// Made by ssh-keygen.
const ED25519: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMFf2GRxxtBMRIw8ZuJgSAyZz19EOI27AcM+oazoyLpo anna@example";
const RSA_1024: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC43lF5i7UGHA1tZMQxUncpCHdYCXdYw6tGlHw+JCVe8UQXAeJIKGtQJ7KU+nEWeuV613D173Hb/iZf/Ft5NbRqoc1ODWIKS0JInX911WurW1DCqLrqgJ2tpddCTSzKMKVnlcevPXOxA/VOkG8wHT/237f8WnPr7T419A9FaEH/mQ== anna@example";
const RSA_2048: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCq7UpuDN8abbyV9us5i5D0nq7dnonfO1qIwFzHgJqY2x2Zmjt8rLgdpJsTHkeD4XFOXlrov/RLu3Bwp2Th47A5hPpPXxZekLDkA/epKGsNxK7GrbenrOUrUQtdlAdeikWyti8gyWza/a1P2vCk32YnQanNPSmyHJvPKRwbQD43U0sDKYq+/WyU62/+rawjcQ9zaNkKkhSygY6KGxfTEKepmmK00y8vbpbVeNhRmx0KaDh3KjI8vabeSVWreBOg4ZeLCo0avO9hJA+hdBaKrVONzyTNJJEUuXRh4fTLoG6iz89Jk0deaH86iC7sYwaFdYXHyIIAcZIvdOKPBD9v3att anna@example";
const NISTP256: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBLLg8WwFjIpJyPcgxoA8i1WCpozEfRu8hTidRcWnUrYe2JkdSuBt2KYlWdV4OMMbIWvqLRh14ityKJ6M/bU8yK8= anna@example";
const NISTP384: &str = "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBPSWqjtUjmmCkBBhMciYC6b9ujvVS/tR6PSL8Q5biOugS2+/dhvM96QssT4Gb0lHsdfPivineifOl/9TsPtLDqjBUz6hgEdhofKNjCuyMGiyJdZ68AOPJMLq00BwdAjDOw== anna@example";
const NISTP521: &str = "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAGqSMGX+IbHTVm7/qkas45EnEwJSANGovDCKF4RqCN9RsdgERitaS+bwgGSNoNd+SCU0Gykh4lmMiBKFVFCKgSqzAF85Ib/rG68cPkk23z8AHSWwRlSQHlxo5938d6rdSTGD3NaUQ6D85L4W98LrkpBvK4v4XdVx1oC/MovXFqjjPFf1A== anna@example";

/// The data of a key, field by field.
fn data(fields: &[&[u8]]) -> String {
    let mut bytes = Vec::new();
    for field in fields {
        bytes.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
        bytes.extend(*field);
    }
    STANDARD.encode(bytes)
}

fn point(bytes: usize) -> Vec<u8> {
    [&[4][..], &vec![7; 2 * bytes]].concat()
}

#[test]
fn keys_of_every_type_that_sshd_takes() {
    for key in [ED25519, RSA_2048, NISTP256, NISTP384, NISTP521] {
        assert_eq!(check(key), Ok(()), "{key}");
        // As a .pub file holds it, and without its comment.
        assert_eq!(check(&format!("{key}\n")), Ok(()));
        let bare: Vec<&str> = key.split(' ').take(2).collect();
        assert_eq!(check(&bare.join("\t")), Ok(()));
    }
    let sk = data(&[b"sk-ssh-ed25519@openssh.com", &[7; 32], b"ssh:"]);
    assert_eq!(check(&format!("sk-ssh-ed25519@openssh.com {sk}")), Ok(()));
    let name = "sk-ecdsa-sha2-nistp256@openssh.com";
    let sk = data(&[name.as_bytes(), b"nistp256", &point(32), b"ssh:"]);
    assert_eq!(check(&format!("{name} {sk} anna")), Ok(()));
}

#[test]
fn what_is_no_key_is_told_apart() {
    let certificate = "ssh-ed25519-cert-v01@openssh.com AAAA";
    for (line, expected) in [
        ("ssh-ed25519 hello", KeyError::Base64),
        ("ssh-ed25519 aGVsbG8=", KeyError::Data("ssh-ed25519")),
        ("ssh-ed25519", KeyError::NoData),
        ("", KeyError::Type),
        ("AAAAC3Nz", KeyError::Type),
        ("ssh-dss AAAA", KeyError::Dsa),
        (certificate, KeyError::Certificate),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n", KeyError::Private), // pragma: allowlist secret
        ("ssh-ed25519 AAAA anna\u{1b}[2J", KeyError::Control),
    ] {
        assert_eq!(check(line), Err(expected), "{line}");
    }
    assert_eq!(check(&format!("{ED25519}\n{RSA_2048}\n")), Err(KeyError::Lines));
    for options in ["no-pty", "from=\"192.0.2.0/24\"", "command=\"echo a b\",restrict"] {
        assert_eq!(
            check(&format!("{options} {ED25519}")),
            Err(KeyError::Options),
            "{options}"
        );
    }
    assert_eq!(check(RSA_1024), Err(KeyError::Weak(1024)));
}

#[test]
fn label_and_data_agree() {
    let lie = ED25519.replace("ssh-ed25519 ", "ssh-rsa ");
    assert_eq!(
        check(&lie).unwrap_err().to_string(),
        "says ssh-rsa and holds a key of another type (ssh-ed25519): copy the one line of the .pub file again"
    );
    let curve = data(&[b"ecdsa-sha2-nistp256", b"nistp384", &point(48)]);
    assert_eq!(
        check(&format!("ecdsa-sha2-nistp256 {curve}")),
        Err(KeyError::Data("ecdsa-sha2-nistp256"))
    );
    let unprintable = data(&[b"\x1b[2J", &[7; 32]]);
    assert_eq!(
        check(&format!("ssh-ed25519 {unprintable}")),
        Err(KeyError::Data("ssh-ed25519"))
    );
}

/// What is said of a key of this type with these fields behind its name.
fn made(label: &str, fields: &[&[u8]]) -> Result<(), KeyError> {
    let fields = [&[label.as_bytes()][..], fields].concat();
    check(&format!("{label} {}", data(&fields)))
}

#[test]
fn fields_have_their_exact_lengths() {
    let ed25519 = Err(KeyError::Data("ssh-ed25519"));
    assert_eq!(made("ssh-ed25519", &[&[7; 32]]), Ok(()));
    assert_eq!(made("ssh-ed25519", &[&[7; 31]]), ed25519);
    assert_eq!(made("ssh-ed25519", &[&[7; 33]]), ed25519);
    assert_eq!(made("ssh-ed25519", &[&[7; 32], b""]), ed25519);
    assert_eq!(made("ssh-ed25519", &[]), ed25519);
    let security_key = "sk-ssh-ed25519@openssh.com";
    assert_eq!(made(security_key, &[&[7; 32]]), Err(KeyError::Data(security_key)));
    assert_eq!(
        made(security_key, &[&[7; 32], b""]),
        Err(KeyError::Data(security_key))
    );
    let nistp256 = Err(KeyError::Data("ecdsa-sha2-nistp256"));
    assert_eq!(made("ecdsa-sha2-nistp256", &[b"nistp256", &point(32)]), Ok(()));
    assert_eq!(made("ecdsa-sha2-nistp256", &[b"nistp256", &point(31)]), nistp256);
    // A point in its compressed form.
    assert_eq!(made("ecdsa-sha2-nistp256", &[b"nistp256", &[2; 33]]), nistp256);
    assert_eq!(
        made("ecdsa-sha2-nistp521", &[b"nistp521", &point(64)]),
        Err(KeyError::Data("ecdsa-sha2-nistp521"))
    );
}

/// A number of so many bytes with the zero that its sign needs.
fn number(bytes: usize, last: u8) -> Vec<u8> {
    let mut number = vec![0xc1; bytes + 1];
    number[0] = 0;
    number[bytes] = last;
    number
}

#[test]
fn numbers_of_rsa_keys() {
    let rsa = |exponent: &[u8], modulus: &[u8]| made("ssh-rsa", &[exponent, modulus]);
    let wrong = Err(KeyError::Data("ssh-rsa"));
    assert_eq!(rsa(&[1, 0, 1], &number(256, 3)), Ok(()));
    assert_eq!(rsa(&[1, 0, 1], &number(256, 2)), wrong, "even");
    assert_eq!(rsa(&[1], &number(256, 3)), wrong, "an exponent of 1");
    assert_eq!(rsa(&[1, 0, 1], &number(256, 3)[1..]), wrong, "negative");
    let needless = [vec![0], number(256, 3)].concat();
    assert_eq!(rsa(&[1, 0, 1], &needless), wrong, "needless zeros");
    assert_eq!(rsa(&[1, 0, 1], &number(255, 3)), Err(KeyError::Weak(2040)));
    assert_eq!(rsa(&[1, 0, 1], &number(2049, 3)), Err(KeyError::Long(16392)));
}

#[test]
fn a_key_that_lost_a_letter_is_refused() {
    for at in "ssh-ed25519 ".len()..ED25519.len() - " anna@example".len() {
        let line = format!("{}{}", &ED25519[..at], &ED25519[at + 1..]);
        assert!(check(&line).is_err(), "{line}");
    }
}
