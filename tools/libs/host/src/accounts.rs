//! Users of a system below a folder: useradd(8), chpasswd(8) and chown(1), run by chroot(8).

use std::path::Path;

use crate::run::Invocation;

fn below(root: &Path) -> Invocation {
    Invocation::new("chroot").arg(root)
}

/// A user to be added, with a group of the same name and a home.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// Name.
    pub name: &'a str,
    /// Full name; may be empty.
    pub full_name: &'a str,
    /// Login shell.
    pub shell: &'a str,
    /// Further groups, all of which the system has.
    pub groups: &'a [&'a str],
}

/// Adds a user.
pub fn add(root: &Path, user: &NewUser<'_>) -> Invocation {
    described(below(root).args(["useradd", "--create-home"]), user)
}

/// Adds a user to the files in `etc` below a folder, which are copies of a system's, and makes no home: what it says is
/// what [`add`] will say in that system.
pub fn rehearse(folder: &Path, user: &NewUser<'_>) -> Invocation {
    let useradd = Invocation::new("useradd").arg("--prefix").arg(folder);
    described(useradd.arg("--no-create-home"), user)
}

fn described(useradd: Invocation, user: &NewUser<'_>) -> Invocation {
    useradd
        .args(["--shell", user.shell, "--user-group"])
        .args(["--comment", user.full_name])
        .args(["--groups", &user.groups.join(",")])
        .arg(user.name)
}

/// Sets a password.
pub fn set_password(root: &Path, user: &str, password: &str) -> Invocation {
    below(root)
        .arg("chpasswd")
        .secret_input(format!("{user}:{password}\n"))
}

/// Sets a password by its crypt(5) hash.
pub fn set_password_hash(root: &Path, user: &str, hash: &str) -> Invocation {
    below(root)
        .args(["chpasswd", "--encrypted"])
        .secret_input(format!("{user}:{hash}\n"))
}

/// Makes a user and the group of the same name the owners of a path below the root and of everything in it.
pub fn give(root: &Path, user: &str, path: &str) -> Invocation {
    below(root).args(["chown", "--recursive", &format!("{user}:{user}"), path])
}
