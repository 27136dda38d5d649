use std::collections::BTreeSet;

use proptest::option;
use proptest::prelude::*;
use serde_json::Value;
use sigmavault_types::storage::WantedLayout;

use super::*;
use crate::select::Selector;
use crate::size::Size;

const EXAMPLE: &str = include_str!("../../answers.example.toml");
const MINIMAL: &str = "[system]\ndisk.serial = 'S1'\n";

fn message(text: &str) -> String {
    parse(text).expect_err("an error").to_string()
}

#[test]
fn the_least_that_is_an_answer_file() {
    let answers = parse(MINIMAL).expect("answers");
    assert_eq!(answers.system.disk.serial.as_deref(), Some("S1"));
    assert_eq!(
        (answers.language.as_str(), answers.timezone.as_str()),
        ("C.UTF-8", "Etc/UTC")
    );
    assert_eq!(answers.system.mode, None);
    assert_eq!(
        answers.finish,
        Finish {
            action: None,
            on_failure: Action::Wait
        }
    );
    assert_eq!(
        (answers.encryption, answers.pool, answers.user),
        (None, None, None)
    );
}

#[test]
fn a_raspberry_pi_needs_nothing_about_its_disk() {
    let answers = parse("[user]\nname = 'anna'\n").expect("answers");
    assert_eq!(answers.system, System::default());
    for (action, mode, expected) in [
        (None, Mode::Setup, Action::Reboot),
        (None, Mode::Erase, Action::Wait),
        (None, Mode::KeepData, Action::Wait),
        (Some(Action::Poweroff), Mode::Setup, Action::Poweroff),
        (Some(Action::Reboot), Mode::Erase, Action::Reboot),
    ] {
        let finish = Finish {
            action,
            ..answers.finish
        };
        assert_eq!(finish.after(mode), expected, "{action:?} {mode:?}");
    }
}

#[test]
fn the_example_is_read() {
    let answers = parse(EXAMPLE).expect("answers");
    assert_eq!(answers.system.state_size, Some(Size(128 << 30)));
    assert_eq!(
        answers.pool.and_then(|pool| pool.layout),
        Some(WantedLayout::Raidz1)
    );
    assert_eq!(answers.user.map(|user| user.name).as_deref(), Some("anna"));
    assert_eq!(answers.finish.action, Some(Action::Reboot));
}

/// Names of all properties of a schema.
fn properties(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Object(found)) = object.get("properties") {
                names.extend(found.keys().cloned());
            }
            object.values().for_each(|value| properties(value, names));
        }
        Value::Array(items) => items.iter().for_each(|item| properties(item, names)),
        _ => {}
    }
}

#[test]
fn the_example_shows_every_answer() {
    let mut names = BTreeSet::new();
    properties(&schema(), &mut names);
    assert!(names.contains("wwn") && names.contains("on-failure"), "{names:?}");
    for name in names {
        let shown = EXAMPLE
            .lines()
            .map(|line| line.trim_start_matches(['#', ' ']))
            .any(|line| {
                line.starts_with(&format!("{name} = "))
                    || line.starts_with(&format!("[{name}]"))
                    || line.starts_with('[') && line.ends_with(&format!(".{name}]"))
            });
        assert!(shown, "{name}");
    }
}

#[test]
fn the_committed_schema_is_the_present_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/answers.schema.json");
    let present = serde_json::to_string_pretty(&schema()).expect("JSON") + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &present).expect("the schema is written");
    }
    let committed = std::fs::read_to_string(path).expect("the schema is there");
    assert!(
        committed == present,
        "run the tests once with UPDATE_SCHEMA=1 and commit answers.schema.json"
    );
}

