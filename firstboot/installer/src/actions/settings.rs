//! Settings of the new system, written into its own `/etc` and `/home`.

use super::action::{Action, Password};
use crate::answers::{Address, Keyboard, User};
use crate::plan::Settings;

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
    actions.extend(
        settings
            .network
            .address
            .as_ref()
            .map(|address| Action::WriteFile {
                path: "etc/NetworkManager/system-connections/sigmavault.nmconnection",
                mode: 0o600,
                text: connection(address),
            }),
    );
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

/// A `NetworkManager` key file (nm-settings-keyfile(5)).
fn connection(address: &Address) -> String {
    let own_v6 = address.address.contains(':');
    let section = |v6: bool| {
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
        if v6 != own_v6 {
            let method = if v6 { "auto" } else { "disabled" };
            return format!("\n[{name}]\nmethod={method}\n{dns}");
        }
        let gateway = address
            .gateway
            .map(|gateway| format!("gateway={gateway}\n"))
            .unwrap_or_default();
        format!(
            "\n[{name}]\nmethod=manual\naddress1={}\n{gateway}{dns}",
            address.address
        )
    };
    format!(
        "[connection]\nid=sigmavault\ntype=ethernet\ninterface-name={}\n{}{}",
        address.interface,
        section(false),
        section(true)
    )
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
            keys: user.ssh_keys.clone(),
        });
    }
    if user.ssh {
        actions.push(Action::EnableUnit { unit: "ssh.service" });
    }
    actions
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
