//! A folder of models in which somebody has planted things.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use common::place::{CHUNK, Onlooker, Place, content, model};
use proptest::prelude::*;
use serde_json::{Value, json};
use sigmavault_catalogue::{Hasher, Store, Unusable, verify};
use sigmavault_facts::Files;

/// The record of a model of this id with one file, of three bytes.
fn record(id: &str, file: &str) -> Value {
    json!({
        "model": {"id": id, "name": "x", "publisher": "x", "architecture": "qwen3", "licence": "MIT",
                  "licence-url": "https://example.org", "context": 512, "memory-bytes": 1,
                  "file": [{"name": file, "bytes": 3, "sha256": Hasher::of(b"abc"), "url": "https://example.org/"}]},
        "accepted-licence": "MIT", "time": "2026-01-01T00:00:00Z"
    })
}

fn plant(store: &Store, folder: &str, record: &Value) {
    fs::create_dir_all(store.folder().join(folder)).unwrap();
    fs::write(store.folder().join(folder).join("model.json"), record.to_string()).unwrap();
}

#[test]
fn a_record_leads_nowhere_else() {
    let machine = tempfile::tempdir().unwrap();
    let victim = machine.path().join("victim");
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("f.gguf"), "abc").unwrap();
    let store = Store::at(machine.path().join("models"));
    let there = victim.display().to_string();
    for id in ["../victim", &there, "..", ".", "", "M", "a/b", "a\u{202e}b"] {
        plant(&store, "x", &record(id, "f.gguf"));
        assert_eq!(store.installed("x"), None, "{id}");
        let error = store.record_of("x").unwrap_err().to_string();
        assert!(error.contains("model.json: id "), "{error}");
        // The id from the command line, or of a catalogue that was read some other way.
        assert!(
            store.record_of(id).is_err() || store.record_of(id).unwrap().is_none(),
            "{id}"
        );
        assert!(
            store.remove(id).is_err() || store.remove(id).unwrap().is_none(),
            "{id}"
        );
        assert!(
            Store::remove_cache(&Files::new(machine.path()), id).is_err() || id == "M",
            "{id}"
        );
        assert!(!store.has(id), "{id}");
        assert!(store.create(id).is_err(), "{id}");
        assert_eq!(store.bytes_of(id), 0, "{id}");
        assert_eq!(fs::read(victim.join("f.gguf")).unwrap(), b"abc");
    }
    for file in [
        "../../victim/f.gguf",
        &format!("{there}/f.gguf"),
        "",
        ".",
        "a/b",
        "model.json",
        "f.part",
    ] {
        plant(&store, "x", &record("x", file));
        let error = store.record_of("x").unwrap_err().to_string();
        assert!(error.contains(&format!("model.json: file {file:?}: ")), "{error}");
    }
    plant(&store, "x", &record("y", "f.gguf"));
    let error = store.record_of("x").unwrap_err().to_string();
    assert!(
        error.ends_with("model.json: it is the record of \"y\""),
        "{error}"
    );
    plant(&store, "x", &record("x", "f.gguf"));
    assert_eq!(store.installed("x").unwrap().model.id, "x");
    assert_eq!(store.record_of("nobody").unwrap(), None);
}

