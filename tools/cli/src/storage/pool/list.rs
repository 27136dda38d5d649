//! `sigmavault pool list`.

use sigmavault_facts::show::{Sheet, Style};
use sigmavault_types::storage::{Pool, World};

use crate::storage::words;

/// Pools for a person.
pub(super) fn show(world: &World, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let rows = |imported: bool| -> Vec<Vec<String>> {
        let pools = world.pools.iter().filter(|pool| pool.imported == imported);
        pools.map(|pool| row(pool, world, style)).collect()
    };
    let imported = rows(true);
    if imported.is_empty() {
        sheet.line(
            "Pools",
            "none is imported; create one with: sigmavault pool create",
        );
    }
    sheet.table("Pools", &imported);
    sheet.table("Importable", &rows(false));
    sheet.finish()
}

fn row(pool: &Pool, world: &World, style: Style) -> Vec<String> {
    let state = words::short_state(pool.state);
    let state = if words::is_good(pool.state) {
        style.good(state)
    } else {
        style.bad(state)
    };
    let mut row = vec![pool.name.clone(), state];
    if pool.imported {
        row.push(words::space(pool, world));
        row.push(words::may_fail(pool.may_fail));
        let running = pool.scan.filter(|scan| scan.ended.is_none());
        row.push(match running {
            Some(scan) => words::scan(&scan),
            None => pool
                .scrubbed
                .map_or_else(String::new, |time| format!("scrubbed at {}", words::time(time))),
        });
    } else {
        row.push(pool.id.to_string());
    }
    row
}
