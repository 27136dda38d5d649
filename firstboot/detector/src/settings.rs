//! Settings of the tier: the administrator's override, and the bounds of the image's profile.

use sigmavault_facts::Files;
use sigmavault_types::tier::Tier;

/// Where the administrator overrides the choice: `tier = "..."` in the table `[model]`.
pub const OVERRIDE_PATH: &str = "/etc/sigmavault/ryzan.toml";

/// Where the image says which profile it was built for: `min-tier` and `max-tier` bound the choice.
pub const PROFILE_PATH: &str = "/usr/lib/sigmavault/profile.json";

/// Settings that affect the choice of the tier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The administrator's choice.
    pub wanted: Option<Tier>,
    /// Least demanding tier of the profile.
    pub least: Option<Tier>,
    /// Most demanding tier of the profile.
    pub most: Option<Tier>,
    /// Settings that were ignored, with the reason and what to do.
    pub ignored: Vec<String>,
}

/// Reads both files. Settings that cannot be used are ignored and named in [`Settings::ignored`]; files that are not
/// there decide nothing.
pub fn read(files: &Files) -> Settings {
    let mut settings = Settings::default();
    match present(files, OVERRIDE_PATH).and_then(|text| text.map_or(Ok(None), |text| wanted(&text))) {
        Ok(tier) => settings.wanted = tier,
        Err(reason) => settings.ignored.push(format!(
            "the tier in {OVERRIDE_PATH} is ignored: {reason}; correct it, then run: systemctl restart sigmavault-detect.service"
        )),
    }
    match present(files, PROFILE_PATH).and_then(|text| text.map_or(Ok((None, None)), |text| bounds(&text))) {
        Ok((least, most)) => (settings.least, settings.most) = (least, most),
        Err(reason) => {
            settings.ignored.push(format!(
                "the bounds in {PROFILE_PATH} are ignored: {reason}; the image is faulty"
            ));
        }
    }
    settings
}

fn present(files: &Files, path: &str) -> Result<Option<String>, String> {
    match files.text(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// The tier that ryzan.toml asks for. Its other keys belong to the model service.
pub fn wanted(text: &str) -> Result<Option<Tier>, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| {
            text.get(..span.start).unwrap_or(text).matches('\n').count() + 1
        });
        format!("line {line}: {}", error.message())
    })?;
    let Some(model) = table.get("model") else {
        return Ok(None);
    };
    let Some(tier) = model.as_table().ok_or("`model` is not a table")?.get("tier") else {
        return Ok(None);
    };
    let name = tier
        .as_str()
        .ok_or_else(|| format!("`tier` must be a string, found {}", tier.type_str()))?;
    name.parse()
        .map(Some)
        .map_err(|error: sigmavault_types::tier::UnknownTier| error.to_string())
}

/// Least and most demanding tier of a profile.
pub fn bounds(text: &str) -> Result<(Option<Tier>, Option<Tier>), String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Profile {
        min_tier: Option<String>,
        max_tier: Option<String>,
    }
    let profile: Profile = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let tier = |key: &str, name: Option<String>| {
        name.map(|name| name.parse::<Tier>())
            .transpose()
            .map_err(|error| format!("{key}: {error}"))
    };
    match (
        tier("min-tier", profile.min_tier)?,
        tier("max-tier", profile.max_tier)?,
    ) {
        (Some(least), Some(most)) if least > most => {
            Err(format!("min-tier {least} is above max-tier {most}"))
        }
        bounds => Ok(bounds),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn overrides() {
        assert_eq!(
            wanted("[model]\ntier = \"bitnet-7b\"\nthreads = 4\n[http]\nport = 1"),
            Ok(Some(Tier::Bitnet7b))
        );
        assert_eq!(wanted(""), Ok(None));
        assert_eq!(wanted("[model]\nthreads = 4"), Ok(None));
        assert_eq!(
            wanted("[model]\ntier = \"huge\""),
            Err("there is no model tier \"huge\"; use one of draft-350m, bitnet-7b, bitnet-7b+mamba".into())
        );
        assert_eq!(
            wanted("[model]\ntier = 7"),
            Err("`tier` must be a string, found integer".into())
        );
        assert_eq!(wanted("model = 1"), Err("`model` is not a table".into()));
        assert!(wanted("[model]\ntier = ").unwrap_err().starts_with("line 2: "));
    }

    #[test]
    fn profile_bounds() {
        assert_eq!(
            bounds(r#"{"name": "rpi4", "min-tier": "draft-350m", "max-tier": "bitnet-7b"}"#),
            Ok((Some(Tier::Draft350m), Some(Tier::Bitnet7b)))
        );
        assert_eq!(bounds("{}"), Ok((None, None)));
        assert_eq!(
            bounds(r#"{"min-tier": "bitnet-7b", "max-tier": "draft-350m"}"#),
            Err("min-tier bitnet-7b is above max-tier draft-350m".into())
        );
        assert!(
            bounds(r#"{"max-tier": "x"}"#)
                .unwrap_err()
                .starts_with("max-tier: there is no model tier")
        );
    }

    #[test]
    fn bad_files_are_ignored_and_reported() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        assert_eq!(read(&files), Settings::default());
        fs::create_dir_all(folder.path().join("etc/sigmavault")).unwrap();
        fs::write(
            folder.path().join("etc/sigmavault/ryzan.toml"),
            "[model]\ntier = \"big\"\n",
        )
        .unwrap();
        fs::create_dir_all(folder.path().join("usr/lib/sigmavault")).unwrap();
        fs::write(folder.path().join("usr/lib/sigmavault/profile.json"), "[").unwrap();
        let settings = read(&files);
        assert_eq!(
            (settings.wanted, settings.least, settings.most),
            (None, None, None)
        );
        assert_eq!(settings.ignored.len(), 2);
        assert_eq!(
            settings.ignored[0],
            "the tier in /etc/sigmavault/ryzan.toml is ignored: there is no model tier \"big\"; use one of \
             draft-350m, bitnet-7b, bitnet-7b+mamba; correct it, then run: systemctl restart sigmavault-detect.service"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,80}") {
            let _ = wanted(&text);
            let _ = bounds(&text);
        }
    }
}
