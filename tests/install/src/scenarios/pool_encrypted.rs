//! An encrypted data pool: its key is on the encrypted state partition and on the recovery sheet.

use sigmavault_vm::{Boot, Bus, GIB, Halt, Image, Rig};

use super::encrypted::{KEY_LIMIT, STICK, ask, sheet_on, stick_with};
use super::pool::{MARKER, POOL, write_marker};
use crate::answers::{Action, Answers, HOSTNAME, PASSPHRASE, Pool};
use crate::bench::{BOOT_LIMIT, Bench, INSTALL_LIMIT, installed};
use crate::disk::{self, SYSTEM};
use crate::error::Error;
use crate::lab::LIVE_BOOT_LIMIT;
use crate::scenarios::checks;

/// Serial numbers of the data disks.
const DISKS: [&str; 2] = ["SV-DATA-1", "SV-DATA-2"];
/// Size of each.
const BYTES: u64 = GIB;
/// The key on the installed system.
const KEY: &str = "/etc/sigmavault/keys/tank.key";
/// How the pool is encrypted, where its key is, and whether it is loaded and the pool mounted.
const STATE: &str = "for property in encryption keyformat keylocation keystatus mounted; do zfs get -H -o value $property tank; done";

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.empty_machine()?;
    let answers = Answers {
        pool: Some(Pool {
            name: POOL.to_owned(),
            ..Pool::default()
        }),
        ..Answers::erase(SYSTEM)
            .encrypted()
            .with_recovery_key()
            .then(Action::Poweroff)
    };
    let stick = stick_with(bench, &answers)?;
    let data = [bench.blank(BYTES)?, bench.blank(BYTES)?];
    let with_data = |rig: Rig| {
        let disks = data.iter().zip(DISKS);
        disks.fold(rig, |rig, (image, serial)| rig.drive(image, serial, Bus::Virtio))
    };
    let rig = with_data(machine.rig());

    let installing = rig.clone().drive(&stick, STICK, Bus::Usb).iso(&bench.lab.iso);
    let mut boot = bench.boot("install", &installing)?;
    installed(bench.installers_report(&mut boot)?)?;
    boot.wait_for_end(Halt::PoweredOff, INSTALL_LIMIT)?;
    drop(boot);
    let sheet = sheet_on(bench, &stick)?;

    let mut boot = unlocked(bench, "first start", &rig)?;
    checks::healthy(bench, &mut boot)?;
    open(bench, &mut boot)?;
    let write = format!(
        "{} && echo written",
        write_marker(&format!("/srv/sigmavault/{POOL}"))
    );
    bench.same("file written", boot.run(&write)?.text(), "written");
    without_key(bench, &mut boot)?;
    let reset =
        format!("sigmavault factory-reset configuration --confirm {HOSTNAME} --no-reboot && echo asked");
    bench.contains("reset", boot.run(&reset)?.output, "asked");
    boot.power_off()?;

    let mut boot = unlocked(bench, "after a reset of the configuration", &rig)?;
    checks::healthy(bench, &mut boot)?;
    open(bench, &mut boot)?;
    marker(bench, &mut boot)?;
    boot.power_off()?;

    let found = data
        .iter()
        .map(|image| disk::holds(&image.path, MARKER.as_bytes()));
    let found: Vec<bool> = found.collect::<Result<_, Error>>()?;
    bench.equal("text on the disks of the pool", &found, &vec![false, false]);
    by_sheet(bench, &with_data, &stick, &sheet)
}

/// Starts the machine and types the passphrase.
fn unlocked<'a>(bench: &mut Bench<'a>, name: &str, rig: &Rig) -> Result<Boot<'a>, Error> {
    let mut boot = bench.boot(name, rig)?;
    ask(&mut boot, 0)?;
    boot.type_on_serial(&format!("{PASSPHRASE}\r"))?;
    bench.settle(name, &mut boot, KEY_LIMIT + BOOT_LIMIT)?;
    Ok(boot)
}

