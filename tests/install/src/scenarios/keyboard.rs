//! The installer's screens on the first console, operated by keyboard.

use std::time::Duration;

use sigmavault_types::slots::Slot;
use sigmavault_vm::ocr::shows;
use sigmavault_vm::{Boot, Bus, GIB, Halt, Rig};

use crate::answers::{HOSTNAME, PASSWORD, USER};
use crate::bench::{Bench, INSTALL_LIMIT, Installed, TARGET_LIMIT};
use crate::disk::SYSTEM;
use crate::error::Error;
use crate::lab::LIVE_BOOT_LIMIT;
use crate::scenarios::checks;

/// Longest a screen may take to appear.
pub const SCREEN_LIMIT: Duration = Duration::from_mins(2);
/// Serial number of the disk that the system does not use.
const DATA: &str = "SV-DATA";
/// Backspaces that empty the field for the host name.
const ERASE: usize = 16;

/// The keys that switch between two layouts.
const SWITCH: [&str; 2] = ["alt", "shift"];

/// One input on a screen.
enum Stroke {
    /// Types a text.
    Text(&'static str),
    /// Empties a field.
    Clear,
    /// Enter: goes to the next field, or from the last one to the next screen.
    Enter,
}

/// A text on each screen up to the summary, and the input there. For an empty disk there is no question about old data.
const SCREENS: [(&str, &[Stroke]); 8] = [
    ("Language of the installed system", &[Stroke::Enter]),
    ("What is printed on the keys", &[]),
    ("Which city with the same time", &[Stroke::Enter]),
    ("Which disk shall the system", &[Stroke::Enter]),
    ("Shall settings, users", &[Stroke::Enter]),
    ("pool keeps the data of the NAS", &[Stroke::Enter]),
    (
        "How is this machine found",
        &[
            Stroke::Clear,
            Stroke::Text(HOSTNAME),
            Stroke::Enter,
            Stroke::Enter,
        ],
    ),
    (
        "Who administers this machine",
        &[
            Stroke::Text(USER),
            Stroke::Enter,
            Stroke::Enter,
            Stroke::Text(PASSWORD),
            Stroke::Enter,
            Stroke::Text(PASSWORD),
            Stroke::Enter,
            Stroke::Enter,
        ],
    ),
];

/// A machine that is asked every question: beside the empty system disk it has one for a pool.
pub fn machine(bench: &mut Bench<'_>) -> Result<(Installed, Rig), Error> {
    let machine = bench.empty_machine()?;
    let rig = machine.rig().drive(&bench.blank(GIB)?, DATA, Bus::Virtio);
    Ok((machine, rig))
}

/// Goes from the first screen to the summary; returns the summary as OCR reads it.
pub fn to_summary(bench: &Bench<'_>, boot: &mut Boot<'_>) -> Result<String, Error> {
    boot.wait_for_system(LIVE_BOOT_LIMIT)?;
    let mut limit = LIVE_BOOT_LIMIT;
    for (text, strokes) in SCREENS {
        boot.wait_for_screen(text, limit)?;
        bench.say(&format!("screen: {text}"));
        limit = SCREEN_LIMIT;
        if strokes.is_empty() {
            layouts(boot)?;
        }
        for stroke in strokes {
            match stroke {
                Stroke::Text(text) => boot.type_text(text)?,
                Stroke::Clear => (0..ERASE).try_for_each(|_| boot.press(&["backspace"]))?,
                Stroke::Enter => boot.press(&["ret"])?,
            }
        }
    }
    Ok(boot.wait_for_screen("This will be done", SCREEN_LIMIT)?)
}

/// Chooses the Russian layout, switches to it and leaves it so, then chooses the Albanian one and at last the US one: the
/// keys of the console must go on to give something. Goes on to the next screen.
fn layouts(boot: &mut Boot<'_>) -> Result<(), Error> {
    boot.type_text("russian\n")?;
    boot.wait_for_screen("Letters a-z", SCREEN_LIMIT)?;
    // To the line for trying keys, and back to the layouts.
    boot.press(&["tab"])?;
    boot.press(&SWITCH)?;
    // Behind the first layout, which is for people to define, comes the Albanian one.
    for key in ["tab", "esc", "home", "down", "ret"] {
        boot.press(&[key])?;
    }
    boot.wait_for_screen("Which city with the same time", SCREEN_LIMIT)?;
    boot.press(&["esc"])?;
    boot.wait_for_screen("What is printed on the keys", SCREEN_LIMIT)?;
    boot.type_text("english")?;
    boot.press(&["end"])?;
    Ok(boot.press(&["ret"])?)
}

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let (machine, rig) = machine(bench)?;
    let mut boot = bench.boot("keyboard", &rig.clone().iso(&bench.lab.iso))?;
    let summary = to_summary(bench, &mut boot)?;
    bench.check(
        "summary",
        shows(&summary, SYSTEM),
        summary,
        format!("names {SYSTEM}"),
    );
    boot.type_text(SYSTEM)?;
    boot.press(&["ret"])?;
    let done = boot.wait_for_screen("is installed on", INSTALL_LIMIT)?;
    let restart = "Restart into the installed system";
    bench.check("last screen", shows(&done, restart), done, restart);
    let untouched = boot.written()?.get(1).map_or(1, |drive| drive.operations);
    bench.same("writes to the other disk", untouched.to_string(), "0");
    boot.press(&["ret"])?;
    boot.wait_for_end(Halt::Reset, TARGET_LIMIT)?;
    drop(boot);

    let mut boot = bench.start("first start", &machine.rig())?;
    checks::healthy(bench, &mut boot)?;
    checks::verified_root(bench, &mut boot, Slot::A)?;
    checks::identity(bench, &mut boot)?;
    checks::quiet(bench, &mut boot)?;
    checks::login(bench, &mut boot)?;
    Ok(boot.power_off()?)
}
