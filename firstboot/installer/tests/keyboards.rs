//! The program with a keyboard that lacks Latin letters: plain questions and answer files.
#![allow(clippy::unwrap_used)]

mod started;

use std::fs;

use started::{installer, text};

/// The lines of the plan about language and keyboard.
const SETTINGS: &str = "  language ru_RU.UTF-8, keyboard us (dvorak) with ru, time zone Etc/UTC\n  \
                        keyboard at first us (dvorak); Alt+Shift switches to ru\n";

#[test]
fn plain_questions_ask_for_a_second_layout() {
    let input = [
        "ru_RU.UTF-8",
        "",
        "", // Russian, as it is proposed
        "rs",
        "", // Serbian lacks them too
        "",
        "dvorak",
        "", // time zone
        "nvme0n1",
        "no",
        "vault",
        "",
        "ada",
        "",
        "long enough",
        "long enough",
        "no",
        "", // back from the summary
        "no",
    ];
    let output = installer(&["--demo", "one-disk", "--plain"], &(input.join("\n") + "\n"));
    let out = text(&output.stdout);
    for said in [
        "Keyboard layout (? lists them) [ru]",
        "'ru' lacks letters of a to z, which user names, passwords and commands need. A second layout gives them: it is \
         in use at first, and Alt+Shift switches between both, also where the passphrase is typed.",
        "Layout for these letters (? lists them) [us]",
        "'rs' lacks letters of a to z.",
        SETTINGS,
    ] {
        assert!(out.contains(said), "no '{said}' in\n{out}");
    }
}

#[test]
fn answers_with_a_second_layout() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.toml");
    let check = |keyboard: &str, arguments: &[&str]| {
        let answers = format!(
            "language = 'ru_RU.UTF-8'\n[keyboard]\n{keyboard}\n[system]\ndisk.serial = 'S5GXNX0R401382F'\n\
             confirm = 'S5GXNX0R401382F'\n[user]\nname = 'ada'\npassword = 'long enough'\n"
        );
        fs::write(&path, answers).unwrap();
        let mut all = arguments.to_vec();
        all.extend(["--check-answers", path.to_str().unwrap()]);
        let output = installer(&all, "");
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let (code, said) = check(
        "layout = 'ru'\nlatin = { layout = 'us', variant = 'dvorak' }",
        &["--demo"],
    );
    assert!(code == Some(0) && said.contains(SETTINGS), "{said}");
    let (code, said) = check("layout = 'ru'", &["--demo"]);
    assert!(
        code == Some(0) && said.contains("  keyboard at first us; Alt+Shift switches to ru\n"),
        "{said}"
    );
    let (code, said) = check("layout = 'ru'\nlatin.layout = 'rs'", &["--demo"]);
    let expected =
        "line 4, column 16: keyboard.latin.layout: layout 'rs' lacks letters of a to z; 'us' has all of them";
    assert!(code == Some(1) && said.contains(expected), "{said}");
    // Away from the machine nobody knows the letters, but one name is one name.
    let (code, said) = check("layout = 'us,ru'", &[]);
    assert!(
        code == Some(1) && said.contains("keyboard.layout: 'us,ru' is not the name of one layout"),
        "{said}"
    );
}
