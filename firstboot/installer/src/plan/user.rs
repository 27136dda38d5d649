//! The administrator: name, password, keys, and a way in and to root.

use crate::answers::User;
use crate::credentials::accounts::Accounts;
use crate::credentials::{crypt, ssh_key};
use crate::machine::Machine;

/// The least number of characters of a password.
const PASSWORD_MIN: usize = 8;
/// The most bytes that crypt(3) and PAM take: `CRYPT_MAX_PASSPHRASE_SIZE` and `PAM_MAX_RESP_SIZE`, less the zero at the
/// end.
const PASSWORD_MAX: usize = 511;
/// The most bytes of a full name, so that a line of /etc/passwd stays one that every program reads.
const FULL_NAME_MAX: usize = 255;

/// What stands against the administrator: on this machine, or on any.
pub(super) fn check(
    wanted: &User,
    machine: Option<&Machine>,
    check: &mut impl FnMut(&str, Result<(), String>),
) {
    let nothing = Accounts::default();
    let accounts = machine.map_or(&nothing, |machine| &machine.accounts);
    let name = accounts.check_new(&wanted.name);
    check("user.name", name.map_err(|error| error.to_string()));
    check("user.full-name", full_name(&wanted.full_name));
    if let Some(password) = &wanted.password {
        check("user.password", password_text(&password.0));
    }
    if let Some(hash) = &wanted.password_hash {
        let hash = crypt::check(&hash.0).map(drop);
        check("user.password-hash", hash.map_err(|error| error.to_string()));
    }
    if wanted.password.is_some() && wanted.password_hash.is_some() {
        check(
            "user.password-hash",
            Err("is given together with user.password: give one of them".to_owned()),
        );
    }
    for (index, key) in wanted.ssh_keys.iter().enumerate() {
        let key = ssh_key::check(key);
        check(
            &format!("user.ssh-keys[{index}]"),
            key.map_err(|error| error.to_string()),
        );
    }
    check("user", ways(wanted));
}

/// Whether the administrator can log in, and then become root: sudo asks for a password, and root has none.
fn ways(wanted: &User) -> Result<(), String> {
    let password = wanted.password.is_some() || wanted.password_hash.is_some();
    let key = wanted.ssh && !wanted.ssh_keys.is_empty();
    if !password && !key {
        return Err(
            "could not log in: give password, password-hash, or ssh-keys together with ssh = true".to_owned(),
        );
    }
    if !password && !wanted.sudo_without_password {
        return Err(
            "could log in by key and administer nothing, since sudo asks for a password: give password or password-hash, or sudo-without-password = true"
                .to_owned(),
        );
    }
    Ok(())
}

fn full_name(name: &str) -> Result<(), String> {
    if name.contains(|letter: char| letter == ':' || letter.is_control()) {
        return Err("has a colon or control character, which /etc/passwd cannot hold".to_owned());
    }
    if name.len() > FULL_NAME_MAX {
        return Err(format!("is too long: give at most {FULL_NAME_MAX} bytes"));
    }
    Ok(())
}

fn password_text(password: &str) -> Result<(), String> {
    if password.chars().count() < PASSWORD_MIN {
        return Err(format!("is too short: give at least {PASSWORD_MIN} characters"));
    }
    if password.len() > PASSWORD_MAX {
        return Err(format!(
            "is too long: a login takes at most {PASSWORD_MAX} bytes (letters other than those of English take two or more)"
        ));
    }
    if password.contains(char::is_control) {
        return Err("has a line end or control character, which cannot be typed at a login".to_owned());
    }
    Ok(())
}
