//! `sigmavault-installer`: installs SigmaVault NAS OS from its live medium onto a disk.

mod cli;
mod host;

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::{CommandFactory as _, Parser as _};
use serde_json::json;
use sigmavault_facts::terminal::{Printable, printable_json, printable_lines};
use sigmavault_host::run::Local;
use sigmavault_installer::answers::{self, Action, Answers, Keyboard, Mode};
use sigmavault_installer::demo::{self, Demo, Scenario};
use sigmavault_installer::execute::Execute;
use sigmavault_installer::execute::real::Real;
use sigmavault_installer::inventory;
use sigmavault_installer::keyboard::KnownLetters;
use sigmavault_installer::lock::{self, Locked};
use sigmavault_installer::machine::Machine;
use sigmavault_installer::once::{Fingerprint, Given, Order};
use sigmavault_installer::plan::{self, Confirmation, Refusal};
use sigmavault_installer::recovery::{Keeper, live};
use sigmavault_installer::report::{Report, Verdict};
use sigmavault_installer::site::Site;
use sigmavault_installer::sources::{self, Found, Medium};
use sigmavault_installer::ui::{self, App, Look};
use sigmavault_installer::{plain, show, unattended};

use cli::{Arguments, Demonstration};

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sigmavault-installer: {}", printable_lines(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

/// Reads this machine.
fn read_machine() -> anyhow::Result<Machine> {
    Ok(inventory::read(&Site::this_machine())?)
}

/// Answers found on this machine, and where they were.
fn left_answers(machine: Option<&Machine>) -> anyhow::Result<Option<Found>> {
    // A machine that cannot be read matters only if there are answers.
    let medium = machine.map(Medium::of).unwrap_or_default();
    Ok(sources::find(
        &sources::volume::Live(Site::this_machine()),
        &medium,
    )?)
}

/// Where the installer works.
#[derive(Debug, Clone, Copy)]
enum World {
    /// On a simulated machine.
    Demo(Scenario, Duration),
    /// On this machine, started from a live medium, as root.
    Live,
}

impl World {
    /// The demonstration, or this machine when disks may be written here.
    fn of(arguments: &Arguments) -> anyhow::Result<Self> {
        if let Some(Demonstration::Scenario(scenario)) = arguments.demo {
            return Ok(Self::Demo(
                scenario,
                Duration::from_millis(arguments.demo_milliseconds.into()),
            ));
        }
        if !host::is_live() {
            bail!(
                "this machine was not started from an installation medium, and the installer writes to disks only there\n  \
                 try: start it from the SigmaVault stick or CD; --demo shows the installer anywhere"
            );
        }
        if !host::is_root() {
            bail!("only root may write to disks\n  try: sudo sigmavault-installer");
        }
        Ok(Self::Live)
    }

    fn machine(self) -> anyhow::Result<Machine> {
        match self {
            Self::Demo(scenario, _) => Ok(scenario.machine()),
            Self::Live => read_machine(),
        }
    }

    fn execute(self) -> Arc<dyn Execute> {
        match self {
            Self::Demo(scenario, takes) => Arc::new(Demo::new(scenario, takes)),
            Self::Live => Arc::new(Locked::new(
                Arc::new(Real(Site::this_machine())),
                Path::new(lock::PATH),
            )),
        }
    }

    /// Where the recovery key goes when a person names the answers: to the terminal, if the person sees it.
    fn keeper_for_a_person(self) -> Box<dyn Keeper> {
        match self {
            Self::Demo(..) => Box::new(live::Demonstration),
            Self::Live if io::stdout().is_terminal() => Box::new(live::OnTerminal),
            Self::Live => Box::new(live::Left::new(None)),
        }
    }

    /// Which letters a keyboard gives.
    fn letters(self, keyboard: &Keyboard) -> KnownLetters {
        match self {
            Self::Demo(..) => demo::letters(keyboard),
            Self::Live => {
                let mut letters = KnownLetters::default();
                letters.learn(&Local, keyboard);
                letters
            }
        }
    }

