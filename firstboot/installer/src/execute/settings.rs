//! Settings of the new system, written into its own `/etc` and `/home`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::ExecuteError;
use super::real::io;
use crate::answers::{Address, Keyboard, User};
use crate::plan::Settings;
use crate::run::Run;

/// Groups of the administrator, as far as the image has them.
const GROUPS: [&str; 6] = ["sudo", "adm", "systemd-journal", "netdev", "users", "sigmavault"];

/// Writes everything below `root`.
pub fn write(run: &dyn Run, root: &Path, settings: &Settings) -> Result<(), ExecuteError> {
    let host = &settings.network.hostname;
    put(root, "etc/hostname", &format!("{host}\n"), 0o644)?;
    let hosts = format!("127.0.0.1 localhost\n127.0.1.1 {host}\n::1 localhost ip6-localhost ip6-loopback\n");
    put(root, "etc/hosts", &hosts, 0o644)?;
    put(
        root,
        "etc/locale.conf",
        &format!("LANG={}\n", settings.language),
        0o644,
    )?;
    put(root, "etc/default/keyboard", &keyboard(&settings.keyboard), 0o644)?;
    let localtime = root.join("etc/localtime");
    let link = || {
        if localtime.symlink_metadata().is_ok() {
            fs::remove_file(&localtime)?;
        }
        symlink(format!("/usr/share/zoneinfo/{}", settings.timezone), &localtime)
    };
    link().map_err(|error| io("write", &localtime.display().to_string(), error))?;
    put(root, "etc/timezone", &format!("{}\n", settings.timezone), 0o644)?;
    // The id under which ZFS marked the pools that were made here.
    if Path::new("/etc/hostid").exists() {
        let to = root.join("etc/hostid");
        fs::copy("/etc/hostid", &to).map_err(|error| io("write", &to.display().to_string(), error))?;
    }
    if let Some(address) = &settings.network.address {
        let name = "etc/NetworkManager/system-connections/sigmavault.nmconnection";
        put(root, name, &connection(address), 0o600)?;
    }
    user(run, root, &settings.user)
}

fn put(root: &Path, name: &str, text: &str, mode: u32) -> Result<(), ExecuteError> {
    let path = root.join(name);
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text)?;
        fs::set_permissions(&path, PermissionsExt::from_mode(mode))
    };
    write().map_err(|error| io("write", &path.display().to_string(), error))
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

fn user(run: &dyn Run, root: &Path, user: &User) -> Result<(), ExecuteError> {
    let tree = root.display().to_string();
    let groups: Vec<&str> = {
        let known = fs::read_to_string(root.join("etc/group")).unwrap_or_default();
        GROUPS
            .into_iter()
            .filter(|group| known.lines().any(|line| line.split(':').next() == Some(group)))
            .collect()
    };
    let groups = groups.join(",");
    let args = [
        &tree,
        "useradd",
        "--create-home",
        "--shell",
        "/bin/bash",
        "--user-group",
        "--comment",
        &user.full_name,
        "--groups",
        &groups,
        &user.name,
    ];
    run.run("chroot", &args, b"")?;
    if let Some(password) = &user.password {
        run.run(
            "chroot",
            &[&tree, "chpasswd"],
            format!("{}:{}\n", user.name, password.0).as_bytes(),
        )?;
    } else if let Some(hash) = &user.password_hash {
        run.run(
            "chroot",
            &[&tree, "chpasswd", "--encrypted"],
            format!("{}:{}\n", user.name, hash.0).as_bytes(),
        )?;
    }
    if !user.ssh_keys.is_empty() {
        let name = format!("home/{}/.ssh/authorized_keys", user.name);
        put(root, &name, &format!("{}\n", user.ssh_keys.join("\n")), 0o600)?;
        let folder = root.join("home").join(&user.name).join(".ssh");
        fs::set_permissions(&folder, PermissionsExt::from_mode(0o700))
            .map_err(|error| io("set the mode of", &folder.display().to_string(), error))?;
        let owner = format!("{0}:{0}", user.name);
        let inside = format!("/home/{}/.ssh", user.name);
        run.run("chroot", &[&tree, "chown", "--recursive", &owner, &inside], b"")?;
    }
    if user.ssh {
        run.run(
            "systemctl",
            &[&format!("--root={tree}"), "enable", "ssh.service"],
            b"",
        )?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
