//! `sigmavault snapshot list`.

use sigmavault_facts::show::{Sheet, Style, size};
use sigmavault_types::storage::Snapshot;

use crate::storage::words;

/// Snapshots for a person. `now` says which locks have ended.
pub(super) fn show(snapshots: &[Snapshot], now: i64, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let rows: Vec<Vec<String>> = snapshots
        .iter()
        .map(|one| {
            let policy = one
                .policy
                .as_ref()
                .map_or_else(String::new, |policy| format!("by policy {policy}"));
            vec![
                one.name.clone(),
                words::time(one.created),
                format!("{} used", size(one.used)),
                format!("{} referenced", size(one.referenced)),
                policy,
                words::kept_by(one, now),
            ]
        })
        .collect();
    if rows.is_empty() {
        sheet.line("Snapshots", "none");
    }
    sheet.table("Snapshots", &rows);
    sheet.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sigmavault_types::storage::Guid;

    use super::*;

    #[test]
    fn what_keeps_a_snapshot_is_said() {
        let snapshot = Snapshot {
            id: Guid(1),
            name: "tank@a".to_owned(),
            created: 86_400,
            transaction: 1,
            used: 1 << 20,
            referenced: 2 << 20,
            holds: BTreeSet::from(["backup".to_owned()]),
            clones: BTreeSet::from(["tank/copy".to_owned()]),
            policy: Some("daily".to_owned()),
            locked_until: Some(172_800),
        };
        let style = Style { colour: false };
        assert_eq!(
            show(std::slice::from_ref(&snapshot), 100_000, style),
            "Snapshots   tank@a  1970-01-02T00:00:00Z  1 MiB used  2 MiB referenced  by policy daily  locked until \
             1970-01-03T00:00:00Z; held by backup; cloned as tank/copy\n"
        );
        assert!(!show(&[snapshot], 172_800, style).contains("locked"));
        assert_eq!(show(&[], 0, style), "Snapshots   none\n");
    }
}
