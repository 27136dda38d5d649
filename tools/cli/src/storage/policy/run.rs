//! Carrying out `sigmavault policy`.

use sigmavault_facts::show::Style;
use sigmavault_types::storage::World;

use super::arguments::{Action, Arguments, View};
use super::request::order;
use super::show;
use crate::storage::access::open;
use crate::storage::change::carry_out;
use crate::storage::names::policy;
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
        View::List => Page::new(&world.policies, show::list(&world.policies, style)),
        View::Show { policy: name } => {
            let policy = policy(world, name)?;
            Page::new(policy, show::show(policy, style))
        }
    }
}
