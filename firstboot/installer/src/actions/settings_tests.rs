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

fn user() -> User {
    User {
        name: "anna".into(),
        full_name: String::new(),
        password: None,
        password_hash: None,
        ssh_keys: vec!["ssh-ed25519 AAAA anna\n".into()],
        ssh: true,
        sudo_without_password: true,
    }
}

#[test]
fn a_rule_for_sudo_only_where_it_was_asked_for() {
    let mut user = user();
    let rule = |user: &User| {
        administrator(user).into_iter().find_map(|action| match action {
            Action::WriteFile { path, mode, text } if path == RULES => Some((path, mode, text)),
            _ => None,
        })
    };
    assert_eq!(
        rule(&user),
        Some((
            "etc/sudoers.d/sigmavault-administrator",
            0o440,
            "# From the installation, where sudo-without-password was asked for.\nanna ALL=(ALL:ALL) NOPASSWD: ALL\n".to_owned()
        ))
    );
    user.sudo_without_password = false;
    assert_eq!(rule(&user), None);
}

#[test]
fn a_key_is_one_line() {
    assert_eq!(keys(&user()), ["ssh-ed25519 AAAA anna"]);
}

#[test]
fn a_server_with_keys_refuses_passwords() {
    let user = |ssh: bool, keys: &[&str]| User {
        ssh_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        ssh,
        ..user()
    };
    let refused = |user: &User| {
        administrator(user).iter().any(|action| {
            matches!(action, Action::WriteFile { path: "etc/ssh/sshd_config.d/50-sigmavault.conf", text, .. }
                if text.contains("PasswordAuthentication no"))
        })
    };
    assert!(refused(&user(true, &["ssh-ed25519 AAAA"])));
    assert_eq!(
        server(&user(true, &["ssh-ed25519 AAAA"])).as_deref(),
        Some(KEYS_ONLY)
    );
    assert!(!refused(&user(true, &[])));
    assert!(!refused(&user(false, &["ssh-ed25519 AAAA"])));
}
