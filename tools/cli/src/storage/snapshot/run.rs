//! Carrying out `sigmavault snapshot`.

use sigmavault_facts::show::Style;

use super::arguments::{Action, Arguments};
use super::list;
use super::request::order;
use crate::storage::access::{Storage, open};
use crate::storage::change::carry_out;
use crate::storage::names::dataset;
use crate::storage::page::Page;
use crate::storage::reading::{note, world};
use crate::storage::watch::watch;

/// Carries out a command; what it prints.
pub fn run(arguments: &Arguments) -> anyhow::Result<Vec<u8>> {
    let as_json = arguments.look.json;
    let mut storage = open(arguments.look.simulate.as_deref())?;
    let storage = storage.as_mut();
    match &arguments.action {
        Action::List {
            dataset,
            recursive,
            watch: again,
        } => {
            let draw = |storage: &mut dyn Storage| listed(storage, dataset.as_deref(), *recursive);
            if *again {
                watch(storage, as_json, draw)
            } else {
                draw(storage)?.bytes(as_json)
            }
        }
        Action::Change(change) => {
            let world = world(storage)?;
            let order = order(change, storage, &world)?;
            carry_out(storage, &world, &order, as_json)
        }
    }
}

fn listed(storage: &mut dyn Storage, name: Option<&str>, recursive: bool) -> anyhow::Result<Page> {
    let state = storage.state()?;
    let world = &state.world;
    let snapshots = match name {
        Some(name) => storage.snapshots(&dataset(world, name)?.name, recursive)?,
        None => storage.snapshots("", true)?,
    };
    let sheet = list::show(&snapshots, world.time, Style::of_stdout());
    Ok(Page::new(&snapshots, sheet)?.with_note(note(&state)))
}
