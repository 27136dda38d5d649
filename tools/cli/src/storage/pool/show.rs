//! `sigmavault pool show`.

use sigmavault_facts::show::{Sheet, Style, disk_size, size};
use sigmavault_types::storage::{Care, Disk, Job, Pool, Schedule, Vdev, VdevClass, VdevKind, World};

use crate::storage::{schedule, words};

/// Damaged files that are listed; of more the others are counted.
const LISTED: usize = 20;

/// A pool for a person. A job tells how fast its scan goes on.
pub(super) fn show(pool: &Pool, care: Care, job: Option<&Job>, world: &World, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    sheet.line("Pool", &pool.name);
    sheet.line("GUID", &pool.id.to_string());
    let state = words::state(pool.state);
    if words::is_good(pool.state) {
        sheet.line("State", &style.good(state));
    } else {
        sheet.line("State", &style.bad(state));
    }
    if !pool.imported {
        let next = format!(
            "not imported; import it with: sigmavault pool import {}",
            words::quoted(&pool.name)
        );
        sheet.line("", &style.bad(&next));
    }
    if pool.read_only {
        sheet.line("", &style.bad("read-only"));
    }
    sheet.line("Space", &words::space(pool, world));
    if let Some(percent) = pool.fragmentation {
        sheet.line("", &format!("free space {percent} % fragmented"));
    }
    let fail = words::may_fail(pool.may_fail);
    match pool.may_fail {
        Some(1..) => sheet.line("Redundancy", &style.good(&fail)),
        _ => sheet.line("Redundancy", &style.bad(&fail)),
    }
    for class in [
        VdevClass::Data,
        VdevClass::Special,
        VdevClass::Dedup,
        VdevClass::Log,
        VdevClass::Cache,
        VdevClass::Spare,
    ] {
        let mut rows = Vec::new();
        for vdev in pool.of_class(class) {
            tree(vdev, 0, world, style, &mut rows);
        }
        sheet.table(heading(class), &rows);
    }
    if let Some(scan) = &pool.scan {
        let said = words::scan(scan);
        if scan.errors > 0 {
            sheet.line("Scan", &style.bad(&said));
        } else {
            sheet.line("Scan", &said);
        }
    }
    let pace = job.map(words::pace).filter(|pace| !pace.is_empty());
    if let Some(pace) = pace {
        sheet.line("", &pace);
    }
    if pool.trimming {
        sheet.line("Trim", "under way");
    }
    let scrubbed = pool.scrubbed.map_or_else(|| "never".to_owned(), words::time);
    sheet.line("Scrubbed", &scrubbed);
    sheet.line("Scrubs", &due(care.scrub));
    sheet.line("Trims", &due(care.trim));
    damaged(&mut sheet, pool, style);
    if pool.upgradable {
        let next = format!(
            "new features can be enabled with: sigmavault pool upgrade {}",
            words::quoted(&pool.name)
        );
        sheet.line("Upgrade", &next);
    }
    let properties = pool.properties.iter();
    let rows: Vec<Vec<String>> = properties
        .map(|(name, value)| vec![format!("{name}={value}")])
        .collect();
    sheet.table("Properties", &rows);
    sheet.finish()
}

const fn heading(class: VdevClass) -> &'static str {
    match class {
        VdevClass::Data => "Data",
        VdevClass::Special => "Special",
        VdevClass::Dedup => "Dedup",
        VdevClass::Log => "Log",
        VdevClass::Cache => "Cache",
        VdevClass::Spare => "Spares",
    }
}

/// A vdev and what is below it, each level two blanks further right.
fn tree(vdev: &Vdev, depth: usize, world: &World, style: Style, rows: &mut Vec<Vec<String>>) {
    let device = matches!(vdev.kind, VdevKind::Disk | VdevKind::File);
    let disk = vdev.disk.as_ref().and_then(|id| world.disk(id));
    let said = words::state(vdev.state);
    let mut state = if words::is_good(vdev.state) {
        style.good(said)
    } else {
        style.bad(said)
    };
    if vdev.resilvering {
        state += &style.bad(", is being resilvered");
    }
    let name = if device {
        name_of(vdev, disk)
    } else if vdev.name.starts_with(&words::kind(vdev.kind)) {
        vdev.name.clone()
    } else {
        format!("{} ({})", vdev.name, words::kind(vdev.kind))
    };
    let errors = words::errors(vdev.errors);
    let count = vdev.errors;
    let mut row = vec![
        format!("{}{name}", "  ".repeat(depth)),
        if device {
            disk_size(vdev.bytes)
        } else {
            size(vdev.bytes)
        },
        state,
    ];
    if count.read + count.write + count.checksum > 0 {
        row.push(style.bad(&errors));
    } else if device {
        row.push(errors);
    }
    rows.push(row);
    for child in &vdev.children {
        tree(child, depth + 1, world, style, rows);
    }
}

/// The kernel's name of a disk that is there and what stands on it; otherwise what the pool knows.
fn name_of(vdev: &Vdev, disk: Option<&Disk>) -> String {
    let Some(disk) = disk else {
        return vdev.name.clone();
    };
    let details: Vec<&str> = [disk.model.as_deref(), disk.serial.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    if details.is_empty() {
        disk.name.clone()
    } else {
        format!("{} ({})", disk.name, details.join(" "))
    }
}

fn due(when: Option<Schedule>) -> String {
    when.map_or_else(|| "never by themselves".to_owned(), schedule::words)
}

fn damaged(sheet: &mut Sheet, pool: &Pool, style: Style) {
    let more = pool.damaged.len().saturating_sub(LISTED);
    let listed = pool.damaged.iter().take(LISTED);
    let mut rows: Vec<Vec<String>> = listed.map(|file| vec![style.bad(file)]).collect();
    if more > 0 {
        rows.push(vec![style.bad(&format!("and {more} more; all are in: --json"))]);
    }
    if !rows.is_empty() {
        rows.push(vec![format!(
            "restore them from a snapshot or a backup, then run: sigmavault pool scrub {} --errors",
            words::quoted(&pool.name)
        )]);
    }
    sheet.table("Damaged", &rows);
}
