//! Checks of a running installed system.

use std::time::Duration;

use serde::de::DeserializeOwned;
use sigmavault_types::slots::{Slot, Slots};
use sigmavault_vm::Boot;

use crate::answers::{HOSTNAME, PASSWORD, USER};
use crate::bench::Bench;
use crate::error::Error;

/// Longest a step of a login may take.
const LOGIN_LIMIT: Duration = Duration::from_mins(2);

/// No unit failed, and systemd dropped none to break an ordering cycle.
pub fn healthy(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let failed = boot.run(
        "for unit in $(systemctl list-units --state=failed --plain --no-legend --full | cut -d' ' -f1); do
            echo \"$unit\"; journalctl -b -u \"$unit\" -n 5 --no-pager -o cat; done",
    )?;
    bench.same("failed units", failed.text(), "");
    let cycles =
        boot.run("journalctl -b -o cat --no-pager _PID=1 | grep 'deleted to break ordering cycle'")?;
    bench.same("units dropped for an ordering cycle", cycles.output, "");
    // By way of the REST service, which asks systemd over D-Bus.
    let state = boot.run("sigmavault status --json | jq -r '.systemd.state, .systemd.error'")?;
    bench.same("services in `sigmavault status`", state.text(), "running\nnull");
    Ok(())
}

/// The root is the verity device of the image, from the partitions of this slot.
pub fn verified_root(bench: &mut Bench<'_>, boot: &mut Boot<'_>, slot: Slot) -> Result<(), Error> {
    let hash =
        boot.run("grep -o 'roothash=[0-9a-f]*' /proc/cmdline; grep -c sigmavault.live /proc/cmdline")?;
    let expected = format!("roothash={}\n0", bench.lab.manifest.root_hash);
    bench.same("command line", hash.output, expected);
    let root = boot.run(
        "for dm in /sys/block/dm-*; do
            case $(<$dm/dm/uuid) in CRYPT-VERITY-*) ;; *) continue ;; esac
            [ -e /sys/fs/erofs/${dm##*/} ] || continue
            echo \"$(<$dm/dm/name) read-only=$(<$dm/ro)\"
            for slave in $dm/slaves/*; do sed -n 's/^PARTNAME=//p' $slave/uevent; done | sort
        done; findmnt -nro FSTYPE /",
    )?;
    let slot = slot.name();
    let expected = format!("root read-only=1\nroot-{slot}\nroot-{slot}-verity\nerofs");
    bench.same("root", root.text(), expected);
    let write = boot.run("touch /usr/written 2>&1 && echo written")?;
    bench.contains("write to /usr", write.output, "read-only file system");
    Ok(())
}

/// Prints what must be the same after the next start.
pub const MARKS: &str = "cat /etc/machine-id /etc/mark /var/lib/mark /home/ada/mark";

/// /etc, /var and /home are on the state partition and can be written; leaves [`MARKS`].
pub fn writable_state(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let places = boot.run(
        "findmnt -nro FSTYPE --target /etc/machine-id
         findmnt -nro OPTIONS /etc | grep -o 'upperdir=[^,]*'
         for folder in /var /home /run/initramfs/state; do
            source=$(findmnt -nvro SOURCE $folder)
            echo \"$folder $(lsblk -nro PARTLABEL $source) $(findmnt -nro FSTYPE $folder)\"
         done",
    )?;
    let expected = "overlay\nupperdir=/run/initramfs/state/etc/upper\n/var state ext4\n/home state ext4\n/run/initramfs/state state ext4";
    bench.same("mounts", places.text(), expected);
    let written = boot.run(&format!(
        "echo kept-etc >/etc/mark && echo kept-var >/var/lib/mark && runuser -u {USER} -- sh -c 'echo kept-home >/home/{USER}/mark' && sync && echo written"
    ))?;
    bench.same("files written to /etc, /var and /home", written.text(), "written");
    Ok(())
}

/// Host name, user and machine id are set.
pub fn identity(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let name = boot.run("hostname; cat /etc/hostname")?;
    bench.same("host name", name.text(), format!("{HOSTNAME}\n{HOSTNAME}"));
    let user = boot.run(&format!(
        "id -un {USER}; id -Gn {USER} | tr ' ' '\\n' | grep -x sudo; getent passwd {USER} | cut -d: -f6; stat -c %U /home/{USER}"
    ))?;
    bench.same("user", user.text(), format!("{USER}\nsudo\n/home/{USER}\n{USER}"));
    let id = boot.run("cat /etc/machine-id; grep -xEc '[0-9a-f]{32}' /etc/machine-id")?;
    bench.check(
        "machine id",
        id.output.lines().last() == Some("1"),
        id.text(),
        "32 hexadecimal digits",
    );
    Ok(())
}

/// Neither an SSH server nor the installer runs.
pub fn quiet(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let ssh = boot.run("systemctl is-active ssh.service ssh.socket; exec 9<>/dev/tcp/127.0.0.1/22")?;
    let inactive = ssh.output.starts_with("inactive\ninactive\n") && ssh.output.contains("refused");
    bench.check("SSH server", inactive, ssh.text(), "inactive, and port 22 closed");
    let units = boot.run(
        "systemctl list-units --all --plain --no-legend --full 'sigmavault-inst*' 'sigmavault-unatt*' | cut -d' ' -f1 |
         while read -r unit; do echo \"$unit $(systemctl show -P ExecMainStartTimestampMonotonic $unit)\"; done | grep -v ' 0$'",
    )?;
    bench.same("installer's units that ran", units.output, "");
    Ok(())
}

/// This slot runs, by `sigmavault slots`; returns all that it says, such as why the other slot was given up.
pub fn slot(bench: &mut Bench<'_>, boot: &mut Boot<'_>, expected: Slot) -> Result<Slots, Error> {
    let slots: Slots = json(boot, "sigmavault slots --json")?;
    bench.equal("running slot", &slots.running, &Some(expected));
    Ok(slots)
}

/// What a command in the guest prints as JSON.
pub fn json<T: DeserializeOwned>(boot: &mut Boot<'_>, command: &'static str) -> Result<T, Error> {
    let text = boot.run(command)?.output;
    serde_json::from_str(&text).map_err(|source| Error::NotJson {
        command,
        text,
        source,
    })
}

/// The administrator logs in on the serial console.
pub fn login(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    // A fresh prompt, whatever was typed or printed before.
    let before = boot.line_count();
    boot.type_on_serial("\r")?;
    boot.wait_for_line_after(before, "login:", LOGIN_LIMIT)?;
    boot.type_on_serial(&format!("{USER}\r"))?;
    boot.wait_for_line_after(before, "assword:", LOGIN_LIMIT)?;
    boot.type_on_serial(&format!("{PASSWORD}\r"))?;
    std::thread::sleep(Duration::from_secs(3));
    // The echo of what is typed is not what it prints.
    boot.type_on_serial("echo logged-in-as-$(id -un)-$((6 * 7))\r")?;
    let wanted = format!("logged-in-as-{USER}-42");
    let shown = boot.wait_for_line_after(before, &wanted, LOGIN_LIMIT);
    let seen = shown.unwrap_or_else(|error| error.to_string());
    bench.contains("login on the serial console", seen, &wanted);
    Ok(boot.type_on_serial("exit\r")?)
}