    /// Sets the console's keys; the letters that they give.
    fn keyboard(self, keyboard: &Keyboard) -> KnownLetters {
        let letters = self.letters(keyboard);
        match self {
            Self::Demo(..) => {}
            Self::Live => host::keyboard(&letters.completed(keyboard)),
        }
        letters
    }

    /// The machine, with the letters of the keyboard in these answers.
    fn machine_for(self, answers: &Answers) -> anyhow::Result<Machine> {
        let mut machine = self.machine()?;
        machine.letters.add(self.letters(&answers.keyboard));
        Ok(machine)
    }

    fn log(self, line: &str) {
        match self {
            Self::Demo(..) => {}
            Self::Live => host::log(line),
        }
    }

    /// How the installation by answers ended that came before this.
    fn ending(self) -> Option<String> {
        match self {
            Self::Demo(..) => None,
            Self::Live => host::take_ending(),
        }
    }

    fn finish(self, action: Action) -> anyhow::Result<()> {
        match self {
            Self::Demo(..) => host::say_finish(action),
            Self::Live => host::finish(action).context("cannot restart or switch off")?,
        }
        Ok(())
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(shell) = arguments.completions {
        let mut out = Vec::new();
        clap_complete::generate(shell, &mut Arguments::command(), "sigmavault-installer", &mut out);
        return print(&out);
    }
    if let Some(folder) = &arguments.man {
        return manual(folder);
    }
    if arguments.demo == Some(Demonstration::List) {
        return print(Scenario::list().as_bytes());
    }
    if arguments.print_schema {
        let schema = serde_json::to_string_pretty(&answers::schema())?;
        return print(format!("{schema}\n").as_bytes());
    }
    if arguments.print_machine {
        let machine = serde_json::to_string_pretty(&World::of(arguments)?.machine()?)?;
        return print(format!("{machine}\n").as_bytes());
    }
    if let Some(path) = &arguments.check_answers {
        return check(arguments, path);
    }
    if let Some(path) = &arguments.answers {
        if arguments.dry_run {
            return check(arguments, path);
        }
        let world = World::of(arguments)?;
        let text = read(path)?;
        let place = path.display().to_string();
        return install(
            world,
            &place,
            &text,
            Given::Named,
            &*world.keeper_for_a_person(),
            &mut io::stdout(),
        );
    }
    if arguments.unattended {
        return by_left_answers(World::of(arguments)?);
    }
    let world = World::of(arguments)?;
    if arguments.plain || std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
        ask_plainly(world)
    } else {
        ask_on_screens(world)
    }
}

