use std::sync::Arc;

use sigmavault_facts::Files;
use sigmavault_host::run::{Output, Run, Scripted};

use super::*;

type Answer = fn(&Invocation) -> Result<Output, RunError>;

/// Programs that answer like this, or do not start.
#[derive(Debug)]
struct Programs(Answer);

impl Run for Programs {
    fn run(&self, invocation: &Invocation) -> Result<Output, RunError> {
        (self.0)(invocation)
    }
}

fn site(said: Answer) -> Site {
    Site::new(Arc::new(Programs(said)), Files::default(), Arc::new(|_| {}))
}

fn connection() -> Reading {
    Reading::Connection {
        text: "[ipv4]\nmethod=manual\naddress1=192.0.2.10/24\n".to_owned(),
        address: Some("192.0.2.10/24".to_owned()),
    }
}

#[test]
fn what_a_program_takes() {
    let echo = site(|ask| Ok(Output::success(ask.standard_input().bytes())));
    for reading in [
        connection(),
        Reading::Server {
            text: "PasswordAuthentication no\n".to_owned(),
        },
        Reading::Rules {
            text: "anna ALL=(ALL:ALL) NOPASSWD: ALL\n".to_owned(),
        },
        Reading::Keys {
            keys: vec!["ssh-ed25519 AAAA".to_owned()],
        },
    ] {
        read(&echo, &reading).unwrap();
    }
}

#[test]
fn what_a_program_does_not_take() {
    let refuses = site(|_| {
        Ok(Output::failure(
            1,
            "Error: Error writing connection: ipv4.dns: this property is not allowed for 'method=disabled'\n",
        ))
    });
    assert_eq!(
        read(&refuses, &connection()).unwrap_err().to_string(),
        "nmcli does not take a connection of the network: Error: Error writing connection: ipv4.dns: this \
         property is not allowed for 'method=disabled'\n  try: change that answer; nothing was written"
    );
    let reads_another = site(|_| Ok(Output::success("[ipv4]\naddress1=192.0.2.10/32\nmethod=manual\n")));
    let error = read(&reads_another, &connection()).unwrap_err().to_string();
    assert!(
        error.contains("it reads another address than 192.0.2.10/24"),
        "{error}"
    );
    let server = Reading::Server {
        text: "PasswordAuthentication no\n".to_owned(),
    };
    let passwords = site(|_| Ok(Output::success("port 22\npasswordauthentication yes\n")));
    assert_eq!(
        read(&passwords, &server).unwrap_err().to_string(),
        "sshd does not take the settings of the SSH server: it does not read PasswordAuthentication no\n  \
         try: change that answer; nothing was written"
    );
    let keys = Reading::Keys {
        keys: vec!["good".to_owned(), "bad".to_owned()],
    };
    let one = site(|ask| {
        Ok(match ask.standard_input().bytes() {
            b"good\n" => Output::success("256 SHA256:x good (ED25519)\n"),
            _ => Output::failure(255, "(stdin) is not a public key file.\n"),
        })
    });
    let error = read(&one, &keys).unwrap_err().to_string();
    assert!(
        error.starts_with("ssh-keygen does not take an SSH key: (stdin) is not"),
        "{error}"
    );
}

#[test]
fn a_user_is_added_to_copies_first() {
    let root = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("passwd", "root:x:0:0::/root:/bin/bash\n"),
        ("group", "root:x:0:\nsudo:x:27:\n"),
    ] {
        std::fs::create_dir_all(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc").join(file), text).unwrap();
    }
    let folder = root.path().join("run/sigmavault/rehearsal");
    let copies = folder.clone();
    let site = Site::new(
        Arc::new(Scripted(move |ask: &Invocation| {
            assert!(copies.join("etc/passwd").exists() && copies.join("etc/group").exists());
            assert_eq!(
                ask.to_string(),
                "useradd --prefix /run/sigmavault/rehearsal --no-create-home --shell /bin/bash --user-group --comment Anna \
                 --groups sudo anna"
            );
            Output::failure(9, "useradd: group anna exists\n")
        })),
        Files::new(root.path()),
        Arc::new(|_| {}),
    );
    let user = Reading::User {
        name: "anna".to_owned(),
        full_name: "Anna".to_owned(),
    };
    let error = read(&site, &user).unwrap_err().to_string();
    assert!(
        error.starts_with("useradd does not take the administrator: useradd: group anna exists\n"),
        "{error}"
    );
    assert!(!folder.exists());
}

#[test]
fn an_image_without_the_program_has_nobody_to_ask() {
    let lacks = site(|ask| {
        Err(RunError::Start {
            invocation: Box::new(ask.clone()),
            source: io::ErrorKind::NotFound.into(),
        })
    });
    read(&lacks, &connection()).unwrap();
    let broken = site(|ask| {
        Err(RunError::Start {
            invocation: Box::new(ask.clone()),
            source: io::ErrorKind::PermissionDenied.into(),
        })
    });
    assert!(read(&broken, &connection()).is_err());
}
