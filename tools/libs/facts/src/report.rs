//! The hardware report and the image's information.

use sigmavault_types::hardware::{HardwareReport, REPORT_PATH};
use sigmavault_types::image::{IMAGE_INFO_PATH, ImageInfo};

use crate::error::FactError;
use crate::files::Files;

/// The hardware report that the detector wrote on this boot.
pub fn hardware(files: &Files) -> Result<HardwareReport, FactError> {
    serde_json::from_slice(&files.bytes(REPORT_PATH)?).map_err(|source| FactError::Json {
        path: files.path(REPORT_PATH),
        source,
        next: "write it again with: systemctl restart sigmavault-detect.service",
    })
}

/// What the image says it is; nothing when it does not say.
pub fn image(files: &Files) -> Result<ImageInfo, FactError> {
    match files.bytes(IMAGE_INFO_PATH) {
        Err(error) if error.is_missing() => Ok(ImageInfo::default()),
        Err(error) => Err(error),
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| FactError::Json {
            path: files.path(IMAGE_INFO_PATH),
            source,
            next: "the image is faulty: build it again",
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_image_without_information_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(image(&Files::new(folder.path())).unwrap(), ImageInfo::default());
    }

    #[test]
    fn image_keys_are_kebab_case() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("usr/lib/sigmavault")).unwrap();
        let path = folder.path().join("usr/lib/sigmavault/image.json");
        fs::write(
            &path,
            r#"{"version": "0.1.0", "profile": "pc-gnome", "root-hash": "ab", "built": 1}"#,
        )
        .unwrap();
        assert_eq!(
            image(&Files::new(folder.path())).unwrap(),
            ImageInfo {
                version: Some("0.1.0".into()),
                profile: Some("pc-gnome".into()),
                root_hash: Some("ab".into())
            }
        );
        fs::write(&path, "{").unwrap();
        assert_eq!(
            image(&Files::new(folder.path())).unwrap_err().to_string(),
            format!(
                "{} is damaged: EOF while parsing an object at line 1 column 1; \
                 the image is faulty: build it again",
                path.display()
            )
        );
    }

    #[test]
    fn a_damaged_report_says_how_to_renew_it() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        assert!(hardware(&files).unwrap_err().is_missing());
        fs::create_dir_all(folder.path().join("run/sigmavault")).unwrap();
        fs::write(folder.path().join("run/sigmavault/hardware.json"), "[]").unwrap();
        let message = hardware(&files).unwrap_err().to_string();
        assert!(
            message.ends_with("systemctl restart sigmavault-detect.service"),
            "{message}"
        );
    }
}
