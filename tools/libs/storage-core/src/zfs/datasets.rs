//! Datasets and snapshots.

use std::collections::{BTreeMap, BTreeSet};

use sigmavault_host::property;
use sigmavault_host::zfs::list::{self, Type};
use sigmavault_host::zfs::snapshot::Hold;
use sigmavault_types::storage::{Dataset, DatasetKind, Guid, Key, Property, Snapshot, Source};

use crate::commands::{LOCK, LOCKED_UNTIL, POLICY};

/// Facts of datasets that are no settings here.
const FACTS: [&str; 14] = [
    "guid",
    "used",
    "available",
    "referenced",
    "mounted",
    "origin",
    "encryptionroot",
    "keystatus",
    "keylocation",
    "keyformat",
    "encryption",
    "createtxg",
    "creation",
    "compressratio",
];

/// What to ask for of datasets: everything, for settings and for properties that users made.
pub const PROPERTIES: [&str; 1] = ["all"];

/// What to ask for of snapshots.
pub const SNAPSHOT_PROPERTIES: [&str; 9] = [
    "guid",
    "createtxg",
    "creation",
    "used",
    "referenced",
    "clones",
    "userrefs",
    POLICY,
    LOCKED_UNTIL,
];

/// A file system or volume, of what `zfs get all` says of it; none for what is neither, or has no number.
pub fn dataset(printed: &list::Dataset) -> Option<Dataset> {
    let kind = match printed.kind {
        Type::Filesystem => DatasetKind::FileSystem,
        Type::Volume => DatasetKind::Volume,
        Type::Snapshot | Type::Bookmark => return None,
    };
    let text = |name| printed.properties.text(name);
    let number = |name| printed.properties.number(name).unwrap_or(0);
    let mounted = printed.properties.flag("mounted").unwrap_or(false);
    let settings = printed
        .properties
        .0
        .iter()
        .filter(|(name, _)| !FACTS.contains(&name.as_str()));
    let settings =
        settings.filter(|(name, property)| property.source != property::Source::Fact || name == "volsize");
    Some(Dataset {
        id: Guid(printed.guid()?),
        name: printed.name.clone(),
        kind,
        used: number("used"),
        available: number("available"),
        referenced: number("referenced"),
        mounted,
        mountpoint: text("mountpoint").filter(|_| mounted).map(str::to_owned),
        key: text("encryptionroot").map(|root| Key {
            root: root.to_owned(),
            loaded: text("keystatus") == Some("available"),
            automatic: text("keylocation").is_some_and(|place| place.starts_with("file://")),
        }),
        origin: text("origin").map(str::to_owned),
        properties: settings
            .map(|(name, property)| (name.clone(), setting(property)))
            .collect::<BTreeMap<_, _>>(),
    })
}

fn setting(property: &property::Property) -> Property {
    Property {
        value: property.value.clone(),
        source: match &property.source {
            property::Source::Fact => Source::None,
            property::Source::Default => Source::Default,
            property::Source::Local => Source::Local,
            property::Source::Temporary => Source::Temporary,
            property::Source::Received => Source::Received,
            property::Source::Inherited(dataset) => Source::Inherited {
                dataset: dataset.clone(),
            },
        },
    }
}

/// Tags of holds, by snapshot. The hold that locks a snapshot is none of them: it is told by its lock.
pub fn tags(holds: &[Hold]) -> BTreeMap<&str, BTreeSet<String>> {
    let mut tags: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for hold in holds.iter().filter(|hold| hold.tag != LOCK) {
        tags.entry(&hold.snapshot).or_default().insert(hold.tag.clone());
    }
    tags
}

/// A snapshot, of what `zfs get` says of it, with the [`tags`] of holds; none for what is no snapshot, or has no number.
pub fn snapshot(printed: &list::Dataset, tags: &BTreeMap<&str, BTreeSet<String>>) -> Option<Snapshot> {
    if printed.kind != Type::Snapshot {
        return None;
    }
    let text = |name| printed.properties.text(name);
    let number = |name| printed.properties.number(name).unwrap_or(0);
    let clones = text("clones").into_iter().flat_map(|clones| clones.split(','));
    Some(Snapshot {
        id: Guid(printed.guid()?),
        name: printed.name.clone(),
        created: i64::try_from(number("creation")).unwrap_or(0),
        transaction: printed.createtxg,
        used: number("used"),
        referenced: number("referenced"),
        holds: tags.get(printed.name.as_str()).cloned().unwrap_or_default(),
        clones: clones
            .filter(|clone| !clone.is_empty())
            .map(str::to_owned)
            .collect(),
        policy: text(POLICY).map(str::to_owned),
        locked_until: text(LOCKED_UNTIL).and_then(|until| until.parse().ok()),
    })
}
