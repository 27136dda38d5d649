//! Users of the new system.

use std::path::Path;

use sigmavault_host::accounts::{self, NewUser};
use sigmavault_host::run::Invocation;

use super::error::ExecuteError;
use super::files;
use crate::actions::Password;
use crate::site::Site;

/// Groups of the administrator, as far as the image has them.
const GROUPS: [&str; 6] = ["sudo", "adm", "systemd-journal", "netdev", "users", "sigmavault"];

/// The files that users are added to.
const FILES: [&str; 4] = ["etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"];
/// Where copies of them lie for a rehearsal.
const REHEARSAL: &str = "/run/sigmavault/rehearsal";

/// Adds the administrator.
pub fn add(site: &Site, root: &Path, name: &str, full_name: &str) -> Result<(), ExecuteError> {
    let groups = groups(site, root);
    site.run()
        .succeed(&accounts::add(root, &administrator(name, full_name, &groups)))?;
    Ok(())
}

/// Calls `ask` with the program that adds the administrator to copies of the running system's files. The running system
/// is the image that is installed, so that it says what it will say on the new system.
pub fn rehearse(
    site: &Site,
    name: &str,
    full_name: &str,
    ask: impl FnOnce(&Invocation) -> Result<(), ExecuteError>,
) -> Result<(), ExecuteError> {
    let folder = Path::new(REHEARSAL);
    files::make_folder(site, folder.join("etc"))?;
    let rehearse = || {
        for file in FILES {
            let from = Path::new("/").join(file);
            if site.files().exists(&from) {
                files::copy(site, &from, &folder.join(file))?;
            }
        }
        let groups = groups(site, Path::new("/"));
        ask(&accounts::rehearse(
            folder,
            &administrator(name, full_name, &groups),
        ))
    };
    let done = rehearse();
    files::remove_folder(site, folder)?;
    done
}

/// The administrator's groups that a system has.
fn groups(site: &Site, root: &Path) -> Vec<&'static str> {
    let known = site.files().text(root.join("etc/group")).unwrap_or_default();
    let has = |group: &str| known.lines().any(|line| line.split(':').next() == Some(group));
    GROUPS.into_iter().filter(|group| has(group)).collect()
}

fn administrator<'a>(name: &'a str, full_name: &'a str, groups: &'a [&'a str]) -> NewUser<'a> {
    NewUser {
        name,
        full_name,
        shell: "/bin/bash",
        groups,
    }
}

/// Sets a password.
pub fn set_password(site: &Site, root: &Path, user: &str, password: &Password) -> Result<(), ExecuteError> {
    site.run().succeed(&match password {
        Password::Plain(password) => accounts::set_password(root, user, &password.0),
        Password::Hash(hash) => accounts::set_password_hash(root, user, &hash.0),
    })?;
    Ok(())
}

/// Lets keys log in by SSH.
pub fn authorize(site: &Site, root: &Path, user: &str, keys: &[String]) -> Result<(), ExecuteError> {
    let folder = root.join("home").join(user).join(".ssh");
    let text = format!("{}\n", keys.join("\n"));
    files::write(site, &folder.join("authorized_keys"), &text, 0o600)?;
    files::set_mode(site, &folder, 0o700)?;
    let inside = format!("/home/{user}/.ssh");
    site.run().succeed(&accounts::give(root, user, &inside))?;
    Ok(())
}
