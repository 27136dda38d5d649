//! `sigmavault`: the administrator's command on a `SigmaVault` NAS.
//!
//! - [`client`]: the REST interface
//! - [`systemctl`]: the service manager, when the REST interface is down
//! - [`ask`]: the local language model
//! - [`durable`]: files that survive a power cut
//! - [`status`], [`hardware`], [`slots`], [`model`], [`boot_check`], [`unlock_pools`], [`factory_reset`]: one module per
//!   subcommand
//! - [`storage`]: the subcommands for pools, datasets, snapshots, policies and plans
//! - [`chain`]: what chooses the slot that starts: systemd-boot, or the firmware of a Raspberry Pi
//! - [`local`], [`output`]: options and output that commands share
//! - [`generate`]: completions and manual pages

mod ask;
mod boot_check;
mod chain;
mod client;
mod durable;
mod factory_reset;
mod generate;
mod hardware;
mod local;
mod model;
mod output;
mod slots;
mod status;
mod storage;
mod systemctl;
mod unlock_pools;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use sigmavault_facts::Files;
use sigmavault_facts::terminal::Printable;
use sigmavault_host::run::Local;
use sigmavault_types::health::Alive;
use sigmavault_types::slots::Slot;

use crate::ask::AskError;
use crate::client::Client;
use crate::factory_reset::{Level, ResetError};
use crate::local::{LocalOptions, needs_root};
use crate::output::{json, plain, tell};

/// The administrator's command on a SigmaVault NAS
#[allow(clippy::doc_markdown, reason = "these comments are the help text")]
#[derive(Debug, Parser)]
#[command(name = "sigmavault", version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show how this system is: version, root, services, load, memory, model tier
    Status(Facts),
    /// Show the machine's hardware and why its model tier was chosen
    Hardware(Facts),
    /// Ask the local language model
    ///
    /// The answer is printed as it is generated. Piped input follows the question, for questions about a log or a list. On a terminal,
    /// control characters and those that reorder or hide text are shown escaped, such as \u{1b}; into a pipe or a file the answer
    /// goes as it is.
    Ask(AskArguments),
    /// Show the system slots: which runs, which starts next, which failed and why
    #[command(args_conflicts_with_subcommands = true)]
    Slots {
        #[command(flatten)]
        local: LocalOptions,
        #[command(subcommand)]
        action: Option<SlotsAction>,
    },
    /// Get, check and remove the language models of this machine
    Model(model::Arguments),
    /// Show pools and disks, and change pools
    Pool(storage::pool::Arguments),
    /// Show and change datasets: file systems and volumes
    Dataset(storage::dataset::Arguments),
    /// List, make, keep and destroy snapshots, and go back to one
    Snapshot(storage::snapshot::Arguments),
    /// Show and change policies: snapshots on a schedule
    Policy(storage::policy::Arguments),
    /// Show and make plans of storage changes as JSON
    Plan(storage::plan::Arguments),
    /// Check whether this boot is good, as sigmavault-boot-check.service does on every boot
    ///
    /// Waits for everything that a boot needs: the verified root, a writable state file system, the units listed in
    /// boot-check.toml, the REST interface, and every pool that was imported before. The reason of a bad boot is recorded
    /// and shown by `sigmavault status` and `sigmavault slots`. While the boot loader still counts the starts of a slot,
    /// a bad boot restarts the machine; once the starts are used up, the other slot runs.
    ///
    /// The firmware of a Raspberry Pi counts nothing: it starts a slot as a try, and after that the preferred slot again. A good
    /// boot of the tried slot makes it the preferred one, a bad one restarts the machine. The check of the preferred slot records
    /// how a try went that did not return by itself, and restarts the machine for the next one, three times in all.
    BootCheck {
        /// Record an orderly shutdown
        #[arg(long, conflicts_with = "deadline")]
        at_shutdown: bool,
        /// Record that the boot was not complete in time, and restart
        #[arg(long)]
        deadline: bool,
        /// Work below this folder
        #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
        root: PathBuf,
    },
    /// Load the keys of encrypted pools, as sigmavault-pool-keys.service does on every boot
    ///
    /// Loads every key that lies in a file on this machine, for pools and datasets that are imported and still locked. The
    /// installer keeps the key of its pool in /etc/sigmavault/keys. Keys that somebody types are left alone. Afterwards
    /// `zfs mount -a` mounts what was locked.
    UnlockPools(LocalOptions),
    /// Reset the machine to its state after installation, in three levels
    ///
    /// Shows what is removed and what stays, asks for the name of the machine, and restarts it. The reset takes place
    /// during the start, before anything is mounted.
    FactoryReset(ResetArguments),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages into a folder
    #[command(hide = true)]
    Man {
        /// The folder
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Facts {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// URL of the REST interface
    #[arg(
        long,
        value_name = "URL",
        env = "SIGMAVAULT_API",
        default_value = "http://127.0.0.1:3000"
    )]
    api: String,
    /// Read local facts below this folder
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
}

