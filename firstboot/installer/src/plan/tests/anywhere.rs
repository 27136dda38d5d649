//! What is said of answers without a machine.

use super::*;

fn said(edit: impl FnOnce(&mut Answers)) -> Vec<String> {
    let mut answers = answers();
    edit(&mut answers);
    check(&answers).iter().map(ToString::to_string).collect()
}

#[test]
fn good_answers_are_good_anywhere() {
    assert_eq!(said(|_| {}), [""; 0]);
    assert_eq!(
        said(|answers| {
            answers.system.mode = Some(Mode::KeepData);
            answers.user = None;
        }),
        [""; 0]
    );
}

#[test]
fn everything_that_needs_no_machine_is_checked() {
    let said = said(|answers| {
        answers.network.hostname = "Büro!".to_owned();
        answers.system.confirm = None;
        answers.system.state_size = Some(Size(GIB));
        answers.pool = Some(Pool {
            name: "mirror 1".to_owned(),
            layout: Some(WantedLayout::Mirror),
            encrypt: None,
            disks: vec![by_serial("D1")],
            erase: Vec::new(),
        });
        answers.encryption = Some(Encryption {
            passphrase: Secret("short".to_owned()),
            recovery_key: false,
            tpm2: true,
            tpm_pin: None,
        });
        let user = answers.user.as_mut().expect("a user");
        user.name = "root".to_owned();
        user.password = Some(Secret("x".to_owned()));
    });
    let keys: Vec<&str> = said.iter().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(
        keys,
        [
            "system.confirm",
            "system.state-size",
            "encryption.passphrase",
            "encryption.tpm-pin",
            "encryption.recovery-key",
            "pool.name",
            "pool.layout",
            "network.hostname",
            "user.name",
            "user.password",
        ]
    );
}

#[test]
fn selectors_that_match_nothing_or_the_same() {
    assert_eq!(
        said(|answers| {
            answers.system.disk = Selector::default();
            answers.pool = Some(pool(&["D1", "SYS", "D1"]));
        }),
        [
            "system.disk: the selector is empty and would match any disk: give at least one of serial, wwn, model, bus, path, min-size, max-size",
            "pool.disks[2]: names the same disk again",
        ]
    );
    assert_eq!(
        said(|answers| {
            answers.system.disk.min_size = Some(Size(2 * GIB));
            answers.system.disk.max_size = Some(Size(GIB));
        }),
        ["system.disk: no disk has at least 2G and at most 1G"]
    );
    assert_eq!(
        said(|answers| answers.pool = Some(pool(&["SYS"]))),
        ["pool.disks[0]: is the system disk"]
    );
}

#[test]
fn what_keeping_data_leaves_alone_is_refused_anywhere() {
    let said = said(|answers| {
        answers.system.mode = Some(Mode::KeepData);
        answers.pool = Some(pool(&["D1"]));
    });
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("pool: cannot be given"), "{said:?}");
}

#[test]
fn a_pools_key_does_not_lie_in_the_open() {
    let refused = said(|answers| {
        answers.pool = Some(Pool {
            encrypt: Some(true),
            ..pool(&["D1"])
        });
    });
    assert_eq!(
        refused,
        [
            "pool.encrypt: cannot be true without [encryption]: the pool's key lies on the state partition, where whoever has the \
             machine would read it; give [encryption], or leave pool.encrypt out"
        ]
    );
}
