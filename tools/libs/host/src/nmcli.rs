//! nmcli(1): connections of `NetworkManager`.

use crate::run::Invocation;

/// Reads a connection's key file (nm-settings-keyfile(5)) without a running `NetworkManager`, checks it, and prints it
/// as `NetworkManager` would write it. The change that nmcli asks for sets the name that it has.
pub fn read_connection(id: &str, text: &str) -> Invocation {
    Invocation::new("nmcli")
        .args(["--offline", "connection", "modify", "connection.id", id])
        .input(text)
}

/// Addresses of the connection that [`read_connection`] printed, each with its prefix length.
pub fn parse_addresses(text: &str) -> Vec<&str> {
    // `address1=192.0.2.10/24`, or `address1=192.0.2.10/24,192.0.2.1` with its router.
    let address = |line| {
        let (number, value) = str::strip_prefix(line, "address")?.split_once('=')?;
        number.parse::<u32>().ok()?;
        value.split(',').next()
    };
    text.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_connection() {
        // Printed by nmcli 1.52.1.
        let text = "[connection]\nid=sigmavault\nuuid=af6487e6-befb-45f9-b1be-1d466729db3a\ntype=ethernet\n\
                    interface-name=enp1s0\n\n[ethernet]\n\n[ipv4]\naddress1=192.0.2.10/24,192.0.2.1\ndns=192.0.2.1;\n\
                    method=manual\n\n[ipv6]\naddr-gen-mode=default\naddress1=2001:db8::10/64\nmethod=manual\n\n[proxy]\n";
        assert_eq!(parse_addresses(text), ["192.0.2.10/24", "2001:db8::10/64"]);
        assert_eq!(parse_addresses("[ipv4]\nmethod=auto\n"), [""; 0]);
    }
}
