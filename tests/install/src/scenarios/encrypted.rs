//! An encrypted state partition, opened by passphrase, by recovery key and by the TPM.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use sigmavault_vm::{Boot, Bus, Halt, Image, Rig, Share, Tpm};

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
pub const KEY_LIMIT: Duration = Duration::from_mins(3);

/// Label of the stick with the answers, and its serial number.
const STICK: &str = "SVANSWERS";
/// Its bytes.
const STICK_BYTES: u64 = 64 << 20;
/// The file with the recovery key of the system disk.
const KEY_FILE: &str = "::/recovery-key-SV-SYSTEM.txt";

/// By passphrase and by recovery key, typed on the serial console.
pub fn luks(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.empty_machine()?;
    let answers = Answers::erase(SYSTEM)
        .encrypted(false)
        .with_recovery_key()
        .then(Action::Poweroff);
    let stick = stick_with(bench, &answers)?;
    let rig = machine.rig().drive(&stick, STICK, Bus::Usb).iso(&bench.lab.iso);
    let mut boot = bench.boot("install", &rig)?;
    let report = installed(bench.installers_report(&mut boot)?)?;
    boot.wait_for_end(Halt::PoweredOff, INSTALL_LIMIT)?;
    let console = boot.session().transcript().lines().join("\n");
    drop(boot);
    encrypted(bench, &machine)?;
    let key = key_on(bench, &stick)?;
    bench.check(
        "recovery key on the stick",
        key.len() >= 40,
        format!("{} characters", key.len()),
        "40 or more",
    );
    bench.contains(
        "place of the recovery key in the report",
        report.recovery_key_kept.unwrap_or_default(),
        "recovery-key-SV-SYSTEM.txt on the answers' volume",
    );
    let begin = key.split('-').next().unwrap_or_default();
    bench.check(
        "recovery key on the console",
        !console.contains(begin),
        "",
        "the console does not show it",
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

/// A FAT stick that holds these answers.
fn stick_with(bench: &mut Bench<'_>, answers: &Answers) -> Result<Image, Error> {
    let file = bench.path("answers.toml");
    fs::write(&file, answers.text()?).map_err(Error::io("write", &file))?;
    let stick = bench.blank(STICK_BYTES)?;
    let run = |program, arguments: &[&str], files: &[&Path]| {
        let shares = [Share::Write(bench.folder())];
        let words = arguments.iter().map(OsStr::new);
        let words: Vec<&OsStr> = words.chain(files.iter().map(|file| file.as_os_str())).collect();
        bench.lab.tools.read(program, &shares, &words)
    };
    let root = Path::new("::");
    run("mformat", &["-F", "-v", STICK, "-i"], &[&stick.path, root])?;
    run("mcopy", &["-i"], &[&stick.path, &file, root])?;
    Ok(stick)
}

/// The recovery key that the installer left on a stick.
fn key_on(bench: &Bench<'_>, stick: &Image) -> Result<String, Error> {
    let arguments = [OsStr::new("-i"), stick.path.as_os_str(), OsStr::new(KEY_FILE)];
    let text = bench
        .lab
        .tools
        .read("mtype", &[Share::Read(&stick.path)], &arguments)?;
    let key = text.lines().find(|line| line.split('-').count() == 8);
    Ok(key.unwrap_or_default().trim().to_owned())
}

/// The passphrase as it is set, and the keys that type it on a German keyboard, by what they give on a US one.
const GERMAN: (&str, &str) = ("zany-yeti 9", "yanz/zeti 9");

/// By a passphrase that is typed on a keyboard of another layout.
pub fn keyboard(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.empty_machine()?;
    let (passphrase, keys) = GERMAN;
    let answers = Answers::erase(SYSTEM).typed("de", passphrase);
    bench.install_and_power_off("install", &machine.rig(), &answers)?;

    let mut boot = bench.boot("German keyboard", &machine.rig())?;
    let asked = ask(&mut boot, 0)?;
    bench.contains("layout in the prompt", last_prompt(&boot), "keyboard: de)");
    // What a US keyboard would have to be given is wrong here.
    boot.type_text(&format!("{passphrase}\n"))?;
    ask(&mut boot, asked)?;
    bench.contains("prompt after a wrong try", last_prompt(&boot), "that was wrong");
    boot.type_text(&format!("{keys}\n"))?;
    bench.settle("German keyboard", &mut boot, KEY_LIMIT + BOOT_LIMIT)?;
    opened(bench, &mut boot)?;
    checks::healthy(bench, &mut boot)?;
    Ok(boot.power_off()?)
}

/// The last line that asks for the passphrase.
pub fn last_prompt(boot: &Boot<'_>) -> String {
    let transcript = boot.session().transcript();
    let unfinished = transcript.unfinished();
    let mut lines = transcript.lines().iter().chain([&unfinished]).rev();
    lines.find(|line| is_prompt(line)).cloned().unwrap_or_default()
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
pub fn ask(boot: &mut Boot<'_>, skip: usize) -> Result<usize, Error> {
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
pub fn opened(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
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
