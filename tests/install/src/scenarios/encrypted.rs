//! An encrypted state partition, opened by passphrase, by recovery key and by the TPM.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use sigmavault_vm::{Boot, Bus, Halt, Image, Rig, Share, Tpm};

use crate::answers::{Action, Answers, PASSPHRASE, PIN};
use crate::bench::{BOOT_LIMIT, Bench, INSTALL_LIMIT, Installed, installed};
use crate::disk::SYSTEM;
use crate::error::Error;
use crate::installer::Report;
use crate::scenarios::checks;

/// A word that every prompt for the passphrase contains.
const PROMPT: &str = "passphrase";
/// What is said of a TPM that takes no more PINs.
const LOCKED: &str = "too many wrong PINs";
/// What is said of a TPM that does not know the key.
const CHANGED: &str = "cleared or exchanged";
/// More wrong PINs than the TPM of a test takes.
const MOST_PINS: u32 = 8;
/// First bytes of a LUKS header.
const LUKS: [u8; 6] = *b"LUKS\xba\xbe";
/// Longest the check of a key may take: its derivation is slow on purpose.
pub(super) const KEY_LIMIT: Duration = Duration::from_mins(3);

/// Label of the stick with the answers, and its serial number.
pub(super) const STICK: &str = "SVANSWERS";
/// Its bytes.
const STICK_BYTES: u64 = 64 << 20;
/// The file with the recovery key of the system disk.
const KEY_FILE: &str = "::/recovery-key-SV-SYSTEM.txt";

