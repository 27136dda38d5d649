//! An encrypted state partition, opened by passphrase, by recovery key and by the TPM.

use std::time::Duration;

use sigmavault_vm::{Boot, Halt, Rig, Tpm};

use crate::answers::{Action, Answers, PASSPHRASE};
use crate::bench::{BOOT_LIMIT, Bench, INSTALL_LIMIT, Installed, installed};
use crate::disk::SYSTEM;
use crate::error::Error;
use crate::scenarios::checks;

/// A word that every prompt for the passphrase contains.
const PROMPT: &str = "passphrase";
/// First bytes of a LUKS header.
const LUKS: [u8; 6] = *b"LUKS\xba\xbe";
/// Longest the check of a key may take: its derivation is slow on purpose.
const KEY_LIMIT: Duration = Duration::from_mins(3);

/// By passphrase and by recovery key, typed on the serial console.
pub fn luks(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.empty_machine()?;
    let answers = Answers::erase(SYSTEM).encrypted(false);
    let report = bench.install_and_power_off("install", &machine.rig(), &answers)?;
    encrypted(bench, &machine)?;
    let key = report.recovery_key.unwrap_or_default();
    bench.check(
        "recovery key in the report",
        key.len() >= 40,
        format!("{} characters", key.len()),
        "40 or more",
    );

    let mut boot = bench.boot("passphrase", &machine.rig())?;
    let asked = ask(&mut boot, 0)?;
    boot.type_on_serial("something else\r")?;
    ask(&mut boot, asked)?;
    boot.type_on_serial(&format!("{PASSPHRASE}\r"))?;
    bench.settle("passphrase", &mut boot, KEY_LIMIT + BOOT_LIMIT)?;
    opened(bench, &mut boot)?;
    checks::healthy(bench, &mut boot)?;
    checks::identity(bench, &mut boot)?;
    let marks = boot.run(&format!(
        "echo a >/etc/mark; echo b >/var/lib/mark; echo c >/home/ada/mark; {}",
        checks::MARKS
    ))?;
    boot.power_off()?;

    let mut boot = bench.boot("recovery key", &machine.rig())?;
    ask(&mut boot, 0)?;
    boot.type_on_serial(&format!("{key}\r"))?;
    bench.settle("recovery key", &mut boot, KEY_LIMIT + BOOT_LIMIT)?;
    let kept = boot.run(checks::MARKS)?.text();
    bench.same("files after a restart", kept, marks.text());
    Ok(boot.power_off()?)
}

/// By the TPM of the machine; by the passphrase when the TPM is gone.
pub fn tpm(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.empty_machine()?;
    let folder = bench.path("tpm");
    let with_tpm = |tpm: &Tpm| Rig {
        tpm: Some(tpm.socket.clone()),
        ..machine.rig()
    };
    let answers = Answers::erase(SYSTEM).encrypted(true).then(Action::Poweroff);
    let device = Tpm::start(&bench.lab.tools, &folder)?;
    let (report, mut boot) = bench.install("install", &with_tpm(&device), &answers)?;
    installed(report)?;
    boot.wait_for_end(Halt::PoweredOff, INSTALL_LIMIT)?;
    drop((boot, device));
    encrypted(bench, &machine)?;

    let device = Tpm::start(&bench.lab.tools, &folder)?;
    let mut boot = bench.start("with the TPM", &with_tpm(&device))?;
    let lines = boot.session().transcript().lines().join("\n").to_lowercase();
    bench.check(
        "no passphrase prompt",
        !lines.contains(PROMPT),
        "",
        "the console does not mention a passphrase",
    );
    opened(bench, &mut boot)?;
    checks::healthy(bench, &mut boot)?;
    boot.power_off()?;
    drop(device);

    let mut boot = bench.boot("without the TPM", &machine.rig())?;
    ask(&mut boot, 0)?;
    boot.type_on_serial(&format!("{PASSPHRASE}\r"))?;
    bench.settle("without the TPM", &mut boot, KEY_LIMIT + BOOT_LIMIT)?;
    opened(bench, &mut boot)?;
    Ok(boot.power_off()?)
}

/// Waits for a prompt after the first `skip` lines; returns how many lines there are then.
fn ask(boot: &mut Boot<'_>, skip: usize) -> Result<usize, Error> {
    boot.wait("the passphrase prompt", KEY_LIMIT + BOOT_LIMIT, |session| {
        let transcript = session.transcript();
        let unfinished = transcript.unfinished();
        let mut lines = transcript.lines().iter().chain([&unfinished]).skip(skip);
        lines.any(|line| is_prompt(line))
    })?;
    // The terminal is set up for input just after the prompt.
    std::thread::sleep(Duration::from_secs(2));
    boot.look()?;
    Ok(boot.line_count() + 1)
}

fn is_prompt(line: &str) -> bool {
    let line = line.to_lowercase();
    line.contains(PROMPT) && (line.contains("enter") || line.ends_with(':'))
}

/// The state partition starts with a LUKS header.
fn encrypted(bench: &mut Bench<'_>, machine: &Installed) -> Result<(), Error> {
    let state = machine.partition("state")?;
    let mut start = [0; 6];
    machine.system.read_at(state.offset, &mut start)?;
    bench.same(
        "first bytes of the state partition",
        format!("{start:02x?}"),
        format!("{LUKS:02x?}"),
    );
    Ok(())
}

/// /var is on the opened state partition.
fn opened(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let places = boot.run(
        "source=$(findmnt -nvro SOURCE /var); lsblk -snro TYPE,PARTLABEL $source | head -n 2 | tr -s ' ' | sed 's/ $//'",
    )?;
    bench.same("/var", places.text(), "crypt\npart state");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts() {
        for (line, expected) in [
            (
                "\u{1f510} Please enter passphrase for disk state: (press TAB for no echo)",
                true,
            ),
            ("Passphrase:", true),
            ("Please enter LUKS passphrase:", true),
            ("systemd[1]: Started Forward Password Requests", false),
            (
                "the passphrase or the recovery key; the machine asks again",
                false,
            ),
        ] {
            assert_eq!(is_prompt(line), expected, "{line}");
        }
    }
}
