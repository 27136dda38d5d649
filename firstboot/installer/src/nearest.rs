//! The name that was probably meant.

/// The candidate nearest to what was written, when one is near: equal but for letter case, an ending such as
/// `Berlin` of `Europe/Berlin`, or few letters away.
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.trim().to_lowercase();
    if written.is_empty() {
        return None;
    }
    let allowed = (written.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let name = candidate.to_lowercase();
            let distance = if name.ends_with(&format!("/{written}")) {
                1
            } else {
                strsim::damerau_levenshtein(&written, &name)
            };
            (distance <= allowed).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// ` (nearest: NAME)`, or nothing.
pub fn hint<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(written, candidates).map_or_else(String::new, |name| format!("; nearest: '{name}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let zones = ["Etc/UTC", "Europe/Berlin", "Europe/Dublin", "America/Berlin_Town"];
        for (written, expected) in [
            ("Berlin", Some("Europe/Berlin")),
            ("europe/berlin", Some("Europe/Berlin")),
            ("Europe/Belrin", Some("Europe/Berlin")),
            ("Mars/Olympus", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, zones), expected, "{written}");
        }
        assert_eq!(nearest("dsik", ["disk", "mode"]), Some("disk"));
        assert_eq!(hint("dsik", ["disk", "mode"]), "; nearest: 'disk'");
        assert_eq!(hint("x", ["disk", "mode"]), "");
    }
}
