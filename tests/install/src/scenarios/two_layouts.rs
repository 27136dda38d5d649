//! A keyboard without Latin letters: a second layout gives them, from the prompt for the passphrase on.

use std::time::Duration;

use sigmavault_vm::Boot;

use crate::answers::{Answers, PASSPHRASE, PASSWORD, USER};
use crate::bench::{BOOT_LIMIT, Bench};
use crate::disk::SYSTEM;
use crate::error::Error;
use crate::scenarios::checks;
use crate::scenarios::encrypted::{KEY_LIMIT, ask, last_prompt, opened};

/// The keys that switch between the layouts.
const SWITCH: [&str; 2] = ["alt", "shift"];
/// Longest a command that was typed on the console may take.
const COMMAND_LIMIT: Duration = Duration::from_mins(1);

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.empty_machine()?;
    let answers = Answers::erase(SYSTEM).typed("ru", PASSPHRASE);
    bench.install_and_power_off("install", &machine.rig(), &answers)?;

    let mut boot = bench.boot("Russian keyboard", &machine.rig())?;
    let asked = ask(&mut boot, 0)?;
    let prompt = "keyboard: us; alt+shift switches to ru)";
    bench.contains("layouts in the prompt", last_prompt(&boot).to_lowercase(), prompt);
    // The other layout gives other letters.
    boot.press(&SWITCH)?;
    boot.type_text(&format!("{PASSPHRASE}\n"))?;
    ask(&mut boot, asked)?;
    bench.contains(
        "prompt after a wrong try",
        last_prompt(&boot).to_lowercase(),
        "that was wrong",
    );
    boot.press(&SWITCH)?;
    boot.type_text(&format!("{PASSPHRASE}\n"))?;
    bench.settle("Russian keyboard", &mut boot, KEY_LIMIT + BOOT_LIMIT)?;
    opened(bench, &mut boot)?;
    checks::healthy(bench, &mut boot)?;
    settings(bench, &mut boot)?;
    console(bench, &mut boot)?;
    Ok(boot.power_off()?)
}

/// What the console and GNOME read. GNOME asks systemd-localed, and makes an input source of each layout.
fn settings(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let file = boot.run("grep -E 'LAYOUT|VARIANT|OPTIONS' /etc/default/keyboard")?;
    let expected = "XKBLAYOUT=\"us,ru\"\nXKBVARIANT=\",\"\nXKBOPTIONS=\"grp:alt_shift_toggle\"";
    bench.same("/etc/default/keyboard", file.text(), expected);
    let localed = boot.run(
        "for name in X11Layout X11Variant X11Options; do
            busctl get-property org.freedesktop.locale1 /org/freedesktop/locale1 org.freedesktop.locale1 $name
        done",
    )?;
    bench.same(
        "what systemd-localed says",
        localed.text(),
        "s \"us,ru\"\ns \",\"\ns \"grp:alt_shift_toggle\"",
    );
    Ok(())
}

/// A user name, a password and commands are typed on the first console; Alt+Shift gives Russian letters.
fn console(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let login = boot.run("for i in $(seq 60); do pgrep -t tty1 -x agetty && break; sleep 1; done")?;
    bench.check(
        "login on the console",
        !login.text().is_empty(),
        login.text(),
        "agetty runs",
    );
    boot.type_text(&format!("{USER}\n"))?;
    std::thread::sleep(Duration::from_secs(10));
    boot.type_text(&format!("{PASSWORD}\n"))?;
    std::thread::sleep(Duration::from_secs(20));
    boot.type_text("touch latin\ntouch ")?;
    boot.press(&SWITCH)?;
    boot.type_text("q")?;
    boot.press(&SWITCH)?;
    boot.type_text("\ntouch typed\n")?;
    let found = boot.run_for(
        &format!("for i in $(seq 60); do [ -e /home/{USER}/typed ] && break; sleep 1; done; ls /home/{USER}"),
        COMMAND_LIMIT * 2,
    )?;
    bench.same("files that were made by typing", found.text(), "latin\ntyped\nй");
    Ok(())
}