#[test]
fn links_are_not_followed() {
    let bytes = content(2 * CHUNK);
    let model = model("http://192.0.2.1/f.gguf", &bytes);
    let stick = tempfile::tempdir().unwrap();
    fs::write(stick.path().join("f.gguf"), &bytes).unwrap();
    let victim = stick.path().join("victim");
    // Whatever root writes, it does not write through a link.
    for name in ["download.lock", "f.gguf.part", "f.gguf.journal"] {
        let place = Place::new();
        place.store.create("m").unwrap();
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, place.path(name)).unwrap();
        let error = place
            .pull_from(stick.path(), &model, &mut Onlooker::default())
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with("it is a link; links in the folder of models are not followed"),
            "{name}: {error}"
        );
        assert_eq!(fs::read(&victim).unwrap(), b"precious", "{name}");
    }
    for name in [
        "f.gguf",
        "f.gguf.chunks",
        "f.gguf.chunks.new",
        "model.json",
        "model.json.new",
    ] {
        let place = Place::new();
        place.store.create("m").unwrap();
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, place.path(name)).unwrap();
        place
            .pull_from(stick.path(), &model, &mut Onlooker::default())
            .unwrap();
        place.holds(&bytes);
        assert_eq!(fs::read(&victim).unwrap(), b"precious", "{name}");
    }
    // A hard link is another's file, too.
    let place = Place::new();
    place.store.create("m").unwrap();
    fs::hard_link(&victim, place.path("f.gguf.part")).unwrap();
    let error = place
        .pull_from(stick.path(), &model, &mut Onlooker::default())
        .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("it is not a file of its own; remove it"),
        "{error}"
    );
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn a_linked_model_is_none() {
    let bytes = content(CHUNK);
    let model = model("http://192.0.2.1/f.gguf", &bytes);
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("f.gguf"), &bytes).unwrap();
    fs::write(
        elsewhere.path().join("model.json"),
        record("m", "f.gguf").to_string(),
    )
    .unwrap();
    let place = Place::new();
    symlink(elsewhere.path(), place.store.folder_of("m")).unwrap();
    assert_eq!(place.store.main_file(&model), None);
    assert_eq!(place.store.installed("m"), None);
    assert!(verify::model(&place.store, &model, &mut |_| true).is_err());
    assert!(place.store.remove("m").is_err());
    let pulled = place.pull_from(elsewhere.path(), &model, &mut Onlooker::default());
    assert!(
        pulled
            .unwrap_err()
            .to_string()
            .ends_with("it is no folder, or a link")
    );
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 2);
    // The folder is there, its file is a link.
    fs::remove_file(place.store.folder_of("m")).unwrap();
    place.store.create("m").unwrap();
    symlink(elsewhere.path().join("f.gguf"), place.path("f.gguf")).unwrap();
    assert!(matches!(place.store.usable(&model), Err(Unusable::Refused(_))));
    assert!(verify::model(&place.store, &model, &mut |_| true).is_err());
    // Removing takes the link, not what it points to.
    assert!(place.store.remove("m").unwrap().is_some());
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 2);
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_others_may_change_is_not_used() {
    let bytes = content(CHUNK);
    let model = model("http://192.0.2.1/f.gguf", &bytes);
    let stick = tempfile::tempdir().unwrap();
    fs::write(stick.path().join("f.gguf"), &bytes).unwrap();
    let place = Place::new();
    let pull = || place.pull_from(stick.path(), &model, &mut Onlooker::default());
    let file = pull().unwrap();
    let refused = |what: &Path, why: &str| {
        let error = place.store.usable(&model).unwrap_err();
        assert_eq!(place.store.main_file(&model), None);
        let expected = format!(
            "cannot use {}: {why} and could change a model while it is used",
            what.display()
        );
        assert!(error.to_string().starts_with(&expected), "{error}");
    };
    let (home, store) = (place.store.folder_of("m"), place.store.folder().to_owned());
    for (what, good) in [(&file, 0o644), (&home, 0o755), (&store, 0o755)] {
        mode(what, 0o777);
        refused(what, "everybody may write it");
        mode(what, good);
        assert_eq!(place.store.usable(&model).unwrap(), file);
    }
    // Root's part of it.
    if chown(&file, Some(1234), None).is_ok() {
        refused(&file, "user 1234 owns it");
        chown(&file, Some(0), Some(1234)).unwrap();
        mode(&file, 0o664);
        refused(&file, "group 1234 may write it");
        mode(&file, 0o644);
        assert!(place.store.usable(&model).is_ok());
    }
    // Nor does a download go where others could plant what it opens next.
    mode(&store, 0o777);
    assert!(pull().unwrap_err().to_string().contains("everybody may write it"));
}

#[test]
fn a_file_that_shrank_is_an_error() {
    let bytes = content(CHUNK);
    let model = model("http://192.0.2.1/f.gguf", &bytes);
    let stick = tempfile::tempdir().unwrap();
    fs::write(stick.path().join("f.gguf"), &bytes).unwrap();
    let place = Place::new();
    let file = place
        .pull_from(stick.path(), &model, &mut Onlooker::default())
        .unwrap();
    fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_len(100)
        .unwrap();
    assert_eq!(
        place.store.usable(&model).unwrap_err().to_string(),
        "f.gguf has 100 bytes instead of 65536; try: sigmavault model pull --repair, or add it again"
    );
    fs::remove_file(&file).unwrap();
    assert!(matches!(place.store.usable(&model), Err(Unusable::Absent)));
}

#[test]
fn everybody_reads_and_nobody_else_writes_what_is_got() {
    let bytes = content(CHUNK);
    let model = model("http://192.0.2.1/f.gguf", &bytes);
    let stick = tempfile::tempdir().unwrap();
    fs::write(stick.path().join("f.gguf"), &bytes).unwrap();
    let root = tempfile::tempdir().unwrap();
    let place = Place::at(&root.path().join("new/models"));
    // The umask of the administrator does not matter.
    let before = nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    place
        .pull_from(stick.path(), &model, &mut Onlooker::default())
        .unwrap();
    nix::sys::stat::umask(before);
    let rights = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(
        (rights(place.store.folder()), rights(&place.store.folder_of("m"))),
        (0o755, 0o755)
    );
    for name in ["f.gguf", "f.gguf.chunks", "model.json"] {
        assert_eq!(rights(&place.path(name)), 0o644, "{name}");
    }
}

proptest! {
    #[test]
    fn any_record_is_read_without_panic(text in "(\\{\"model\":\\{\"id\":\"|[\"{}\\[\\]a-z0-9:,./]){0,60}", id in "[a-z./]{0,6}") {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        plant(&store, "x", &json!(null));
        fs::write(store.folder().join("x/model.json"), &text).unwrap();
        prop_assert_eq!(store.installed("x"), None);
        prop_assert_eq!(store.installed(&id), None);
    }
}
