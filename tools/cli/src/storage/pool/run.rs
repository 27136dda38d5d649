//! Carrying out `sigmavault pool`.

use serde::Serialize;
use sigmavault_facts::show::Style;
use sigmavault_types::storage::{Care, Job, Pool, State, Work};

use super::arguments::{Action, Arguments, View};
use super::request::{care, order};
use super::{disks, list, show};
use crate::storage::access::{Storage, open};
use crate::storage::change::carry_out;
use crate::storage::names::pool;
use crate::storage::page::Page;
use crate::storage::reading::{note, world};
use crate::storage::watch::watch;

/// Carries out a command; what it prints.
pub fn run(arguments: &Arguments) -> anyhow::Result<Vec<u8>> {
    let as_json = arguments.look.json;
    let mut storage = open(arguments.look.simulate.as_deref())?;
    let storage = storage.as_mut();
    match &arguments.action {
        Action::View(view) => seen(storage, view, as_json),
        Action::Change(change) => {
            let world = world(storage)?;
            let order = order(change, storage, &world)?;
            carry_out(storage, &world, &order, as_json)
        }
    }
}

fn seen(storage: &mut dyn Storage, view: &View, as_json: bool) -> anyhow::Result<Vec<u8>> {
    match view {
        View::List { watch: true } => watch(storage, as_json, |storage| listed(&storage.state()?)),
        View::List { watch: false } => listed(&storage.state()?)?.bytes(as_json),
        View::Show { pool, watch: true } => watch(storage, as_json, |storage| shown(&storage.state()?, pool)),
        View::Show { pool, watch: false } => shown(&storage.state()?, pool)?.bytes(as_json),
        View::Disks => {
            let world = world(storage)?;
            Page::new(&world.disks, disks::show(&world, Style::of_stdout()))?.bytes(as_json)
        }
    }
}

fn listed(state: &State) -> anyhow::Result<Page> {
    let sheet = list::show(&state.world, Style::of_stdout());
    Ok(Page::new(&state.world.pools, sheet)?.with_note(note(state)))
}

/// A pool, and when it is scrubbed and trimmed.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    pool: &'a Pool,
    care: Care,
}

fn shown(state: &State, name: &str) -> anyhow::Result<Page> {
    let world = &state.world;
    let pool = pool(world, name)?;
    let care = care(world, pool);
    let of_pool = |job: &&Job| matches!(job.work, Work::Scan { pool: id, .. } if id == pool.id);
    let job = state.jobs.iter().filter(of_pool).find(|job| !job.state.is_over());
    let sheet = show::show(pool, care, job, world, Style::of_stdout());
    Ok(Page::new(&Shown { pool, care }, sheet)?.with_note(note(state)))
}