#[test]
fn the_schema_has_no_null() {
    assert!(!schema().to_string().contains("null"));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, expected) in [
        ("[system\n", "line 1, column 8: unclosed table, expected `]`"),
        (
            "[system]\ndsik.serial = 'x'\n",
            "line 2, column 1: there is no system.dsik; nearest: 'disk'",
        ),
        (
            "# ä\n[system]\nmode = 'erase' # ä\nconfrim = 'x'\n",
            "line 4, column 1: there is no system.confrim; nearest: 'confirm'",
        ),
        (
            "hostname = 'nas'\n[system]\n",
            "line 1, column 1: there is no hostname; nearest: 'network.hostname'",
        ),
        (
            "[system]\nx = 1\n",
            "line 2, column 1: there is no system.x; known here: confirm, disk, mode, state-size",
        ),
        (
            "system.disk.serial = 'a'\nsystem.mode = 'keepdata'\n",
            "line 2, column 15: system.mode cannot be 'keepdata'; it is one of erase, keep-data, setup; nearest: 'keep-data'",
        ),
        (
            "[[system.disk]]\nserial = 'a'\n[[system.disk]]\nserial = 'b'\n",
            "line 1, column 1: system.disk is one disk, written [system.disk]: mirrored system disks are not supported",
        ),
        (
            "[system]\ndisk = ['a']\n",
            "line 2, column 8: system.disk is one disk, written [system.disk]: mirrored system disks are not supported",
        ),
        (
            "[system]\ndisk.serial = 12\n",
            "line 2, column 15: system.disk.serial must be text in quotes, not a number",
        ),
        (
            "pool.disks = [{ serial = 's' }, { seral = 's' }]\n",
            "line 1, column 35: there is no pool.disks[1].seral; nearest: 'serial'",
        ),
        (
            "[system]\ndisk.serial = 'S'\nstate-size = '64'\n",
            "line 3, column 14: '64' is not a size: write a whole number with K, M, G or T, such as 64G",
        ),
        (
            "system.disk.serial = 'a'\n[network.link]\nkind = 'team'\n",
            "line 3, column 8: network.link.kind cannot be 'team'; it is one of bond, bridge, vlan",
        ),
        (
            "system.disk.serial = 'a'\n[network.link]\nkind = 'vlan'\ninterfaces = []\nid = 'ten'\n",
            "line 5, column 6: network.link.id must be a number, not text in quotes",
        ),
        ("a = 1\na = 2\n", "line 2, column 1: duplicate key"),
    ] {
        assert_eq!(message(text), expected, "{text}");
    }
}

#[test]
fn bytes_that_are_no_text_are_said_with_their_place() {
    assert_eq!(text(b"\xef\xbb\xbfa = 1\n"), Ok("a = 1\n"));
    let latin1 = b"# \xc3\xa4\n[user]\nfull-name = 'J\xfcrgen'\n";
    assert_eq!(
        text(latin1).expect_err("an error").to_string(),
        "line 3, column 15: a byte that is not UTF-8 text: save the file as UTF-8"
    );
}

#[test]
fn secrets_are_not_repeated() {
    for text in [
        "[user]\nname = 'a'\npassword = 87654321\n",
        "[user]\nname = 'a'\npassword = [\"87654321\"]\n",
        "[user]\nname = 'a'\npassword = \"87654321\n",
        "[user]\nname = 'a'\npassword = 87654321x\n",
        "[encryption]\npassphrase = { a = 87654321 }\n",
    ] {
        let message = message(text);
        assert!(!message.contains("8765"), "{message}");
    }
}

#[test]
fn sizes() {
    for (text, expected) in [
        ("64G", Some(64 << 30)),
        ("1k", Some(1024)),
        ("2T", Some(2 << 40)),
        ("0M", Some(0)),
        ("", None),
        ("G", None),
    ]
    .into_iter()
    .chain([
        ("64", None),
        ("+1G", None),
        ("-1G", None),
        ("1.5G", None),
        ("1 G", None),
        ("1Gi", None),
        ("ä", None),
    ])
    .chain([("16777215T", Some(16_777_215 << 40)), ("16777216T", None)])
    {
        assert_eq!(text.parse::<Size>().ok(), expected.map(Size), "{text}");
    }
    for (bytes, text) in [(0, "0K"), (1536 << 20, "1536M"), (3 << 40, "3T"), (1024, "1K")] {
        assert_eq!(Size(bytes).to_string(), text);
    }
}

prop_compose! {
    fn selector()(
        serial in option::of(any::<String>()),
        wwn in option::of("[a-z0-9.]{0,9}"),
        model in option::of(any::<String>()),
        bus in option::of("[a-z]{1,5}"),
        path in option::of("/dev/[a-z0-9/:-]{1,20}"),
        min_size in option::of(size()),
        max_size in option::of(size()),
    ) -> Selector {
        Selector { serial, wwn, model, bus, path, min_size, max_size }
    }
}

fn size() -> impl Strategy<Value = Size> {
    (0..u64::MAX >> 10).prop_map(|kib| Size(kib << 10))
}