#[derive(Debug, Subcommand)]
enum SlotsAction {
    /// Start this slot from the next start on; a bad one gets three new tries
    ///
    /// On a Raspberry Pi the other slot is tried first. `systemctl reboot` starts it; once that start was good (see
    /// sigmavault-boot-check(8)), it starts from then on, and until then every other start is of the slot that ran before. After
    /// three starts that failed it is given up. Switching to the slot that is preferred already withdraws a try. A boot loader from
    /// before October 2022 cannot try a slot, and is to be updated first: `sudo rpi-eeprom-update -a` in Raspberry Pi OS.
    Switch {
        /// The slot
        #[arg(value_name = "a|b", value_parser = slot)]
        slot: Slot,
        /// For the next start only
        #[arg(long)]
        once: bool,
    },
}

#[derive(Debug, Args)]
struct AskArguments {
    /// The question
    #[arg(value_name = "QUESTION")]
    question: Vec<String>,
    /// System prompt
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// The model to ask: a name, an alias, or auto
    #[arg(long, value_name = "MODEL", default_value = "auto")]
    model: String,
    /// Print the whole answer as JSON
    #[arg(long)]
    json: bool,
    /// Path of the language model's socket
    #[arg(
        long,
        value_name = "PATH",
        env = "SIGMAVAULT_RYZAN",
        default_value = "/run/sigmavault/ryzan.sock"
    )]
    socket: PathBuf,
}

