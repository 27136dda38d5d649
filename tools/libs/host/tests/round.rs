//! Any text is read without a panic, and odd names come back as they were printed.

use proptest::prelude::*;
use serde_json::json;
use sigmavault_host::zpool::{events, get, import, list as pools, status};
use sigmavault_host::{zdb, zfs, zpool};

fn read_everything(text: &str) {
    let _ = (status::parse(text), pools::parse(text), get::parse(text));
    let _ = (
        status::parse_damaged(text),
        import::parse(text),
        events::parse(text),
    );
    let _ = (
        zfs::list::parse(text),
        zfs::diff::parse(text),
        zfs::space::parse(text),
    );
    let _ = (
        zfs::snapshot::parse_holds(text),
        zfs::change::parse_destruction(text),
    );
    let _ = (
        zdb::parse_label(text),
        zpool::Refusal::of(text),
        zfs::Refusal::of(text),
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in "(\t|\n| {1,8}|pool: |id: |state: |config:|errors: |use '-f'|invalid vdev specification\n|is part of |\\\\0[0-7]{3}|0x[0-9a-f]{1,17}| = |\"|\\PC){0,60}") {
        read_everything(&text);
    }

    #[test]
    fn no_json_panics(body in r#"("(pools|datasets|tank|vdevs|properties|source|type|guid|value|name|data)":?|[\[\]{},]|-?[0-9]{1,22}|"-"|null|true){0,60}"#) {
        read_everything(&format!(r#"{{"output_version": {{"vers_major": 0}}, "pools": {{{body}}}"#));
        read_everything(&format!(r#"{{"output_version": {{"vers_major": 0}}, "datasets": {{{body}}}}}"#));
    }

    #[test]
    fn datasets_come_back(name in "tank/-?[a-z0-9 ä日%:._-]{0,20}(@-?[a-z ]{1,6})?", guid: u64, as_text: bool) {
        let number = if as_text { json!(guid.to_string()) } else { json!(guid) };
        let text = json!({
            "output_version": {"command": "zfs list", "vers_major": 0, "vers_minor": 1},
            "datasets": {&name: {
                "name": &name, "type": "FILESYSTEM", "pool": "tank", "createtxg": "7", "new": [1],
                "properties": {"guid": {"value": number, "source": {"type": "NONE", "data": "-"}}},
            }},
        }).to_string();
        let found = zfs::list::parse(&text).unwrap();
        prop_assert_eq!((found[0].name.as_str(), found[0].guid()), (name.as_str(), Some(guid)));
    }

    #[test]
    fn vdevs_come_back(name in "[a-z0-9 ä/-]{1,20}", guid: u64, errors: u64, as_text: bool) {
        let number = |number: u64| if as_text { json!(number.to_string()) } else { json!(number) };
        let vdev = json!({"name": &name, "guid": number(guid), "checksum_errors": number(errors), "vdev_type": "new", "more": {}});
        let text = json!({
            "output_version": {"vers_major": 0},
            "pools": {"tank": {"name": "tank", "pool_guid": number(guid), "vdevs": {"tank": {"vdevs": {&name: vdev}}}}},
        }).to_string();
        let found = &status::parse(&text).unwrap()[0];
        let vdev = &found.data[0];
        prop_assert_eq!((found.guid, vdev.name.as_str(), vdev.guid, vdev.checksum_errors), (guid, name.as_str(), guid, errors));
    }

    #[test]
    fn paths_come_back(bytes in proptest::collection::vec(1_u8..=255, 1..20)) {
        use std::os::unix::ffi::OsStrExt;
        let escaped: String = bytes
            .iter()
            .map(|byte| match byte {
                b'!'..=b'[' | b']'..=b'~' => char::from(*byte).to_string(),
                other => format!("\\0{other:03o}"),
            })
            .collect();
        let found = zfs::diff::parse(&format!("1.2\tM\tF\t{escaped}\n"));
        prop_assert_eq!(found[0].path.as_os_str().as_bytes(), bytes.as_slice());
    }

    #[test]
    fn events_come_in_any_pieces(values in proptest::collection::vec("[a-z \"=]{0,12}", 1..6), piece in 1_usize..40) {
        let text: String = values
            .iter()
            .enumerate()
            .map(|(number, value)| {
                format!("Dec  1 2026 12:00:00.0\tsysevent.fs.zfs.x\n        note = \"{value}\"\n        eid = {number:#x}\n\n")
            })
            .collect();
        let mut reader = events::Events::default();
        let mut found: Vec<_> = text.as_bytes().chunks(piece).flat_map(|bytes| reader.feed(bytes)).collect();
        found.extend(reader.finish());
        let notes: Vec<&str> = found.iter().filter_map(|event| event.value("note")).collect();
        prop_assert_eq!(notes, values.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn an_endless_line_is_cut() {
    let mut reader = events::Events::default();
    let start = "Dec  1 2026 12:00:00.0\tx\n        note = \"";
    assert_eq!(reader.feed(start.as_bytes()), []);
    for _ in 0..1000 {
        assert_eq!(reader.feed(&[b'a'; 8192]), []);
    }
    let found = reader.feed(b"\n\n");
    assert!(found[0].value("note").unwrap().len() < 70_000);
    for number in 0..2000 {
        reader.feed(format!("        v{number} = 0x1\n").as_bytes());
    }
    assert_eq!(reader.finish(), None);
}
