//! sshd(8): the SSH server.

use crate::run::Invocation;

/// Reads settings (`sshd_config`) that come before those of this system, and prints what the server would use. Other than
/// `-t`, this needs no host keys, which a live session does not have.
pub fn read(text: &str) -> Invocation {
    Invocation::new("sshd")
        .args(["-G", "-f", "/dev/stdin"])
        .input(format!("{text}Include /etc/ssh/sshd_config\n"))
}

/// The value of a setting that [`read`] printed. Names are in small letters there.
pub fn setting<'a>(printed: &'a str, name: &str) -> Option<&'a str> {
    let is_named = |given: &str| given.eq_ignore_ascii_case(name);
    let mut settings = printed.lines().filter_map(|line| line.split_once(' '));
    settings
        .find(|(given, _)| is_named(given))
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_server() {
        assert_eq!(read("A no\n").quoted(), "sshd -G -f /dev/stdin");
        assert_eq!(
            read("A no\n").standard_input().bytes(),
            b"A no\nInclude /etc/ssh/sshd_config\n"
        );
        // Printed by OpenSSH 10.0p2.
        let printed = "port 22\naddressfamily any\nlistenaddress [::]:22\nlistenaddress 0.0.0.0:22\nusepam yes\n\
                       passwordauthentication no\nkbdinteractiveauthentication no\nversionaddendum none\n";
        assert_eq!(setting(printed, "PasswordAuthentication"), Some("no"));
        assert_eq!(setting(printed, "Port"), Some("22"));
        assert_eq!(setting(printed, "Banner"), None);
    }
}