/// The pool is encrypted, unlocked and mounted, by a key that only root reads.
fn open(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let expected = format!("aes-256-gcm\nhex\nfile://{KEY}\navailable\nyes");
    bench.same("pool", boot.run(STATE)?.text(), expected);
    let key = boot.run(&format!(
        "stat -c '%a %U %s' {KEY}; stat -c '%a %U' $(dirname {KEY})"
    ))?;
    bench.same(
        "file of the key, and its folder",
        key.text(),
        "400 root 64\n700 root",
    );
    Ok(())
}

/// Without its key the pool is seen to be locked, and comes back with it.
fn without_key(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let missing = boot.run(&format!(
        "printf 'patience-seconds = 1\\n' >/etc/sigmavault/boot-check.toml
         mv {KEY} /root/ && zfs unmount {POOL} && zfs unload-key {POOL}
         systemctl restart sigmavault-pool-keys.service; sigmavault status; sigmavault boot-check 2>&1"
    ))?;
    let reason = format!("pool {POOL} is locked: its key {KEY} is missing");
    bench.contains("health check without the key", &missing.output, &reason);
    let unit = "sigmavault-pool-keys.service  Unlock the Encrypted Data Pools";
    bench.contains("status without the key", &missing.output, unit);
    let back = boot.run(&format!(
        "mv /root/{POOL}.key {KEY} && systemctl restart sigmavault-pool-keys.service && zfs mount -a && sigmavault boot-check"
    ))?;
    bench.contains("health check with the key again", back.output, "is good");
    marker(bench, boot)
}

/// The text is in its file.
fn marker(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let read = boot.run(&format!("grep -a -m 1 {MARKER} /srv/sigmavault/{POOL}/marker"))?;
    bench.same("file in the pool", read.text(), MARKER);
    Ok(())
}

/// The system disk is lost: a live system opens the pool with what the sheet says, by its commands.
fn by_sheet(
    bench: &mut Bench<'_>,
    with_data: &dyn Fn(Rig) -> Rig,
    stick: &Image,
    sheet: &str,
) -> Result<(), Error> {
    let rig = with_data(Rig::new(bench.path("other.vars")));
    let rig = rig.drive(stick, STICK, Bus::Usb).iso(&bench.lab.iso);
    let mut boot = bench.boot("without the system disk", &rig)?;
    boot.wait_for_system(LIVE_BOOT_LIMIT)?;
    bench.installers_report(&mut boot)?;
    let command = |begin: &str| {
        let mut lines = sheet.lines().map(str::trim);
        let found = lines.find(|line| line.starts_with(begin)).unwrap_or("false");
        found.replace("SHEET", "/mnt/recovery-key-SV-SYSTEM.txt")
    };
    let digits: String = typed(sheet);
    let script = format!(
        "mount -o ro /dev/disk/by-label/{STICK} /mnt
         {import} && echo locked: $(zfs get -H -o value keystatus {POOL})
         printf {digits} | {prompt} && echo typed: $(zfs get -H -o value keystatus {POOL})
         zfs unload-key {POOL} && {copy} && {load} && {mount} && echo mounted: $(zfs get -H -o value mounted {POOL})
         umount /mnt",
        import = command("zpool import"),
        prompt = command("zfs load-key -L prompt"),
        copy = command("grep"),
        load = command("zfs load-key -L file"),
        mount = command("zfs mount"),
    );
    let done = boot.run(&script)?;
    for expected in ["locked: unavailable", "typed: available", "mounted: yes"] {
        bench.contains("by the commands of the sheet", &done.output, expected);
    }
    marker(bench, &mut boot)?;
    boot.run(&format!("zpool export {POOL}"))?;
    Ok(boot.power_off()?)
}

/// The digits of the key, from the lines that are meant to be typed.
fn typed(sheet: &str) -> String {
    let groups = |line: &str| {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let hexadecimal =
            |word: &String| word.len() == 4 && word.bytes().all(|digit| digit.is_ascii_hexdigit());
        (words.len() == 5 && words.iter().all(hexadecimal)).then(|| words[..4].concat())
    };
    sheet.lines().filter_map(groups).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_a_sheet() {
        let sheet = "Key\n\n0001020304050607\n\n  0001 0203 0405 0607   5e9b\n  0809 0a0b 0c0d 0e0f   b14b\n\nSome more text here too\n";
        assert_eq!(typed(sheet), "000102030405060708090a0b0c0d0e0f");
    }
}
