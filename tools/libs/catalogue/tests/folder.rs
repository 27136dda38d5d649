//! Models from a folder, such as a USB stick.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::place::{CHUNK, Onlooker, Place, content, model};

const NOWHERE: &str = "http://192.0.2.1/f.gguf";

#[test]
fn a_file_is_taken_from_a_folder_or_from_below_its_model() {
    let bytes = content(3 * CHUNK + 5);
    let model = model(NOWHERE, &bytes);
    for below in ["f.gguf", "m/f.gguf"] {
        let stick = tempfile::tempdir().unwrap();
        fs::create_dir(stick.path().join("m")).unwrap();
        fs::write(stick.path().join(below), &bytes).unwrap();
        let place = Place::new();
        let path = place
            .pull_from(stick.path(), &model, &mut Onlooker::default())
            .unwrap();
        assert_eq!(path, place.path("f.gguf"));
        place.holds(&bytes);
    }
}

#[test]
fn what_was_stopped_goes_on() {
    let bytes = content(6 * CHUNK);
    let stick = tempfile::tempdir().unwrap();
    fs::write(stick.path().join("f.gguf"), &bytes).unwrap();
    let (place, model) = (Place::new(), model(NOWHERE, &bytes));
    let mut watch = Onlooker {
        stop_at: Some(4 * CHUNK as u64),
        ..Onlooker::default()
    };
    let error = place.pull_from(stick.path(), &model, &mut watch).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("the same command resumes the download"),
        "{error}"
    );
    place
        .pull_from(stick.path(), &model, &mut Onlooker::default())
        .unwrap();
    place.holds(&bytes);
}

#[test]
fn another_file_is_refused_by_its_path() {
    let bytes = content(2 * CHUNK);
    let model = model(NOWHERE, &bytes);
    let stick = tempfile::tempdir().unwrap();
    let path = stick.path().join("f.gguf");
    let mut changed = bytes.clone();
    changed[CHUNK] ^= 1;
    let cases = [
        (None, "No such file or directory (os error 2)"),
        (
            Some(&bytes[1..]),
            "has 131071 bytes, but the catalogue says 131072: it is another file",
        ),
        (
            Some(&changed[..]),
            "the source has a different or damaged file; it was removed",
        ),
    ];
    for (there, why) in cases {
        if let Some(there) = there {
            fs::write(&path, there).unwrap();
        }
        let place = Place::new();
        let error = place
            .pull_from(stick.path(), &model, &mut Onlooker::default())
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with(why) && error.contains(path.to_str().unwrap()),
            "{error}"
        );
        assert!(!place.path("f.gguf").exists());
    }
}
