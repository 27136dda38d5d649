//! Users of the new system.

use std::path::Path;

use sigmavault_host::accounts::{self, NewUser};

use super::error::ExecuteError;
use super::files;
use crate::actions::Password;
use crate::site::Site;

/// Groups of the administrator, as far as the image has them.
const GROUPS: [&str; 6] = ["sudo", "adm", "systemd-journal", "netdev", "users", "sigmavault"];

/// Adds the administrator.
pub fn add(site: &Site, root: &Path, name: &str, full_name: &str) -> Result<(), ExecuteError> {
    let known = site.files().text(root.join("etc/group")).unwrap_or_default();
    let groups: Vec<&str> = GROUPS
        .into_iter()
        .filter(|group| known.lines().any(|line| line.split(':').next() == Some(group)))
        .collect();
    let user = NewUser {
        name,
        full_name,
        shell: "/bin/bash",
        groups: &groups,
    };
    site.run().succeed(&accounts::add(root, &user))?;
    Ok(())
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