/// By passphrase and by recovery key, typed on the serial console.
pub fn luks(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.empty_machine()?;
    let answers = Answers::erase(SYSTEM)
        .encrypted()
        .with_recovery_key()
        .then(Action::Poweroff);
    let (report, console, key) = install(bench, &answers, &machine.rig())?;
    encrypted(bench, &machine)?;
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

/// Installs by answers on a stick: the report, what the console showed, and the recovery key.
fn install(bench: &mut Bench<'_>, answers: &Answers, rig: &Rig) -> Result<(Report, String, String), Error> {
    let stick = stick_with(bench, answers)?;
    let rig = rig.clone().drive(&stick, STICK, Bus::Usb).iso(&bench.lab.iso);
    let mut boot = bench.boot("install", &rig)?;
    let report = installed(bench.installers_report(&mut boot)?)?;
    boot.wait_for_end(Halt::PoweredOff, INSTALL_LIMIT)?;
    let console = boot.session().transcript().lines().join("\n");
    drop(boot);
    let key = key_on(bench, &stick)?;
    Ok((report, console, key))
}

/// A FAT stick that holds these answers.
pub(super) fn stick_with(bench: &mut Bench<'_>, answers: &Answers) -> Result<Image, Error> {
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

/// The sheet that the installer left on a stick.
pub(super) fn sheet_on(bench: &Bench<'_>, stick: &Image) -> Result<String, Error> {
    let arguments = [OsStr::new("-i"), stick.path.as_os_str(), OsStr::new(KEY_FILE)];
    let text = bench
        .lab
        .tools
        .read("mtype", &[Share::Read(&stick.path)], &arguments)?;
    Ok(text)
}

/// The recovery key that the installer left on a stick.
fn key_on(bench: &Bench<'_>, stick: &Image) -> Result<String, Error> {
    let text = sheet_on(bench, stick)?;
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
pub(super) fn last_prompt(boot: &Boot<'_>) -> String {
    last(boot, is_prompt)
}

/// The last such line.
fn last(boot: &Boot<'_>, is_meant: impl Fn(&str) -> bool) -> String {
    let transcript = boot.session().transcript();
    let unfinished = transcript.unfinished();
    let mut lines = transcript.lines().iter().chain([&unfinished]).rev();
    lines.find(|line| is_meant(line)).cloned().unwrap_or_default()
}

/// By the TPM of the machine and a PIN; without them when the TPM takes no more PINs, or was cleared.
pub fn tpm(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.empty_machine()?;
    let with_tpm = |tpm: &Tpm| Rig {
        tpm: Some(tpm.socket.clone()),
        ..machine.rig()
    };
    let answers = Answers::erase(SYSTEM)
        .encrypted()
        .with_pin()
        .with_recovery_key()
        .then(Action::Poweroff);
    let folder = bench.path("tpm");
    let device = Tpm::start(&bench.lab.tools, &folder)?;
    let (_, console, key) = install(bench, &answers, &with_tpm(&device))?;
    bench.check(
        "PIN on the console",
        !console.contains(PIN),
        "",
        "the console does not show it",
    );
    drop(device);
    encrypted(bench, &machine)?;

    let device = Tpm::start(&bench.lab.tools, &folder)?;
    let mut boot = bench.boot("with the TPM", &with_tpm(&device))?;
    let asked = ask_for(&mut boot, 0, "the PIN prompt", is_pin_prompt)?;
    boot.type_on_serial("314159\r")?;
    ask_for(&mut boot, asked, "the PIN prompt", is_pin_prompt)?;
    bench.contains(
        "prompt after a wrong PIN",
        last(&boot, is_pin_prompt),
        "that was wrong",
    );
    boot.type_on_serial(&format!("{PIN}\r"))?;
    bench.settle("with the TPM", &mut boot, KEY_LIMIT + BOOT_LIMIT)?;
    opened(bench, &mut boot)?;
    checks::healthy(bench, &mut boot)?;
    boot.power_off()?;
    drop(device);

    // Some TPMs take a few wrong PINs, some take more.
    let device = Tpm::start(&bench.lab.tools, &folder)?;
    let mut boot = bench.boot("locked TPM", &with_tpm(&device))?;
    let mut asked = ask_for(&mut boot, 0, "the PIN prompt", is_pin_prompt)?;
    for _ in 0..MOST_PINS {
        if !last(&boot, |line| line.contains(LOCKED)).is_empty() {
            break;
        }
        boot.type_on_serial("314159\r")?;
        asked = ask_for(&mut boot, asked, "the next prompt", |line| {
            is_pin_prompt(line) || is_prompt(line)
        })?;
    }
    bench.contains(
        "what is said of the TPM",
        last(&boot, |line| line.contains(LOCKED)),
        LOCKED,
    );
    boot.type_on_serial(&format!("{PASSPHRASE}\r"))?;
    bench.settle("locked TPM", &mut boot, KEY_LIMIT + BOOT_LIMIT)?;
    opened(bench, &mut boot)?;
    boot.power_off()?;
    drop(device);

    let cleared = bench.path("cleared-tpm");
    let device = Tpm::start(&bench.lab.tools, &cleared)?;
    let mut boot = bench.boot("cleared TPM", &with_tpm(&device))?;
    let asked = ask_for(&mut boot, 0, "the PIN prompt", is_pin_prompt)?;
    boot.type_on_serial(&format!("{PIN}\r"))?;
    ask_for(&mut boot, asked, "the passphrase prompt", is_prompt)?;
    bench.contains(
        "what is said of the TPM",
        last(&boot, |line| line.contains(CHANGED)),
        CHANGED,
    );
    boot.type_on_serial(&format!("{key}\r"))?;
    bench.settle("cleared TPM", &mut boot, KEY_LIMIT + BOOT_LIMIT)?;
    opened(bench, &mut boot)?;
    Ok(boot.power_off()?)
}

/// Waits for the prompt for the passphrase after the first `skip` lines; returns how many lines there are then.
pub(super) fn ask(boot: &mut Boot<'_>, skip: usize) -> Result<usize, Error> {
    ask_for(boot, skip, "the passphrase prompt", is_prompt)
}

/// Waits for a prompt after the first `skip` lines; returns how many lines there are then.
fn ask_for(
    boot: &mut Boot<'_>,
    skip: usize,
    what: &str,
    is_meant: impl Fn(&str) -> bool,
) -> Result<usize, Error> {
    boot.wait(what, KEY_LIMIT + BOOT_LIMIT, |session| {
        let transcript = session.transcript();
        let unfinished = transcript.unfinished();
        let mut lines = transcript.lines().iter().chain([&unfinished]).skip(skip);
        lines.any(|line| is_meant(line))
    })?;
    // The terminal is set up for input just after the prompt.
    std::thread::sleep(Duration::from_secs(2));
    boot.look()?;
    Ok(boot.line_count() + 1)
}

fn is_pin_prompt(line: &str) -> bool {
    line.to_lowercase().contains("enter the pin")
}

fn is_prompt(line: &str) -> bool {
    let line = line.to_lowercase();
    !is_pin_prompt(&line) && line.contains(PROMPT) && (line.contains("enter") || line.ends_with(':'))
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
            (
                "That was wrong. Enter the PIN of this system, or nothing to enter the passphrase (keyboard: us):",
                false,
            ),
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
