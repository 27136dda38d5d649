//! Datasets for a person.

use sigmavault_facts::show::{Sheet, Style, size};
use sigmavault_types::storage::{Dataset, DatasetKind, Source};

use crate::storage::words::quoted;

/// Properties whose values are bytes.
const BYTES: [&str; 6] = [
    "quota",
    "recordsize",
    "refquota",
    "refreservation",
    "reservation",
    "volsize",
];

/// A list of datasets.
pub(super) fn list(datasets: &[&Dataset], style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let rows: Vec<Vec<String>> = datasets.iter().map(|set| row(set, style)).collect();
    if rows.is_empty() {
        sheet.line("Datasets", "none");
    }
    sheet.table("Datasets", &rows);
    sheet.finish()
}

fn row(set: &Dataset, style: Style) -> Vec<String> {
    let place = match (&set.key, set.kind) {
        (Some(key), _) if !key.loaded => style.bad("locked"),
        (_, DatasetKind::Volume) => "volume".to_owned(),
        (_, DatasetKind::FileSystem) => match &set.mountpoint {
            Some(place) if set.mounted => place.clone(),
            _ => style.bad("not mounted"),
        },
    };
    vec![
        set.name.clone(),
        format!("{} used", size(set.used)),
        format!("{} available", size(set.available)),
        place,
    ]
}

/// One dataset.
pub(super) fn show(set: &Dataset, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    sheet.line("Dataset", &set.name);
    sheet.line("GUID", &set.id.to_string());
    sheet.line(
        "Kind",
        match set.kind {
            DatasetKind::FileSystem => "file system",
            DatasetKind::Volume => "volume",
        },
    );
    sheet.line("Used", &format!("{}, with what is below it", size(set.used)));
    sheet.line("Referenced", &size(set.referenced));
    sheet.line("Available", &size(set.available));
    if set.kind == DatasetKind::FileSystem {
        match &set.mountpoint {
            Some(place) if set.mounted => sheet.line("Mounted", place),
            _ => sheet.line("Mounted", &style.bad("no")),
        }
    }
    if let Some(origin) = &set.origin {
        sheet.line("Clone of", origin);
    }
    key(&mut sheet, set, style);
    let rows: Vec<Vec<String>> = set
        .properties
        .iter()
        .map(|(name, property)| {
            let source = match &property.source {
                Source::Local => "set here".to_owned(),
                Source::Inherited { dataset } => format!("inherited from {dataset}"),
                Source::Default => "default".to_owned(),
                Source::Received => "received".to_owned(),
                Source::Temporary => "until the next mount".to_owned(),
                Source::None => String::new(),
            };
            vec![name.clone(), value(name, &property.value), source]
        })
        .collect();
    sheet.table("Properties", &rows);
    sheet.finish()
}

fn key(sheet: &mut Sheet, set: &Dataset, style: Style) {
    let Some(key) = &set.key else {
        sheet.line("Encryption", "none");
        return;
    };
    if key.loaded {
        sheet.line("Encryption", &style.good("unlocked"));
    } else {
        let next = format!(
            "locked; unlock it with: sigmavault dataset unlock {}",
            quoted(&key.root)
        );
        sheet.line("Encryption", &style.bad(&next));
    }
    let kept = if key.automatic {
        "kept by this machine"
    } else {
        "a passphrase"
    };
    let whose = if key.root == set.name {
        "its own".to_owned()
    } else {
        format!("that of {}", key.root)
    };
    sheet.line("Key", &format!("{whose}, {kept}"));
}

/// A value of a property; bytes in binary units.
fn value(name: &str, value: &str) -> String {
    let counts = BYTES.contains(&name) || name.starts_with("userquota@") || name.starts_with("groupquota@");
    match value.parse::<u64>() {
        Ok(0) if counts => "none".to_owned(),
        Ok(bytes) if counts => size(bytes),
        _ => value.to_owned(),
    }
}
