//! Settings of the new system, written into its own `/etc` and `/home`.

use std::path::Path;

use sigmavault_host::accounts::{self, NewUser};
use sigmavault_host::systemctl;

use super::error::ExecuteError;
use super::files;
use crate::answers::{Address, Keyboard, User};
use crate::plan::Settings;
use crate::site::Site;

/// The id under which ZFS marks pools.
const HOST_ID: &str = "/etc/hostid";
/// Groups of the administrator, as far as the image has them.
const GROUPS: [&str; 6] = ["sudo", "adm", "systemd-journal", "netdev", "users", "sigmavault"];

/// Writes everything below `root`.
pub fn write(site: &Site, root: &Path, settings: &Settings) -> Result<(), ExecuteError> {
    let host = &settings.network.hostname;
    put(site, root, "etc/hostname", &format!("{host}\n"), 0o644)?;
    let hosts = format!("127.0.0.1 localhost\n127.0.1.1 {host}\n::1 localhost ip6-localhost ip6-loopback\n");
    put(site, root, "etc/hosts", &hosts, 0o644)?;
    put(
        site,
        root,
        "etc/locale.conf",
        &format!("LANG={}\n", settings.language),
        0o644,
    )?;
    put(
        site,
        root,
        "etc/default/keyboard",
        &keyboard(&settings.keyboard),
        0o644,
    )?;
    let zone = format!("/usr/share/zoneinfo/{}", settings.timezone);
    files::link(site, &root.join("etc/localtime"), &zone)?;
    put(
        site,
        root,
        "etc/timezone",
        &format!("{}\n", settings.timezone),
        0o644,
    )?;
    // The id under which ZFS marked the pools that were made here.
    if site.files().exists(HOST_ID) {
        files::copy(site, Path::new(HOST_ID), &root.join("etc/hostid"))?;
    }
    if let Some(address) = &settings.network.address {
        let name = "etc/NetworkManager/system-connections/sigmavault.nmconnection";
        put(site, root, name, &connection(address), 0o600)?;
    }
    user(site, root, &settings.user)
}

fn put(site: &Site, root: &Path, name: &str, text: &str, mode: u32) -> Result<(), ExecuteError> {
    files::write(site, &root.join(name), text, mode)
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

fn user(site: &Site, root: &Path, user: &User) -> Result<(), ExecuteError> {
    let known = site.files().text(root.join("etc/group")).unwrap_or_default();
    let groups: Vec<&str> = GROUPS
        .into_iter()
        .filter(|group| known.lines().any(|line| line.split(':').next() == Some(group)))
        .collect();
    let new = NewUser {
        name: &user.name,
        full_name: &user.full_name,
        shell: "/bin/bash",
        groups: &groups,
    };
    site.run().succeed(&accounts::add(root, &new))?;
    if let Some(password) = &user.password {
        site.run()
            .succeed(&accounts::set_password(root, &user.name, &password.0))?;
    } else if let Some(hash) = &user.password_hash {
        site.run()
            .succeed(&accounts::set_password_hash(root, &user.name, &hash.0))?;
    }
    if !user.ssh_keys.is_empty() {
        let name = format!("home/{}/.ssh/authorized_keys", user.name);
        put(
            site,
            root,
            &name,
            &format!("{}\n", user.ssh_keys.join("\n")),
            0o600,
        )?;
        files::set_mode(site, &root.join("home").join(&user.name).join(".ssh"), 0o700)?;
        let inside = format!("/home/{}/.ssh", user.name);
        site.run().succeed(&accounts::give(root, &user.name, &inside))?;
    }
    if user.ssh {
        site.run()
            .succeed(&systemctl::enable_below(root, "ssh.service"))?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