#[derive(Debug, Args)]
struct ResetArguments {
    /// How much to reset
    #[arg(value_enum)]
    what: Reset,
    /// Confirm without asking: the name of this machine
    #[arg(long, value_name = "HOSTNAME", conflicts_with = "dry_run")]
    confirm: Option<String>,
    /// Only show what would be removed and what would stay
    #[arg(long)]
    dry_run: bool,
    /// Do not restart; the reset takes place at the next start
    #[arg(long)]
    no_reboot: bool,
    #[command(flatten)]
    local: LocalOptions,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Reset {
    /// Settings: /etc as after installation
    Configuration,
    /// Settings and state: /etc, /var, /home and the like as after installation; pools stay
    System,
    /// The pools and the system disk: the machine does not start afterwards; reinstall it from the stick, or write the image to the
    /// disk of a Raspberry Pi again
    Everything,
    /// Cancel a reset that waits for the next start
    Cancel,
}

fn slot(name: &str) -> Result<Slot, String> {
    Slot::from_name(name).ok_or_else(|| "there are the slots a and b".to_owned())
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(text) => match io::stdout().lock().write_all(&text) {
            // A reader that closes the pipe has seen enough.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                tell(format_args!("sigmavault: cannot print: {error}"));
                ExitCode::FAILURE
            }
            _ => ExitCode::SUCCESS,
        },
        Err(error) => {
            tell(format_args!("sigmavault: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<Vec<u8>> {
    match command {
        Command::Status(facts) => {
            let found = status::get(&Client::new(&facts.api), &Files::new(facts.root), &Local)?;
            if let Some(note) = &found.note {
                tell(note);
            }
            if facts.json {
                json(&found.status)
            } else {
                Ok(status::show(&found.status).into_bytes())
            }
        }
        Command::Hardware(facts) => {
            let report = hardware::get(&Client::new(&facts.api), &Files::new(facts.root))?;
            if facts.json {
                json(&report)
            } else {
                Ok(hardware::show(&report).into_bytes())
            }
        }
        Command::Ask(arguments) => ask_command(arguments),
        Command::Slots { local, action } => {
            slots_command(&Files::new(local.root), local.json, action.as_ref())
        }
        Command::Model(arguments) => model::run(&arguments),
        Command::Pool(arguments) => storage::pool::run(&arguments),
        Command::Dataset(arguments) => storage::dataset::run(&arguments),
        Command::Snapshot(arguments) => storage::snapshot::run(&arguments),
        Command::Policy(arguments) => storage::policy::run(&arguments),
        Command::Plan(arguments) => storage::plan::run(&arguments),
        Command::BootCheck {
            at_shutdown,
            deadline,
            root,
        } => boot_check_command(&Files::new(root), at_shutdown, deadline),
        Command::UnlockPools(local) => unlock_pools_command(&local),
        Command::FactoryReset(arguments) => factory_reset_command(&arguments),
        Command::Completions { shell } => Ok(generate::completions(&mut Arguments::command(), shell)),
        Command::Man { folder } => {
            generate::manual(Arguments::command(), &folder)?;
            Ok(Vec::new())
        }
    }
}

fn ask_command(arguments: AskArguments) -> anyhow::Result<Vec<u8>> {
    let stdin = io::stdin();
    let piped = (!stdin.is_terminal()).then(|| stdin.lock());
    let question = ask::Question {
        text: ask::question_text(&arguments.question, piped)?,
        model: arguments.model,
        system: arguments.system,
    };
    if arguments.json {
        return json(&ask::whole(&arguments.socket, &question)?);
    }
    let mut out = io::stdout().lock();
    let answered = if out.is_terminal() {
        ask::stream(&arguments.socket, &question, &mut Printable::new(out))
    } else {
        ask::stream(&arguments.socket, &question, &mut out)
    };
    match answered {
        // A reader that closes the pipe has seen enough.
        Err(AskError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Vec::new()),
        done => done.map(|()| Vec::new()).map_err(Into::into),
    }
}

fn slots_command(files: &Files, as_json: bool, action: Option<&SlotsAction>) -> anyhow::Result<Vec<u8>> {
    let chain = chain::of(files, &Local);
    match action {
        None => {
            needs_root(files, "the boot partition is readable for root only")?;
            let found = chain.list()?;
            if as_json {
                json(&found)
            } else {
                Ok(slots::show(&found).into_bytes())
            }
        }
        Some(&SlotsAction::Switch { slot, once }) => {
            needs_root(files, "this changes how the machine starts")?;
            let switched = if once {
                chain.once(slot)?
            } else {
                chain.prefer(slot)?
            };
            if as_json {
                json(&switched)
            } else {
                Ok(plain(&switched.show()))
            }
        }
    }
}

fn boot_check_command(files: &Files, at_shutdown: bool, deadline: bool) -> anyhow::Result<Vec<u8>> {
    needs_root(files, "this keeps records and can start the machine again")?;
    let client = Client::new(&boot_check::api(files));
    let start = Instant::now();
    let machine = boot_check::Machine {
        files,
        run: &Local,
        alive: &|| {
            let answer = client.get::<Alive>("/health/live");
            answer.map(drop).map_err(|error| error.to_string())
        },
        now: SystemTime::now(),
        monotonic: &|| start.elapsed(),
        sleep: &std::thread::sleep,
        note: &|note| tell(format_args!("note: {note}")),
    };
    let text = match (at_shutdown, deadline) {
        (true, _) => boot_check::at_shutdown(&machine)?,
        (_, true) => boot_check::deadline(&machine)?,
        _ => boot_check::check(&machine)?,
    };
    Ok(plain(&text))
}

fn unlock_pools_command(local: &LocalOptions) -> anyhow::Result<Vec<u8>> {
    let files = Files::new(&local.root);
    needs_root(&files, "keys are readable for root only")?;
    let unlocked = unlock_pools::run(&files, &Local)?;
    if local.json {
        json(&unlocked)
    } else {
        Ok(plain(&unlock_pools::show(&unlocked)))
    }
}

fn factory_reset_command(arguments: &ResetArguments) -> anyhow::Result<Vec<u8>> {
    let (files, as_json) = (Files::new(&arguments.local.root), arguments.local.json);
    needs_root(&files, "this resets the machine")?;
    let level = match arguments.what {
        Reset::Configuration => Level::Configuration,
        Reset::System => Level::System,
        Reset::Everything => Level::Everything,
        Reset::Cancel => {
            let cancelled = factory_reset::cancel(&files)?;
            return match cancelled {
                _ if as_json => json(&serde_json::json!({ "cancelled": cancelled })),
                Some(level) => Ok(format!("The reset of {} is cancelled.\n", level.name()).into_bytes()),
                None => Ok(b"No reset was waiting.\n".to_vec()),
            };
        }
    };
    let plan = factory_reset::plan(&files, level, &Local)?;
    if arguments.dry_run {
        return if as_json {
            json(&plan)
        } else {
            Ok(plain(&plan.show()))
        };
    }
    match &arguments.confirm {
        Some(typed) => factory_reset::confirmed(&plan, typed)?,
        None if as_json || !io::stdin().is_terminal() => {
            return Err(ResetError::NobodyThere { host: plan.host }.into());
        }
        None => factory_reset::ask(&plan, &mut io::stdin().lock(), &mut io::stderr())?,
    }
    let done = factory_reset::carry_out(&files, plan, !arguments.no_reboot, &Local)?;
    if as_json {
        return json(&done);
    }
    let next = if done.restarting {
        "The machine restarts now and resets itself."
    } else {
        "The reset takes place at the next start. Cancel it with: sigmavault factory-reset cancel"
    };
    Ok(format!("{next}\n").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