/// Prints all of it; a closed pipe is not an error.
fn print(out: &[u8]) -> anyhow::Result<ExitCode> {
    match io::stdout().lock().write_all(out) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(anyhow!("cannot print: {error}")),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn manual(folder: &Path) -> anyhow::Result<ExitCode> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Arguments::command())
        .section("8")
        .manual("SigmaVault NAS OS")
        .render(&mut page)?;
    let path = folder.join("sigmavault-installer.8");
    fs::write(&path, page).with_context(|| {
        format!(
            "cannot write {}; name a folder that exists and is writable",
            path.display()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = answers::text(&bytes).map_err(|error| anyhow!("{}: {error}", path.display()))?;
    Ok(text.to_owned())
}

/// Checks answers: on a machine that can be installed all of them, and the plan is shown; elsewhere what needs no
/// machine.
fn check(arguments: &Arguments, path: &Path) -> anyhow::Result<ExitCode> {
    let text = read(path)?;
    let answers = match answers::parse(&text) {
        Ok(answers) => answers,
        Err(error) => {
            let error = format!("{}: {error}", path.display());
            let json =
                json!({ "valid": false, "errors": [&error], "refusals": [], "plan": null, "actions": [] });
            return said(arguments, false, &json, &error);
        }
    };
    let here = arguments.dry_run || arguments.demo.is_some() || host::is_live();
    let machine = match &arguments.machine {
        Some(file) => Some(machine_in(file)?),
        None if here => Some(World::of(arguments)?.machine_for(&answers)?),
        None => None,
    };
    let plan = match &machine {
        Some(machine) => plan::build(machine, &answers, Confirmation::Required)
            .map(|plan| Some(plan.by(Fingerprint::of(&text)))),
        None => match plan::check(&answers) {
            refusals if refusals.is_empty() => Ok(None),
            refusals => Err(refusals),
        },
    };
    match plan {
        Ok(plan) => {
            let actions = plan.as_ref().map(show::list).unwrap_or_default();
            let json =
                json!({ "valid": true, "errors": [], "refusals": [], "plan": plan, "actions": actions });
            let shown = machine.as_ref().zip(plan.as_ref());
            let setup = match plan::mode(&answers.system) {
                Mode::Setup => FOR_A_PI,
                Mode::Erase | Mode::KeepData => "",
            };
            let text = shown.map_or_else(
                || format!("{}: {setup}{ELSEWHERE}", path.display()),
                |(machine, plan)| {
                    let lines = show::plan(machine, plan);
                    let lines = lines.iter().map(ToString::to_string);
                    lines.chain(show::actions(plan)).collect::<Vec<_>>().join("\n")
                },
            );
            said(arguments, true, &json, &text)
        }
        Err(refusals) => {
            let refusals: Vec<String> = refusals
                .iter()
                .map(|refusal| placed(path, &text, refusal))
                .collect();
            let json =
                json!({ "valid": true, "errors": [], "refusals": refusals, "plan": null, "actions": [] });
            let lines: Vec<String> = refusals
                .iter()
                .map(|refusal| format!("refused: {refusal}"))
                .collect();
            said(arguments, false, &json, &lines.join("\n"))
        }
    }
}

/// A machine as it was printed on that machine.
fn machine_in(path: &Path) -> anyhow::Result<Machine> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| {
        format!(
            "{} is not a machine\n  try: sigmavault-installer --print-machine > FILE, on the machine that was started from the \
             same medium",
            path.display()
        )
    })
}

/// Said of answers that are good as far as that can be told without the machine.
const ELSEWHERE: &str = "good, as far as that can be told without the machine; --check-answers on the machine, started \
                         from the medium, or --machine FILE also checks disks, interfaces, TPM, and the image's \
                         languages, keyboards, time zones and user names, and shows the plan";

/// Said before that of answers without a system disk.
const FOR_A_PI: &str = "for the first start of a Raspberry Pi, since they name no system disk: ";

/// A refusal with the place in the file that it is about.
fn placed(path: &Path, text: &str, refusal: &Refusal) -> String {
    let place = refusal.key().and_then(|key| answers::Place::of_answer(text, key));
    match place {
        Some(place) => format!("{}: {place}: {refusal}", path.display()),
        None => refusal.to_string(),
    }
}

