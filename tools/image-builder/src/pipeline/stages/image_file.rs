//! The file of an image in the output folder: its name stands for a complete file only.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::pipeline::context::Context;
use crate::pipeline::error::{Budgeted, BuildError, InputError, Problem};
use crate::pipeline::run::Runner;
use crate::pipeline::store::remove;

/// Writes `target` by `assemble`, which makes the image in the folder that it gets and returns its path there.
pub fn write(
    context: &Context,
    stage: &'static str,
    target: &Path,
    assemble: impl FnOnce(&Runner, &Path) -> Result<PathBuf, Problem>,
) -> Result<(), BuildError> {
    let began = Instant::now();
    let runner = context.runner(stage)?;
    let wrap = |problem| context.failed(&runner, stage, problem);
    let folder = target
        .parent()
        .unwrap_or(Path::new("."))
        .join(format!(".{}.unfinished", context.name()));
    let make = || {
        remove(&folder)?;
        fs::create_dir_all(&folder).map_err(Problem::io("make the folder", &folder))?;
        let image = assemble(&runner, &folder)?;
        budget(context, &image)?;
        let file = fs::File::open(&image).map_err(Problem::io("open", &image))?;
        file.sync_all().map_err(Problem::io("write", &image))?;
        fs::rename(&image, target).map_err(Problem::io("rename to", target))
    };
    let result = make();
    remove(&folder).map_err(wrap)?;
    result.map_err(wrap)?;
    let size = target.metadata().map_or(0, |about| about.len());
    runner.bar().done(&format!("{} MiB", size >> 20));
    context.timings.add(stage, began.elapsed(), false, size);
    Ok(())
}

/// Refuses an image that is larger than its profile allows.
fn budget(context: &Context, image: &Path) -> Result<(), Problem> {
    let size = image.metadata().map_err(Problem::io("read", image))?.len();
    match context.profile.iso_budget() {
        Some(budget) if size > budget => {
            let (what, profile) = (Budgeted::Iso, context.profile.name.clone());
            Err(InputError::OverBudget {
                what,
                size,
                budget,
                profile,
            }
            .into())
        }
        _ => Ok(()),
    }
}
