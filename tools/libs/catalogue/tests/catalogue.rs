//! The vendor's catalogue, a site's changes to it, and the folder of models.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use sigmavault_catalogue::{Catalogue, Hasher, OPEN_LICENCES, Origin, Store, verify};
use sigmavault_facts::Files;
use sigmavault_types::tier::Tier;
use tempfile::TempDir;

const VENDOR: &str = include_str!("../../../../units/ryzan/models.toml");

const GIB: u64 = 1 << 30;

fn machine(files: &[(&str, &str)]) -> (TempDir, Files) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let files = Files::new(folder.path());
    (folder, files)
}

fn entry(id: &str, more: &str) -> String {
    format!(
        "[[model]]\nid = {id:?}\nname = \"N\"\npublisher = \"P\"\narchitecture = \"qwen3\"\nlicence = \"MIT\"\n\
         licence-url = \"https://example.org\"\ncontext = 4096\nmemory-bytes = 5\n{more}\n\
         [[model.file]]\nname = \"f.gguf\"\nbytes = 3\nurl = \"https://example.org/f\"\nsha256 = \"{}\"\n",
        Hasher::of(b"abc")
    )
}

#[test]
fn what_the_vendor_offers() {
    let catalogue = Catalogue::parse(VENDOR).unwrap();
    assert_eq!(catalogue.models().len(), 7);
    for model in catalogue.models() {
        assert!(
            OPEN_LICENCES.contains(&model.licence.as_str()),
            "{} has the licence {}",
            model.id,
            model.licence
        );
        for file in &model.files {
            assert!(file.url.starts_with("https://"), "{}", file.url);
            assert!(file.url.ends_with(&format!("/{}", file.name)), "{}", file.url);
        }
        assert!(model.bytes() < model.memory_bytes, "{}", model.id);
    }
    assert_eq!(
        catalogue.get("bonsai-8b-t").unwrap().files[0].bytes,
        2_310_125_920
    );
}

#[test]
fn every_tier_has_its_models() {
    let catalogue = Catalogue::parse(VENDOR).unwrap();
    let ids = |tier: Tier, memory| -> Vec<String> {
        let models = catalogue.resolve_all(tier.name(), memory).unwrap();
        models.into_iter().map(|model| model.id.clone()).collect()
    };
    assert_eq!(ids(Tier::Draft350m, Some(2 * GIB)), ["granite-350m-h"]);
    assert_eq!(ids(Tier::Draft350m, Some(8 * GIB)), ["bonsai-1.7b-t"]);
    assert_eq!(ids(Tier::Draft350m, None), ["bonsai-1.7b-t"]);
    assert_eq!(ids(Tier::Bitnet7b, Some(16 * GIB)), ["bonsai-8b-t"]);
    assert_eq!(
        ids(Tier::Bitnet7bMamba, Some(64 * GIB)),
        ["bonsai-8b-t", "granite-tiny-h"]
    );
    assert_eq!(catalogue.resolve("embedding", None).unwrap().id, "minilm-l6");
    assert_eq!(
        catalogue.resolve("gpt", None).unwrap_err().to_string(),
        "there is no model \"gpt\"; there are: bitnet-2b-4t, bonsai-1.7b-t, bonsai-4b-t, bonsai-8b-t, granite-350m-h, \
         granite-tiny-h, minilm-l6"
    );
}

#[test]
fn the_site_has_the_last_word() {
    let site = format!(
        "{}{}",
        entry("bonsai-8b-t", ""),
        entry("own", "aliases = [\"bitnet-7b\"]")
    );
    let (_folder, files) = machine(&[
        ("usr/lib/sigmavault/models.toml", VENDOR),
        ("etc/sigmavault/models.d/10-site.toml", &site),
        ("etc/sigmavault/models.d/note.txt", "not read"),
    ]);
    let catalogue = Catalogue::load(&files).unwrap();
    assert_eq!(catalogue.models().len(), 8);
    assert_eq!(catalogue.resolve("bitnet-7b", None).unwrap().id, "own");
    assert_eq!(catalogue.get("bonsai-8b-t").unwrap().memory_bytes, 5);
    assert_eq!(catalogue.origin("bonsai-8b-t"), Some(Origin::Site));
    assert_eq!(catalogue.origin("minilm-l6"), Some(Origin::Vendor));
    assert_eq!(catalogue.aliases()["bitnet-7b"], ["own"]);
}

#[test]
fn a_mirror_takes_the_place_of_every_source() {
    let (_folder, files) = machine(&[
        ("usr/lib/sigmavault/models.toml", VENDOR),
        (
            "etc/sigmavault/models.d/mirror.toml",
            "mirror = \"https://nas2.example/models/\"",
        ),
    ]);
    let catalogue = Catalogue::load(&files).unwrap();
    assert_eq!(
        catalogue.get("minilm-l6").unwrap().files[1].url,
        "https://nas2.example/models/minilm-l6/config.json"
    );
}

#[test]
fn no_catalogue_is_an_empty_one() {
    let (_folder, files) = machine(&[]);
    let catalogue = Catalogue::load(&files).unwrap();
    assert_eq!(
        catalogue.resolve("x", None).unwrap_err().to_string(),
        "there is no model \"x\"; the catalogue is empty; is /usr/lib/sigmavault/models.toml there?"
    );
}

