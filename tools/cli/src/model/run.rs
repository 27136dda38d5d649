//! Carrying out the command line.

use std::io::{self, Write as _};

use sigmavault_facts::show::Style;
use sigmavault_facts::terminal::printable_lines;

use super::arguments::{Action, Arguments};
use super::place::Place;
use super::{add, fetch, inspect, list, pull, remove, verify};
use crate::local::needs_root;
use crate::output::json;

/// Carries out a command; what it prints.
pub fn run(arguments: &Arguments) -> anyhow::Result<Vec<u8>> {
    if matches!(arguments.action, Action::Fetch) {
        fetch::run()?;
        return Ok(Vec::new());
    }
    let style = Style::of_stdout();
    let place = Place::of(arguments)?;
    let changes = matches!(
        arguments.action,
        Action::Add { .. } | Action::Pull { .. } | Action::Remove { .. }
    );
    if changes && arguments.models_dir.is_none() {
        needs_root(&place.files, "this changes the models of this machine")?;
    }
    // Sheets have made their texts safe for a terminal, and have colours.
    let print = |value: serde_json::Value, sheet: String| {
        if place.as_json {
            json(&value)
        } else {
            Ok(sheet.into_bytes())
        }
    };
    match &arguments.action {
        Action::List => {
            let list = list::get(&place)?;
            print(serde_json::to_value(&list)?, list::show(&list, style))
        }
        Action::Pull {
            model,
            accept_licence,
            repair,
            from,
        } => {
            let (name, licence) = (model.as_deref(), accept_licence.as_deref());
            let pulled = pull::run(&place, name, licence, *repair, from.as_deref())?;
            print(
                serde_json::to_value(&pulled)?,
                printable_lines(&pull::show(&pulled)),
            )
        }
        Action::Add {
            what,
            id,
            licence,
            sha256,
            link,
            yes,
        } => {
            let order = add::Order {
                what,
                id: id.as_deref(),
                licence: licence.as_deref(),
                sha256: *sha256,
                link: *link,
                yes: *yes,
            };
            let added = add::run(&place, &order)?;
            print(serde_json::to_value(&added)?, printable_lines(&add::show(&added)))
        }
        Action::Fetch => Ok(Vec::new()),
        Action::Inspect { file, tensors } => {
            let found = inspect::get(&place, file, *tensors)?;
            print(serde_json::to_value(&found)?, inspect::show(&found, style))
        }
        Action::Verify { model } => {
            let verified = verify::run(&place, model.as_deref())?;
            let text = verify::show(&verified, style);
            let bytes = print(serde_json::to_value(&verified)?, text)?;
            if verify::all_good(&verified) {
                return Ok(bytes);
            }
            io::stdout().lock().write_all(&bytes)?;
            anyhow::bail!(
                "some files differ from the catalogue; repair them with: sigmavault model pull --repair MODEL, or add the model again"
            )
        }
        Action::Remove { model, yes } => {
            let removed = remove::run(&place, model, *yes)?;
            print(
                serde_json::to_value(&removed)?,
                printable_lines(&remove::show(&removed)),
            )
        }
    }
}
