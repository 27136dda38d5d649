//! Carrying out the command line.

use std::io::{self, Write as _};

use sigmavault_facts::show::Style;

use super::arguments::{Action, Arguments};
use super::place::Place;
use super::{inspect, list, pull, remove, verify};
use crate::local::needs_root;
use crate::output::json;

/// Carries out a command; what it prints.
pub fn run(arguments: &Arguments) -> anyhow::Result<Vec<u8>> {
    let style = Style::of_stdout();
    let place = Place::of(arguments)?;
    let changes = matches!(arguments.action, Action::Pull { .. } | Action::Remove { .. });
    if changes && arguments.models_dir.is_none() {
        needs_root(&place.files, "this changes the models of this machine")?;
    }
    let print = |value: serde_json::Value, text: String| {
        if place.as_json {
            json(&value)
        } else {
            Ok(text.into_bytes())
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
            print(serde_json::to_value(&pulled)?, pull::show(&pulled))
        }
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
                "some files differ from the catalogue; repair them with: sigmavault model pull --repair MODEL"
            )
        }
        Action::Remove { model, yes } => {
            let removed = remove::run(&place, model, *yes)?;
            print(serde_json::to_value(&removed)?, remove::show(&removed))
        }
    }
}
