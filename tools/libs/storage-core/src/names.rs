//! Names of pools, datasets, snapshots and policies.

/// Bytes of a dataset's or snapshot's name at most (`ZFS_MAX_DATASET_NAME_LEN`, with the byte that ends it).
const LONGEST: usize = 255;
/// Depth of datasets at most (`zfs_max_dataset_nesting`).
const DEEPEST: usize = 50;

/// Whether a pool can have this name, and why not.
///
/// The rules of `zpool create` (zpool-create(8), `pool_namecheck`), without the space and without names that would be misleading.
pub fn pool(name: &str) -> Result<(), String> {
    const BEGINNINGS: [&str; 4] = ["mirror", "raidz", "draid", "spare"];
    const NAMES: [&str; 4] = ["log", "cache", "special", "dedup"];
    let mut letters = name.chars();
    let good = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || "_.:-".contains(letter));
    if !good || name.len() > 64 {
        return Err(format!(
            "'{name}' is not a name for a pool: begin with a letter, followed by letters, digits and _ . : -, at most 64 in all"
        ));
    }
    let lower = name.to_ascii_lowercase();
    let like_a_disk =
        lower.starts_with('c') && lower[1..].starts_with(|second: char| second.is_ascii_digit());
    if like_a_disk || BEGINNINGS.iter().any(|word| lower.starts_with(word)) || NAMES.contains(&lower.as_str())
    {
        return Err(format!(
            "'{name}' means something else to ZFS: take another name, such as 'tank'"
        ));
    }
    Ok(())
}

/// Whether a dataset can have this name, pool first, and why not.
///
/// The rules of `dataset_namecheck`: letters and digits of ASCII and `-_.: ` in each component. Names in other scripts are not possible
/// in ZFS; a share may have any name.
pub fn dataset(name: &str) -> Result<(), String> {
    let mut components = name.split('/');
    pool(components.next().unwrap_or_default())?;
    for part in components {
        component(part)?;
    }
    if name.len() > LONGEST {
        return Err(format!(
            "the name has {} bytes; a dataset's has at most {LONGEST}",
            name.len()
        ));
    }
    if name.split('/').count() > DEEPEST {
        return Err(format!("datasets lie at most {DEEPEST} deep"));
    }
    Ok(())
}

/// Whether a snapshot can have this name behind its `@`, and why not.
pub fn tag(tag: &str) -> Result<(), String> {
    component(tag)
}

/// Whether a hold or policy can have this name, and why not.
pub fn policy(name: &str) -> Result<(), String> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if !name.is_empty() && name.len() <= 32 && name.chars().all(good) && !name.starts_with('-') {
        return Ok(());
    }
    Err(format!(
        "'{name}' is not a name for a policy or a hold: letters, digits, - and _, at most 32, and no - at the beginning"
    ))
}

fn component(part: &str) -> Result<(), String> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || "-_.: ".contains(letter);
    if part.is_empty() {
        return Err("a part of the name is empty".to_owned());
    }
    if part == "." || part == ".." {
        return Err(format!("'{part}' is the name of a folder that exists everywhere"));
    }
    if let Some(other) = part.chars().find(|letter| !good(*letter)) {
        return Err(format!(
            "'{part}' holds {other:?}: letters and digits of ASCII, spaces and - _ . : are possible"
        ));
    }
    if part.starts_with(' ') || part.ends_with(' ') {
        return Err(format!("'{part}' begins or ends with a space"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools() {
        for good in ["tank", "a", "Data_1", "a.b:c-d", "logs", "cold", &"a".repeat(64)] {
            assert_eq!(pool(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "1tank",
            "-a",
            "a b",
            "a/b",
            "tänk",
            "mirror",
            "mirrored",
            "raidz2",
            "draid",
            "spares",
            "log",
            "Cache",
            "c0",
            &"a".repeat(65),
        ] {
            assert!(pool(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn datasets() {
        for good in [
            "tank",
            "tank/a b",
            "tank/-x",
            "tank/1/2/3",
            &format!("tank/{}", "a".repeat(250)),
        ] {
            assert_eq!(dataset(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("tank/", "a part of the name is empty"),
            ("tank//a", "a part of the name is empty"),
            ("tank/..", "'..' is the name of a folder that exists everywhere"),
            (
                "tank/a@b",
                "'a@b' holds '@': letters and digits of ASCII, spaces and - _ . : are possible",
            ),
            (
                "tank/ä",
                "'ä' holds 'ä': letters and digits of ASCII, spaces and - _ . : are possible",
            ),
            ("tank/a ", "'a ' begins or ends with a space"),
        ] {
            assert_eq!(dataset(bad), Err(why.to_owned()), "{bad}");
        }
        assert!(dataset(&format!("tank/{}", "a".repeat(251))).is_err());
        assert!(dataset(&vec!["tank"; 51].join("/")).is_err());
    }
}
