//! Properties of datasets that can be set here, and their values (zfsprops(7)).

use std::collections::BTreeMap;

use sigmavault_types::storage::DatasetKind;

use super::refusal::Refusal;

/// What a property takes.
enum Values {
    /// One of these.
    Words(&'static [&'static str]),
    /// Bytes, or `none`.
    Limit,
    /// A power of two, from and to.
    PowerOfTwo(u64, u64),
}

/// For which datasets a property is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Both,
    FileSystems,
}

const ON_OFF: Values = Values::Words(&["on", "off"]);
const CACHES: Values = Values::Words(&["all", "metadata", "none"]);

/// The properties. A mount point follows from the name, and a key is changed by an operation of its own.
const PROPERTIES: [(&str, For, Values); 26] = [
    ("acltype", For::FileSystems, Values::Words(&["off", "posix"])),
    ("atime", For::FileSystems, ON_OFF),
    (
        "checksum",
        For::Both,
        Values::Words(&["on", "fletcher4", "sha256", "sha512", "skein", "edonr", "blake3"]),
    ),
    (
        "compression",
        For::Both,
        Values::Words(&[
            "on",
            "off",
            "lz4",
            "zstd",
            "zstd-1",
            "zstd-3",
            "zstd-6",
            "zstd-9",
            "zstd-15",
            "zstd-19",
            "zstd-fast",
            "gzip",
            "zle",
        ]),
    ),
    ("copies", For::Both, Values::Words(&["1", "2", "3"])),
    (
        "dedup",
        For::Both,
        Values::Words(&["off", "on", "verify", "sha256", "sha512", "skein", "blake3"]),
    ),
    ("devices", For::FileSystems, ON_OFF),
    (
        "direct",
        For::FileSystems,
        Values::Words(&["disabled", "standard", "always"]),
    ),
    (
        "dnodesize",
        For::FileSystems,
        Values::Words(&["legacy", "auto", "1k", "2k", "4k", "8k", "16k"]),
    ),
    ("exec", For::FileSystems, ON_OFF),
    ("logbias", For::Both, Values::Words(&["latency", "throughput"])),
    ("prefetch", For::Both, CACHES),
    ("primarycache", For::Both, CACHES),
    ("quota", For::FileSystems, Values::Limit),
    ("readonly", For::Both, ON_OFF),
    ("recordsize", For::FileSystems, Values::PowerOfTwo(512, 16 << 20)),
    (
        "redundant_metadata",
        For::Both,
        Values::Words(&["all", "most", "some", "none"]),
    ),
    ("refquota", For::FileSystems, Values::Limit),
    ("refreservation", For::Both, Values::Limit),
    ("relatime", For::FileSystems, ON_OFF),
    ("reservation", For::Both, Values::Limit),
    ("secondarycache", For::Both, CACHES),
    ("setuid", For::FileSystems, ON_OFF),
    ("snapdir", For::FileSystems, Values::Words(&["hidden", "visible"])),
    (
        "sync",
        For::Both,
        Values::Words(&["standard", "always", "disabled"]),
    ),
    (
        "xattr",
        For::FileSystems,
        Values::Words(&["on", "off", "sa", "dir"]),
    ),
];

/// Properties that only what is written from now on follows.
const NEW_DATA: [&str; 6] = [
    "checksum",
    "compression",
    "copies",
    "dedup",
    "recordsize",
    "dnodesize",
];

/// Whether properties can be set, and to these values. Without a kind the dataset is a file system to be made.
pub(super) fn check_all(
    properties: &BTreeMap<String, String>,
    kind: Option<DatasetKind>,
) -> Result<(), Refusal> {
    let kind = kind.unwrap_or(DatasetKind::FileSystem);
    properties.iter().try_for_each(|(name, value)| {
        check(name, value, kind).map_err(|why| Refusal::Property {
            property: name.clone(),
            why,
        })
    })
}

/// Whether a property can be set to a value, and why not.
fn check(name: &str, value: &str, kind: DatasetKind) -> Result<(), String> {
    if name.contains(':') {
        return user_property(name, value);
    }
    if name == "volsize" && kind == DatasetKind::Volume {
        let bytes: Option<u64> = value.parse().ok();
        let whole = bytes.is_some_and(|bytes| bytes > 0 && bytes.is_multiple_of(16 << 10));
        return if whole {
            Ok(())
        } else {
            Err("it is a number of bytes, a multiple of 16384".to_owned())
        };
    }
    let found = PROPERTIES.iter().find(|(known, ..)| *known == name);
    let Some((_, place, values)) = found else {
        return Err("it is no property that can be set here".to_owned());
    };
    if *place == For::FileSystems && kind == DatasetKind::Volume {
        return Err("it is for file systems, and this is a volume".to_owned());
    }
    match values {
        Values::Words(words) if words.contains(&value) => Ok(()),
        Values::Words(words) => Err(format!("it is one of {}", words.join(", "))),
        Values::Limit if value == "none" || value.parse::<u64>().is_ok() => Ok(()),
        Values::Limit => Err("it is a number of bytes, or none".to_owned()),
        Values::PowerOfTwo(least, most) => {
            let good = value
                .parse()
                .is_ok_and(|bytes: u64| bytes.is_power_of_two() && (*least..=*most).contains(&bytes));
            if good {
                Ok(())
            } else {
                Err(format!("it is a power of two from {least} to {most}"))
            }
        }
    }
}

/// Properties of users hold a colon; those of this system are set by its own operations.
fn user_property(name: &str, value: &str) -> Result<(), String> {
    let good =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || ":._-".contains(letter);
    if name.starts_with("org.sigmavault:") {
        return Err("it is kept by this system".to_owned());
    }
    if !name.chars().all(good) || name.starts_with('-') || name.len() > 255 {
        return Err("its name has lower case letters, digits and : . _ - alone, at most 255".to_owned());
    }
    if value.len() > 8191 || value.contains(['\0', '\n', '\t']) {
        return Err("its value has at most 8191 bytes on one line".to_owned());
    }
    Ok(())
}

/// Whether only what is written from now on follows a property.
pub(super) fn new_data_only(name: &str) -> bool {
    NEW_DATA.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let (set, volume) = (DatasetKind::FileSystem, DatasetKind::Volume);
        for (name, value, kind) in [
            ("compression", "zstd-9", set),
            ("recordsize", "1048576", set),
            ("quota", "none", set),
            ("quota", "0", set),
            ("volsize", "32768", volume),
            ("sync", "always", volume),
            ("com.example:owner", "Ä b", set),
        ] {
            assert_eq!(check(name, value, kind), Ok(()), "{name}={value}");
        }
        for (name, value, kind, why) in [
            ("compression", "best", set, "it is one of on, off"),
            (
                "recordsize",
                "1000",
                set,
                "it is a power of two from 512 to 16777216",
            ),
            ("quota", "-1", set, "it is a number of bytes, or none"),
            ("quota", "1", volume, "it is for file systems"),
            ("volsize", "1", volume, "it is a number of bytes"),
            ("volsize", "32768", set, "it is no property"),
            ("mountpoint", "/etc", set, "it is no property"),
            ("keylocation", "file:///etc/shadow", set, "it is no property"),
            ("org.sigmavault:policy", "x", set, "it is kept by this system"),
            ("Com:x", "x", set, "its name has lower case letters"),
            ("com:x", "a\nb", set, "its value has at most 8191"),
        ] {
            let error = check(name, value, kind).unwrap_err();
            assert!(error.starts_with(why), "{name}={value}: {error}");
        }
    }
}