#[test]
fn faults_are_named() {
    let fault = |text: &str| Catalogue::parse(text).unwrap_err().to_string();
    let start = "/usr/lib/sigmavault/models.toml: the model ";
    let changed = |from: &str, to: &str| fault(&entry("m", "").replace(from, to));
    assert_eq!(
        fault(&entry("../m", "")),
        format!(
            "{start}\"../m\": id \"../m\" must be of a to z, 0 to 9, \"-\" and \".\", and begin with a letter or digit"
        )
    );
    assert_eq!(
        changed("f.gguf", "../f"),
        format!(
            "{start}\"m\": file \"../f\": its name must be of letters, digits, \"-\", \"_\" and \".\", and not begin with a dot"
        )
    );
    assert_eq!(
        changed("f.gguf", "f.part"),
        format!("{start}\"m\": file \"f.part\": this name is used for what is kept about a model")
    );
    assert_eq!(
        changed("bytes = 3\n", "bytes = 0\n"),
        format!("{start}\"m\": file \"f.gguf\": bytes must be from 1 to 4398046511104")
    );
    assert_eq!(
        changed("https://example.org/f", "ftp://example.org/f"),
        format!("{start}\"m\": file \"f.gguf\": url must begin with https:// or http://")
    );
    assert_eq!(
        changed(
            "bytes = 3\n",
            &format!("bytes = 8388609\nchunks = [\"{}\"]\n", Hasher::of(b""))
        ),
        format!("{start}\"m\": file \"f.gguf\": it has 1 chunks where 2 of 8 MiB make its length")
    );
    assert_eq!(
        fault(&format!("{}{}", entry("m", ""), entry("m", ""))),
        format!("{start}\"m\": it occurs twice")
    );
    let message = changed("context = 4096", "contexts = 4096");
    assert!(message.contains("unknown field `contexts`"), "{message}");
    let message = changed("sha256 = \"ba78", "sha256 = \"xx78");
    assert!(
        message.contains("a SHA-256 has 64 hexadecimal digits"),
        "{message}"
    );
    assert!(fault("mirror = \"nas2\"").ends_with("mirror \"nas2\" must begin with https:// or http://"));
}

#[test]
fn models_lie_on_the_pool_when_it_is_there() {
    let pool = "26 22 0:40 / /srv/sigmavault rw - zfs tank/sigmavault rw,xattr\n";
    let (folder, files) = machine(&[("proc/self/mountinfo", pool)]);
    let at = |files: &Files| Store::of(files).folder().to_owned();
    assert_eq!(at(&files), folder.path().join("var/lib/sigmavault/models"));
    fs::create_dir_all(folder.path().join("srv/sigmavault/models")).unwrap();
    assert_eq!(at(&files), folder.path().join("srv/sigmavault/models"));
    // The pool is not imported: only its mount point exists.
    fs::write(
        folder.path().join("proc/self/mountinfo"),
        "22 1 254:0 / / ro - erofs /dev/mapper/root ro\n",
    )
    .unwrap();
    assert_eq!(at(&files), folder.path().join("var/lib/sigmavault/models"));
}

fn installed(folder: &Path, content: &[u8]) -> (Store, Catalogue) {
    let catalogue = Catalogue::parse(&entry("m", "")).unwrap();
    let store = Store::at(folder);
    store.create("m").unwrap();
    fs::write(store.folder_of("m").join("f.gguf"), content).unwrap();
    (store, catalogue)
}

#[test]
fn what_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let (store, catalogue) = installed(folder.path(), b"abc");
    let model = catalogue.get("m").unwrap();
    let path = store.path_of(model, &model.files[0]);
    let state = || {
        let checked = verify::model(&store, model, &mut |_| true).unwrap();
        serde_json::to_value(&checked[0]).unwrap()
    };
    assert!(store.chunk_list(model, &model.files[0]).is_none());
    assert_eq!(state(), serde_json::json!({"file": "f.gguf", "state": "good"}));
    assert_eq!(
        store.chunk_list(model, &model.files[0]).unwrap().chunks,
        [Hasher::of(b"abc")]
    );
    assert_eq!(store.main_file(model), Some(path.clone()));
    fs::write(&path, "abd").unwrap();
    assert_eq!(
        state(),
        serde_json::json!({"file": "f.gguf", "state": "damaged", "chunks": [0]})
    );
    fs::write(&path, "abcd").unwrap();
    assert_eq!(
        state(),
        serde_json::json!({"file": "f.gguf", "state": "length", "expected": 3, "found": 4})
    );
    assert_eq!(store.main_file(model), None);
    fs::remove_file(&path).unwrap();
    assert_eq!(state(), serde_json::json!({"file": "f.gguf", "state": "missing"}));
}

#[test]
fn what_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = installed(folder.path(), b"abc");
    assert_eq!(store.names().unwrap(), ["m"]);
    assert_eq!(store.remove("m").unwrap(), Some(3));
    assert_eq!(store.remove("m").unwrap(), None);
    assert!(store.names().unwrap().is_empty());
}
