//! Carrying out `sigmavault pool`.

use serde::Serialize;
use sigmavault_facts::show::Style;
use sigmavault_types::storage::{Care, Pool, World};

use super::arguments::{Action, Arguments, View};
use super::request::{care, order};
use super::{disks, list, show};
use crate::storage::access::{Storage, open};
use crate::storage::change::carry_out;
use crate::storage::names::pool;
use crate::storage::page::Page;
use crate::storage::reading::world;
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
        View::List { watch: true } => watch(storage, as_json, |storage| listed(&world(storage)?)),
        View::List { watch: false } => listed(&world(storage)?)?.bytes(as_json),
        View::Show { pool, watch: true } => watch(storage, as_json, |storage| shown(&world(storage)?, pool)),
        View::Show { pool, watch: false } => shown(&world(storage)?, pool)?.bytes(as_json),
        View::Disks => {
            let world = world(storage)?;
            Page::new(&world.disks, disks::show(&world, Style::of_stdout()))?.bytes(as_json)
        }
    }
}

fn listed(world: &World) -> anyhow::Result<Page> {
    Page::new(&world.pools, list::show(world, Style::of_stdout()))
}

/// A pool, and when it is scrubbed and trimmed.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    pool: &'a Pool,
    care: Care,
}

fn shown(world: &World, name: &str) -> anyhow::Result<Page> {
    let pool = pool(world, name)?;
    let care = care(world, pool);
    let sheet = show::show(pool, care, world, Style::of_stdout());
    Page::new(&Shown { pool, care }, sheet)
}
