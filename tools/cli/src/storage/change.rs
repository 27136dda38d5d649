//! A change, from the request to its end: its plan is shown, approved and carried out.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::path::Path;

use sigmavault_facts::show::Style;
use sigmavault_facts::terminal::printable_lines;
use sigmavault_types::storage::{Change, Plan, Request, Resource, ScanState, World};

use super::access::Storage;
use super::ask::{consent, somebody_there};
use super::follow::follow;
use super::options::Consent;
use super::page::Page;
use super::plan_sheet;
use super::secret;
use super::steps::{self, Names};
use super::stop::Stop;
use super::words;

/// A change that is wanted.
pub struct Order<'a> {
    /// The change.
    pub request: Request,
    /// How it is approved.
    pub consent: &'a Consent,
    /// The file of the passphrase that it takes.
    pub key_file: Option<&'a Path>,
}

/// Carries a change out; what is printed then.
pub fn carry_out(
    storage: &mut dyn Storage,
    world: &World,
    order: &Order<'_>,
    as_json: bool,
) -> anyhow::Result<Vec<u8>> {
    let planned = storage.plan(&order.request)?;
    let names = Names::of_plan(&planned.plan).with(world);
    if order.consent.dry_run {
        let sheet = plan_sheet::show(&planned, &names, Style::of_stdout());
        return Page::new(&planned, sheet)?.bytes(as_json);
    }
    if !as_json {
        // The sheet has made its texts safe for a terminal.
        eprint!("{}", plan_sheet::show(&planned, &names, style_of_stderr()));
    }
    let there = somebody_there(as_json);
    let confirm = {
        // A passphrase is read from the same input afterwards.
        let (input, output) = (&mut io::stdin().lock(), &mut io::stderr());
        consent(&planned.plan, order.consent, there, input, output)?
    };
    let secret = match secret::wanted(&order.request) {
        Some(wanted) => Some(secret::read(wanted, order.key_file)?),
        None => None,
    };
    storage.approve(&planned.digest, &confirm)?;
    // Until here Ctrl-C ends everything, also while somebody is asked for a password.
    let stop = Stop::new()?;
    let id = storage.execute(&planned.digest, secret.as_ref())?;
    let steps = steps::words(&planned.plan, &names);
    let job = follow(storage, &stop, &id, &steps, &look(&planned.plan))?;
    // It is done, whether or not the storage still answers.
    let after = storage.state().map(|state| state.world).unwrap_or_default();
    Page::new(&job, done(&planned.plan, &after))?.bytes(as_json)
}

/// Colours when standard error is a terminal too.
fn style_of_stderr() -> Style {
    let colour = Style::of_stdout().colour && io::stderr().is_terminal();
    Style { colour }
}

/// What is said when everything was carried out.
fn done(plan: &Plan, after: &World) -> String {
    let mut text = "Done.\n".to_owned();
    for change in &plan.changes {
        let Change::PoolScan { pool, scan, .. } = change else {
            continue;
        };
        let now = after.imported(pool).and_then(|pool| pool.scan);
        if now.is_some_and(|now| now.kind == *scan && now.state == ScanState::Running) {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "The {} of {pool} goes on in the background; watch it with: sigmavault pool show {} --watch",
                words::scan_kind(*scan),
                words::quoted(pool)
            );
        }
    }
    printable_lines(&text)
}

/// The command that shows how a change goes on.
fn look(plan: &Plan) -> String {
    let pool = plan.touches.iter().find_map(|touched| match touched {
        Resource::Pool(name) => Some(name.as_str()),
        Resource::Dataset(name) | Resource::Changes(name) | Resource::Snapshot(name) => {
            name.split(['/', '@']).next()
        }
        Resource::Disk(_) | Resource::Policy(_) => None,
    });
    match pool {
        Some(pool) => format!("sigmavault pool show {} --watch", words::quoted(pool)),
        None => "sigmavault pool list --watch".to_owned(),
    }
}
