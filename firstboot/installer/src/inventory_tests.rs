use proptest::prelude::*;

use super::*;

fn part(label: &str, size: u64, fstype: Option<&str>) -> String {
    let fstype = fstype.map_or("null".to_owned(), |kind| format!("\"{kind}\""));
    format!(
        r#"{{"name":"sda1","path":"/dev/sda1","type":"part","size":{size},"partlabel":"{label}","fstype":{fstype},"mountpoints":[null]}}"#
    )
}

fn device(rest: &str, children: &[String]) -> Device {
    let text = format!(
        r#"{{"blockdevices":[{{"name":"sda","path":"/dev/sda","type":"disk","size":1000,"rota":true,"ro":false,"log-sec":512,
        "mountpoints":[null]{rest},"children":[{}]}}]}}"#,
        children.join(",")
    );
    lsblk::parse(&text).unwrap().remove(0)
}

#[test]
fn an_installed_system_is_known_by_its_partitions() {
    let slots =
        ["esp", "root-a", "root-a-verity", "root-b", "root-b-verity"].map(|label| part(label, 7, None));
    let with = |state: &str, fstype| {
        contents(&device(
            "",
            &[&slots[..], &[part(state, 9, Some(fstype))]].concat(),
        ))
    };
    let expected = |complete, encrypted| {
        Contents::SigmaVault(Installed {
            complete,
            version: None,
            slot_bytes: 7,
            verity_bytes: 7,
            state_bytes: 9,
            encrypted,
        })
    };
    assert_eq!(with("state", "ext4"), expected(true, false));
    assert_eq!(with("state", "crypto_LUKS"), expected(true, true));
    assert_eq!(with("state-new", "ext4"), expected(false, false));
    assert!(matches!(with("home", "ext4"), Contents::Foreign(_)));
}

#[test]
fn other_contents_are_named() {
    assert_eq!(contents(&device("", &[])), Contents::Empty);
    assert_eq!(
        contents(&device(r#","pttype":"gpt""#, &[])),
        Contents::Foreign("an empty gpt partition table".into())
    );
    assert_eq!(
        contents(&device(r#","fstype":"zfs_member","label":"tank""#, &[])),
        Contents::Foreign("\"tank\" (zfs_member)".into())
    );
    assert_eq!(
        contents(&device(
            r#","pttype":"gpt""#,
            &[part("x", 1, Some("ntfs")), part("y", 1, Some("ext4"))]
        )),
        Contents::Foreign("2 partitions: (ntfs), (ext4)".into())
    );
}

#[test]
fn what_is_mounted_or_built_upon_is_in_use() {
    let mounted = part("x", 1, Some("ext4")).replace("[null]", r#"["/mnt"]"#);
    assert_eq!(
        holder(&device("", &[mounted])).map(|by| by.to_string()),
        Some("sda1 is in use as /mnt".into())
    );
    let raid = r#"{"name":"md0","path":"/dev/md0","type":"raid1","size":1,"mountpoints":[null]}"#;
    assert_eq!(
        holder(&device("", &[raid.to_owned()])).map(|by| by.to_string()),
        Some("md0 (raid1) is made of it and running".into())
    );
    assert_eq!(holder(&device("", &[part("x", 1, None)])), None);
}

#[test]
fn keyboards_have_their_variants() {
    let text = "! model\n  pc105  Generic\n\n! layout\n  us              English (US)\n  de              German\n\n! variant\n  \
                nodeadkeys      de: German (no dead keys)\n  x  zz: Nowhere\n\n! option\n  grp  Switching\n";
    assert_eq!(
        keyboards(text),
        [
            KeyboardLayout {
                name: "us".into(),
                description: "English (US)".into(),
                variants: vec![],
            },
            KeyboardLayout {
                name: "de".into(),
                description: "German".into(),
                variants: vec![("nodeadkeys".into(), "German (no dead keys)".into())],
            },
        ]
    );
}

proptest! {
    #[test]
    fn nothing_panics(text in "\\PC{0,200}") {
        let _ = keyboards(&text);
    }
}
