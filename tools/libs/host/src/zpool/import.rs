//! Pools on disks that are not imported: zpool-import(8). It prints text for people only; this is how 2.3 words it.

use super::command::{option, settings, zpool};
use super::vdev::Health;
use crate::run::Invocation;

/// Looks for pools on the devices of a folder, or on one device.
pub fn search(places: &[&str]) -> Invocation {
    zpool("import").args(places.iter().flat_map(|place| ["-d", place]))
}

/// Looks for pools that were destroyed.
pub fn search_destroyed(places: &[&str]) -> Invocation {
    zpool("import")
        .arg("-D")
        .args(places.iter().flat_map(|place| ["-d", place]))
}

/// How a pool is imported.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "options of a command line")]
pub struct Import<'a> {
    /// Its name or number; a number tells pools of one name apart.
    pub pool: &'a str,
    /// Another name for it.
    pub new_name: Option<&'a str>,
    /// Folders or devices that are searched.
    pub places: &'a [&'a str],
    /// Folder below which its file systems are mounted until it is exported.
    pub altroot: Option<&'a str>,
    /// Properties of the pool (zpoolprops(7)), such as `readonly=on` and `cachefile=none`.
    pub properties: &'a [(&'a str, &'a str)],
    /// Mount nothing.
    pub no_mount: bool,
    /// Although another system seems to use it.
    pub force: bool,
    /// Although its log device is missing.
    pub without_log: bool,
    /// Give up the last seconds of writing when it cannot be imported otherwise.
    pub rewind: bool,
    /// With `rewind`: say whether that would help, and do nothing.
    pub dry_run: bool,
    /// It was destroyed.
    pub destroyed: bool,
}

/// Imports a pool.
pub fn import(import: &Import<'_>) -> Invocation {
    zpool("import")
        .args(import.places.iter().flat_map(|place| ["-d", place]))
        .args(option(import.no_mount, "-N"))
        .args(option(import.force, "-f"))
        .args(option(import.without_log, "-m"))
        .args(option(import.destroyed, "-D"))
        .args(option(import.rewind, "-F"))
        .args(option(import.dry_run, "-n"))
        .args(settings("-o", import.properties))
        .args(import.altroot.into_iter().flat_map(|folder| ["-R", folder]))
        .args(["--", import.pool])
        .args(import.new_name)
}

/// A pool that could be imported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Importable {
    /// Name.
    pub name: String,
    /// Its number, for good.
    pub guid: u64,
    /// State that it would have.
    pub health: Health,
    /// Whether it was destroyed.
    pub destroyed: bool,
    /// What is wrong or could be better, as ZFS says it, in one line.
    pub message: Option<String>,
    /// What to do about it, as ZFS says it, in one line.
    pub action: Option<String>,
    /// What the pool's author noted about it.
    pub comment: Option<String>,
    /// Its vdevs, in their order.
    pub vdevs: Vec<Member>,
}

/// A line of an importable pool's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Name of the vdev, or of a group such as `logs`.
    pub name: String,
    /// How deep it is below the pool, whose own depth is 0.
    pub depth: usize,
    /// State; [`Health::Unknown`] where none is printed.
    pub health: Health,
    /// What follows the state, such as `corrupted data`.
    pub note: Option<String>,
}

/// Labels of the fields of an importable pool.
const LABELS: [&str; 8] = [
    "pool", "id", "state", "status", "action", "comment", "see", "config",
];

/// The pools that [`search`] printed. What is not understood is left out.
pub fn parse(text: &str) -> Vec<Importable> {
    let mut pools: Vec<Importable> = Vec::new();
    let mut field = "";
    for line in text.lines() {
        // What belongs to a field begins with a tab.
        let label = line.split_once(':').map(|(label, _)| label.trim());
        let known = label.filter(|label| !line.starts_with('\t') && LABELS.contains(label));
        let value = line.split_once(':').map_or("", |(_, value)| value.trim());
        match (known, pools.last_mut()) {
            (Some("pool"), _) => {
                pools.push(Importable {
                    name: value.to_owned(),
                    ..Importable::default()
                });
                field = "pool";
            }
            (Some(label), Some(pool)) => {
                field = label;
                note(pool, label, value);
            }
            (None, Some(pool)) => more(pool, field, line),
            (Some(_) | None, None) => {}
        }
    }
    pools
}

/// The first line of a field.
fn note(pool: &mut Importable, label: &str, value: &str) {
    match label {
        "id" => pool.guid = value.parse().unwrap_or(0),
        "state" => {
            let (state, note) = value.split_once(' ').unwrap_or((value, ""));
            pool.health = Health::from(state.to_owned());
            pool.destroyed = note.contains("DESTROYED");
        }
        "status" => pool.message = Some(value.to_owned()),
        "action" => pool.action = Some(value.to_owned()),
        "comment" => pool.comment = Some(value.to_owned()),
        _ => {}
    }
}

/// A further line of a field.
fn more(pool: &mut Importable, field: &str, line: &str) {
    let rest = line.trim();
    if rest.is_empty() {
        return;
    }
    let join = |text: &mut Option<String>| {
        let text = text.get_or_insert_default();
        text.push(' ');
        text.push_str(rest);
    };
    match field {
        "status" => join(&mut pool.message),
        "action" => join(&mut pool.action),
        "config" => pool.vdevs.extend(member(line)),
        _ => {}
    }
}

fn member(line: &str) -> Option<Member> {
    let line = line.strip_prefix('\t')?;
    let indent = line.len() - line.trim_start_matches(' ').len();
    let (name, rest) = split_name(line.trim_start_matches(' '));
    let (health, note) = rest.split_once(' ').unwrap_or((rest, ""));
    let note = note.trim();
    Some(Member {
        name: name.to_owned(),
        depth: indent / 2,
        health: Health::from(health.to_owned()),
        note: (!note.is_empty()).then(|| note.to_owned()),
    })
}

/// The name of a vdev, which may hold single spaces, and what follows it.
fn split_name(line: &str) -> (&str, &str) {
    let (name, rest) = line.split_once("  ").unwrap_or((line, ""));
    (name.trim(), rest.trim())
}