fn secret() -> impl Strategy<Value = Secret> {
    any::<String>().prop_map(Secret)
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![Just(Action::Reboot), Just(Action::Poweroff), Just(Action::Wait)]
}

prop_compose! {
    fn system()(
        disk in selector(),
        confirm in option::of(any::<String>()),
        mode in option::of(prop_oneof![Just(Mode::Erase), Just(Mode::KeepData), Just(Mode::Setup)]),
        state_size in option::of(size()),
    ) -> System {
        System { disk, confirm, mode, state_size }
    }
}

prop_compose! {
    fn pool()(
        name in any::<String>(),
        layout in option::of(prop::sample::select(&WantedLayout::ALL[..])),
        encrypt in option::of(any::<bool>()),
        disks in prop::collection::vec(selector(), 0..4),
        erase in prop::collection::vec(any::<String>(), 0..4),
    ) -> Pool {
        Pool { name, layout, encrypt, disks, erase }
    }
}

prop_compose! {
    fn address()(
        interface in any::<String>(),
        address in any::<String>(),
        gateway in option::of(any::<std::net::IpAddr>()),
        dns in prop::collection::vec(any::<std::net::IpAddr>(), 0..3),
    ) -> Address {
        Address { interface, address, gateway, dns }
    }
}

prop_compose! {
    fn link()(
        kind in prop::sample::select(&[LinkKind::Bond, LinkKind::Bridge, LinkKind::Vlan][..]),
        interfaces in prop::collection::vec(any::<String>(), 0..3),
        mode in option::of(prop::sample::select(
            &[BondMode::ActiveBackup, BondMode::Lacp, BondMode::BalanceAlb][..]
        )),
        id in option::of(any::<u16>()),
    ) -> Link {
        Link { kind, interfaces, mode, id }
    }
}

prop_compose! {
    fn user()(
        name in any::<String>(),
        full_name in any::<String>(),
        password in option::of(secret()),
        password_hash in option::of(secret()),
        ssh_keys in prop::collection::vec(any::<String>(), 0..3),
        (ssh, sudo_without_password) in (any::<bool>(), any::<bool>()),
    ) -> User {
        User { name, full_name, password, password_hash, ssh_keys, ssh, sudo_without_password }
    }
}

prop_compose! {
    fn all_answers()(
        (language, timezone, layout, variant) in (any::<String>(), any::<String>(), any::<String>(), option::of(any::<String>())),
        latin in option::of((any::<String>(), option::of(any::<String>())).prop_map(|(layout, variant)| XkbLayout { layout, variant })),
        system in system(),
        encryption in option::of((secret(), any::<bool>(), any::<bool>(), option::of(secret()))),
        pool in option::of(pool()),
        (hostname, link) in (any::<String>(), option::of(link())),
        address in option::of(address()),
        user in option::of(user()),
        (action, on_failure) in (option::of(action()), action()),
    ) -> Answers {
        Answers {
            language,
            keyboard: Keyboard { layout, variant, latin },
            timezone,
            system,
            encryption: encryption.map(|(passphrase, recovery_key, tpm2, tpm_pin)| Encryption { passphrase, recovery_key, tpm2, tpm_pin }),
            pool,
            network: Network { hostname, link, address },
            user,
            finish: Finish { action, on_failure },
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(answers in all_answers()) {
        let text = toml::to_string(&answers).expect("TOML");
        prop_assert_eq!(parse(&text), Ok(answers));
    }

    #[test]
    fn any_text_is_refused_or_read(text in any::<String>()) {
        let _ = parse(&text);
    }

    /// Damage to a good file reaches further into the parser than arbitrary text.
    #[test]
    fn a_damaged_file_is_refused_or_read(at in 0..EXAMPLE.len(), length in 0..40_usize, put in "[\\[\\]{}='\"a1ä\n.#]{0,3}") {
        let end = (at + length).min(EXAMPLE.len());
        let text = format!("{}{put}{}", &EXAMPLE[..at], &EXAMPLE[end..]);
        if let Err(error) = parse(&text) {
            prop_assert!(error.line >= 1 && error.line <= text.matches('\n').count() + 1);
            prop_assert!(error.column >= 1);
            prop_assert!(!error.message.is_empty() && !error.message.contains('\n'));
        }
    }
}
