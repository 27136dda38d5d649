//! Carrying out `sigmavault dataset`.

use sigmavault_facts::show::Style;
use sigmavault_types::storage::{Dataset, World};

use super::arguments::{Action, Arguments, View};
use super::request::order;
use super::show;
use crate::storage::access::open;
use crate::storage::change::carry_out;
use crate::storage::names::dataset;
use crate::storage::page::Page;
use crate::storage::reading::world;

/// Carries out a command; what it prints.
pub fn run(arguments: &Arguments) -> anyhow::Result<Vec<u8>> {
    let as_json = arguments.look.json;
    let mut storage = open(arguments.look.simulate.as_deref())?;
    let storage = storage.as_mut();
    let world = world(storage)?;
    match &arguments.action {
        Action::View(view) => seen(&world, view)?.bytes(as_json),
        Action::Change(change) => carry_out(storage, &world, &order(change, &world)?, as_json),
    }
}

fn seen(world: &World, view: &View) -> anyhow::Result<Page> {
    let style = Style::of_stdout();
    match view {
        View::List { dataset: None } => {
            let datasets: Vec<&Dataset> = world.datasets.iter().collect();
            Page::new(&datasets, show::list(&datasets, style))
        }
        View::List { dataset: Some(top) } => {
            let datasets: Vec<&Dataset> = world.tree(&dataset(world, top)?.name).collect();
            Page::new(&datasets, show::list(&datasets, style))
        }
        View::Show { dataset: name } => {
            let set = dataset(world, name)?;
            Page::new(set, show::show(set, style))
        }
    }
}
