//! Policies for a person.

use sigmavault_facts::show::{Sheet, Style};
use sigmavault_types::storage::SnapshotPolicy;

use crate::storage::{schedule, words};

/// A list of policies.
pub(super) fn list(policies: &[SnapshotPolicy], style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let rows: Vec<Vec<String>> = policies
        .iter()
        .map(|policy| {
            vec![
                policy.name.clone(),
                state(policy, style),
                schedule::words(policy.schedule),
                format!("keeps {}", words::keep(policy.keep)),
                policy.datasets.join(", "),
            ]
        })
        .collect();
    if rows.is_empty() {
        sheet.line("Policies", "none; create one with: sigmavault policy set");
    }
    sheet.table("Policies", &rows);
    sheet.finish()
}

fn state(policy: &SnapshotPolicy, style: Style) -> String {
    if policy.paused {
        style.bad("paused")
    } else {
        style.good("active")
    }
}

/// One policy.
pub(super) fn show(policy: &SnapshotPolicy, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let rows =
        |names: &[String]| -> Vec<Vec<String>> { names.iter().map(|name| vec![name.clone()]).collect() };
    sheet.line("Policy", &policy.name);
    sheet.line("State", &state(policy, style));
    sheet.table("Datasets", &rows(&policy.datasets));
    let below = if policy.recursive { "included" } else { "left out" };
    sheet.line("Below them", below);
    sheet.table("Except", &rows(&policy.except));
    sheet.line("Makes", &schedule::words(policy.schedule));
    sheet.line("Keeps", &words::keep(policy.keep));
    let locked = match policy.lock_days {
        0 => "no".to_owned(),
        days => format!("for {}", words::count(u64::from(days), "day")),
    };
    sheet.line("Locked", &locked);
    sheet.finish()
}
