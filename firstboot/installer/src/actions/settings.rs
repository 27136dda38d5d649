//! Settings of the new system, written into its own `/etc` and `/home`.

use super::action::{Action, Password, Reading};
use super::connections;
use crate::answers::{Keyboard, User};
use crate::plan::Settings;

/// The SSH server's settings for an administrator with keys: passwords can be guessed from outside.
const KEYS_ONLY: &str = "PasswordAuthentication no\nKbdInteractiveAuthentication no\n";
/// Rules of sudo for the administrator.
const RULES: &str = "etc/sudoers.d/sigmavault-administrator";

/// Has every program that reads a file of the settings read it, before anything is written.
pub fn readings(settings: &Settings) -> Vec<Action> {
    let connections = connections::of(&settings.network).into_iter();
    let connections = connections.map(|connection| Reading::Connection {
        text: connection.text,
        address: connection.address,
    });
    let user = &settings.user;
    let added = Reading::User {
        name: user.name.clone(),
        full_name: user.full_name.clone(),
    };
    let rules = rules(user).map(|text| Reading::Rules { text });
    let server = server(user).map(|text| Reading::Server { text });
    let keys = (!user.ssh_keys.is_empty()).then(|| Reading::Keys { keys: keys(user) });
    let all = connections.chain([added]).chain(rules).chain(server).chain(keys);
    all.map(|reading| Action::ReadFirst { reading }).collect()
}

/// Writes settings and user.
pub fn actions(settings: &Settings) -> Vec<Action> {
    let host = &settings.network.hostname;
    let file = |path, text| Action::WriteFile {
        path,
        mode: 0o644,
        text,
    };
    let mut actions = vec![
        file("etc/hostname", format!("{host}\n")),
        file(
            "etc/hosts",
            format!("127.0.0.1 localhost\n127.0.1.1 {host}\n::1 localhost ip6-localhost ip6-loopback\n"),
        ),
        file("etc/locale.conf", format!("LANG={}\n", settings.language)),
        file("etc/default/keyboard", keyboard(&settings.keyboard)),
        Action::Link {
            path: "etc/localtime",
            target: format!("/usr/share/zoneinfo/{}", settings.timezone),
        },
        file("etc/timezone", format!("{}\n", settings.timezone)),
        Action::CopyHostId,
    ];
    let connections = connections::of(&settings.network).into_iter();
    actions.extend(connections.map(|connection| Action::WriteFile {
        path: connection.path,
        mode: 0o600,
        text: connection.text,
    }));
    actions.extend(administrator(&settings.user));
    actions
}

/// keyboard(5), read by the console and by GNOME.
fn keyboard(keyboard: &Keyboard) -> String {
    format!(
        "XKBMODEL=\"pc105\"\nXKBLAYOUT=\"{}\"\nXKBVARIANT=\"{}\"\nXKBOPTIONS=\"\"\nBACKSPACE=\"guess\"\n",
        keyboard.layout,
        keyboard.variant.as_deref().unwrap_or_default()
    )
}

/// Lets the administrator become root without a password (sudoers(5)), where the answers ask for that.
fn rules(user: &User) -> Option<String> {
    user.sudo_without_password.then(|| {
        format!(
            "# From the installation, where sudo-without-password was asked for.\n{} ALL=(ALL:ALL) NOPASSWD: ALL\n",
            user.name
        )
    })
}

/// Settings of the SSH server for this administrator, where it needs any.
fn server(user: &User) -> Option<String> {
    (user.ssh && !user.ssh_keys.is_empty()).then(|| KEYS_ONLY.to_owned())
}

/// Keys, each as one line.
fn keys(user: &User) -> Vec<String> {
    user.ssh_keys.iter().map(|key| key.trim().to_owned()).collect()
}

fn administrator(user: &User) -> Vec<Action> {
    let mut actions = vec![Action::AddUser {
        name: user.name.clone(),
        full_name: user.full_name.clone(),
    }];
    let plain = user.password.clone().map(Password::Plain);
    let hash = user.password_hash.clone().map(Password::Hash);
    actions.extend(plain.or(hash).map(|password| Action::SetPassword {
        user: user.name.clone(),
        password,
    }));
    if !user.ssh_keys.is_empty() {
        actions.push(Action::AuthorizeKeys {
            user: user.name.clone(),
            keys: keys(user),
        });
    }
    actions.extend(rules(user).map(|text| Action::WriteFile {
        path: RULES,
        mode: 0o440,
        text,
    }));
    actions.extend(server(user).map(|text| Action::WriteFile {
        path: "etc/ssh/sshd_config.d/50-sigmavault.conf",
        mode: 0o644,
        text,
    }));
    if user.ssh {
        actions.push(Action::EnableUnit { unit: "ssh.service" });
    }
    actions
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