fn said(arguments: &Arguments, good: bool, json: &serde_json::Value, text: &str) -> anyhow::Result<ExitCode> {
    let text = if arguments.json {
        printable_json(&serde_json::to_string_pretty(json)?)
    } else {
        printable_lines(text)
    };
    if good || arguments.json {
        print(format!("{text}\n").as_bytes())?;
    } else {
        eprintln!("{text}");
    }
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Installs by answers that were left for this machine, if there are any. A setup that only lacks its last step needs none.
fn by_left_answers(world: World) -> anyhow::Result<ExitCode> {
    let machine = world.machine().ok();
    if let Some(machine) = &machine {
        let mut out = host::Consoles::open();
        if let Some((report, action)) = unattended::end_setup(machine, &*world.execute(), &mut out)? {
            leave_ending(&report, Given::Left);
            world.finish(action)?;
            return Ok(code(&report));
        }
    }
    match left_answers(machine.as_ref()) {
        Ok(None) => Ok(ExitCode::SUCCESS),
        Ok(Some(found)) => {
            let mut out = host::Consoles::open();
            writeln!(out, "answers: {}", found.place)?;
            let same_disk = machine.is_some_and(|machine| {
                machine.setup.is_some() && found.volume.as_deref() == Some(Path::new(&machine.source.esp))
            });
            let keeper = live::Left::new(found.volume).on_same_disk(same_disk);
            install(world, &found.place, &found.text, Given::Left, &keeper, &mut out)
        }
        Err(error) => refuse(&error, Given::Left, &mut host::Consoles::open()),
    }
}

fn code(report: &Report) -> ExitCode {
    match report.result {
        Verdict::Installed | Verdict::AlreadyInstalled => ExitCode::SUCCESS,
        Verdict::Refused | Verdict::Failed | Verdict::Stopped => ExitCode::FAILURE,
    }
}

/// Reports that nothing was done.
fn refuse(error: &anyhow::Error, given: Given, out: &mut dyn io::Write) -> anyhow::Result<ExitCode> {
    writeln!(out, "refused: {error:#}")?;
    let report = Report::unreadable(&format!("{error:#}"));
    unattended::print(&report, out)?;
    leave_ending(&report, given);
    Ok(ExitCode::FAILURE)
}

/// Leaves how an installation by answers that were left ended, for the screens that come next.
fn leave_ending(report: &Report, given: Given) {
    if given == Given::Left {
        host::leave_ending(&show::ending(report));
    }
}

/// Installs as answers say.
fn install(
    world: World,
    place: &str,
    text: &str,
    given: Given,
    keeper: &dyn Keeper,
    out: &mut dyn io::Write,
) -> anyhow::Result<ExitCode> {
    let answers: Answers = match answers::parse(text) {
        Ok(answers) => answers,
        Err(error) => return refuse(&anyhow!("{place}: {error}"), given, out),
    };
    let ready = world
        .machine_for(&answers)
        .map(|machine| (machine, world.execute()));
    let (machine, execute) = match ready {
        Ok(ready) => ready,
        Err(error) => {
            let code = refuse(&error, given, out)?;
            world.finish(answers.finish.on_failure)?;
            return Ok(code);
        }
    };
    let stop = host::signals(&Arc::new(AtomicBool::new(true)))?;
    let order = Order {
        given,
        answers: Fingerprint::of(text),
    };
    let (report, action) = unattended::install(&machine, &answers, &order, &execute, &stop, keeper, out)?;
    leave_ending(&report, given);
    world.finish(action)?;
    Ok(code(&report))
}

/// Asks line by line.
fn ask_plainly(world: World) -> anyhow::Result<ExitCode> {
    let busy = Arc::new(AtomicBool::new(false));
    let stop = host::signals(&busy)?;
    if let Some(ending) = world.ending() {
        println!("{}\n", printable_lines(&ending));
    }
    let left = plain::run(
        world.machine()?,
        &world.execute(),
        &|keyboard| world.keyboard(keyboard),
        &stop,
        &mut plain::Console {
            input: &mut io::stdin().lock(),
            output: &mut Printable::new(io::stdout()),
            hide: &host::hide,
            busy: &|now| busy.store(now, Ordering::Relaxed),
        },
    )?;
    world.finish(left.action)?;
    Ok(if left.installed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Asks on screens.
fn ask_on_screens(world: World) -> anyhow::Result<ExitCode> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        bail!("the screens need a terminal\n  try: --plain asks line by line, --answers FILE asks nothing");
    }
    let mut app = App::new(world.machine()?, Look::of_environment());
    if let Some(ending) = world.ending() {
        app.say_before(ending);
    }
    let left = ui::terminal::run(
        &mut app,
        &ui::terminal::Surroundings {
            execute: world.execute(),
            machine: &|| world.machine().map_err(|error| format!("{error:#}")),
            keyboard: &|keyboard| world.keyboard(keyboard),
            shell: &host::shell,
            log: &|line| world.log(line),
        },
    )
    .context("the terminal does not work")?;
    world.finish(left.action)?;
    Ok(if app.failed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
