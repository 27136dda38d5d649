//! What an installed system lets in from the network, and what its users cannot do with their files.

use sigmavault_vm::Boot;

use crate::bench::Bench;
use crate::error::Error;

/// Runs all checks.
pub fn closed(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    listeners(bench, boot)?;
    firewall(bench, boot)?;
    state(bench, boot)?;
    confinement(bench, boot)
}

/// What listens beyond the machine itself: the name on the local network, and DHCP clients while they wait for answers.
fn listeners(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let ports = boot.run(
        "ss -Hltun | awk '$5 !~ /^(127\\.|\\[::1\\])/ { n = split($5, part, \":\"); print $1, part[n] }' |
         sort -u | grep -vxE 'udp (68|546)'",
    )?;
    bench.same("what listens on the network", ports.text(), "udp 5353");
    Ok(())
}

/// A port is closed though something listens there, until the service that it belongs to is switched on.
fn firewall(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let ports = boot.run(
        "ip netns add outside
         ip link add inside0 type veth peer name outside0 netns outside
         ip address add 192.0.2.1/24 dev inside0
         ip link set inside0 up
         ip -n outside address add 192.0.2.2/24 dev outside0
         ip -n outside link set outside0 up
         knock() { if timeout 5 \"$@\" bash -c \"exec 9<>/dev/tcp/192.0.2.1/$port\" 2>/dev/null; then echo \"$port open\"; else echo \"$port closed\"; fi; }
         systemd-run --quiet --unit=listener systemd-socket-activate --listen=8099 cat
         sleep 2
         port=8099; knock ip netns exec outside; knock env
         port=22; knock ip netns exec outside
         systemctl start ssh.service; knock ip netns exec outside
         systemctl stop ssh.service; nft list set inet sigmavault tcp-open | grep -c elements
         systemctl stop listener.service 2>/dev/null
         ip link delete inside0; ip netns delete outside",
    )?;
    bench.same(
        "ports from outside: a listener, the same from inside, SSH off, on, and off again",
        ports.text(),
        "8099 closed\n8099 open\n22 closed\n22 open\n0",
    );
    Ok(())
}

/// No devices and no programs with other rights where users can write.
fn state(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let options = boot.run(
        "for folder in /etc /var /home /root /srv /opt /mnt /usr/local /run/initramfs/state; do
             findmnt -nro OPTIONS --mountpoint $folder | tr , '\\n' | grep -xE 'nosuid|nodev' | sort | tr '\\n' ' '
         done",
    )?;
    bench.same(
        "mount options",
        options.text(),
        "nodev nosuid ".repeat(9).trim_end(),
    );
    Ok(())
}

/// `AppArmor` is on and has profiles.
fn confinement(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let on = boot.run(
        "aa-enabled; systemctl is-active apparmor.service
         grep -c '^/usr/bin/man (enforce)' /sys/kernel/security/apparmor/profiles",
    )?;
    bench.same("AppArmor", on.text(), "Yes\nactive\n1");
    Ok(())
}
