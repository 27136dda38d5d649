//! A plan for a person.

use sigmavault_facts::show::{Sheet, Style, size};
use sigmavault_types::storage::{Planned, Resource, Risk, Space};

use super::steps::{self, Names};
use super::words;

/// Things that are listed one by one; of more the others are counted.
const LISTED: usize = 20;

/// What is done, touched and lost, what changes, and what somebody who approves should know.
pub fn show(planned: &Planned, names: &Names, style: Style) -> String {
    let plan = &planned.plan;
    let mut sheet = Sheet::new(style);
    let steps = steps::words(plan, names);
    let rows: Vec<Vec<String>> = steps
        .into_iter()
        .enumerate()
        .map(|(at, step)| vec![format!("{}. {step}", at + 1)])
        .collect();
    sheet.table("Steps", &rows);
    let commands = plan.steps.iter().flat_map(|step| step.commands.clone());
    sheet.table("Commands", &capped(commands.collect()));
    let lost = |resource: &Resource| plan.loses.iter().any(|loss| loss.resource == *resource);
    let others = plan.touches.iter().filter(|resource| !lost(resource));
    sheet.table(
        "Touches",
        &capped(others.map(|one| touched_words(one, names)).collect()),
    );
    let loses = plan.loses.iter().map(|loss| {
        let bytes = loss
            .bytes
            .map_or_else(String::new, |bytes| format!(", {}", size(bytes)));
        style.bad(&format!("{}{bytes}", lost_words(&loss.resource, names)))
    });
    sheet.table("LOST", &capped(loses.collect()));
    for space in &plan.space {
        let (room, fail) = before_and_after(space);
        sheet.line("Space", &room);
        sheet.line("Redundancy", &fail);
    }
    let warnings = plan
        .warnings
        .iter()
        .map(|warning| style.bad(&words::warning(warning, |disk| names.whole_disk(disk))));
    sheet.table("Warnings", &capped(warnings.collect()));
    let risk = words::risk(plan.risk);
    if plan.risk >= Risk::Destroys {
        sheet.line("Risk", &style.bad(risk));
    } else {
        sheet.line("Risk", risk);
    }
    if let Some(name) = plan.confirm.as_ref().filter(|_| plan.risk >= Risk::Destroys) {
        sheet.line("Confirm", &format!("type {name}"));
    }
    sheet.line("Digest", &planned.digest);
    sheet.finish()
}

/// Something that is lost, with what goes with it.
fn lost_words(resource: &Resource, names: &Names) -> String {
    match resource {
        Resource::Disk(id) => format!("everything on disk {}", names.whole_disk(id)),
        Resource::Pool(name) => format!("pool {name} with everything in it"),
        Resource::Dataset(name) => format!("dataset {name} with what is below it and all snapshots"),
        Resource::Changes(name) => format!("what was written to {name} since the snapshot"),
        Resource::Snapshot(_) | Resource::Policy(_) => touched_words(resource, names),
    }
}

fn touched_words(resource: &Resource, names: &Names) -> String {
    match resource {
        Resource::Disk(id) => format!("disk {}", names.whole_disk(id)),
        Resource::Pool(name) => format!("pool {name}"),
        Resource::Dataset(name) => format!("dataset {name}"),
        Resource::Changes(name) => format!("contents of {name}"),
        Resource::Snapshot(name) => format!("snapshot {name}"),
        Resource::Policy(name) => format!("policy {name}"),
    }
}

fn before_and_after(space: &Space) -> (String, String) {
    let pool = &space.pool;
    let (before, after) = (space.usable_before, space.usable_after);
    let room = match (before, after) {
        (0, after) => format!("{pool}: {} usable", size(after)),
        (before, 0) => format!("{pool}: {} usable now, none afterwards", size(before)),
        (before, after) if before == after => format!("{pool}: {} usable, as before", size(after)),
        (before, after) => {
            format!("{pool}: {} usable now, {} afterwards", size(before), size(after))
        }
    };
    let (now, then) = (space.may_fail_before, space.may_fail_after);
    let fail = if before == 0 {
        format!("{pool}: {}", words::may_fail(then))
    } else if after == 0 {
        format!("{pool}: {} now", words::may_fail(now))
    } else if now == then {
        format!("{pool}: {}, as before", words::may_fail(then))
    } else {
        format!(
            "{pool}: {} now, {} afterwards",
            words::may_fail(now),
            words::may_fail(then)
        )
    };
    (room, fail)
}

fn capped(mut lines: Vec<String>) -> Vec<Vec<String>> {
    let more = lines.len().saturating_sub(LISTED);
    if more > 1 {
        lines.truncate(LISTED);
        lines.push(format!("and {more} more; all are in: --dry-run --json"));
    }
    lines.into_iter().map(|line| vec![line]).collect()
}
