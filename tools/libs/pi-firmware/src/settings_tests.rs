use super::*;
use crate::board::Board;
use proptest::prelude::*;
use std::convert::Infallible;

fn facts(board: Board) -> Facts {
    Facts {
        board,
        serial: 0,
        tryboot: false,
        partition: 0,
        boot_partition: 2,
    }
}

fn with(text: &str, board: Board, included: &[(&str, &str)]) -> Settings {
    let mut open = |name: &str| {
        let found = included.iter().find(|(file, _)| *file == name);
        Ok::<_, Infallible>(found.map(|(_, text)| text.as_bytes().to_vec()))
    };
    let Ok(settings) = read(text.as_bytes(), &facts(board), &mut open);
    settings
}

fn of(text: &str) -> Settings {
    with(text, Board::Pi4B, &[])
}

#[test]
fn a_usual_file() {
    let text = "# SigmaVault\n[all]\narm_64bit=1\nkernel=vmlinuz\ninitramfs initrd.img,settings.img followkernel\n\
                cmdline=cmdline.txt\nenable_uart=1\nupstream_kernel=1\ndtoverlay=disable-bt\ndtoverlay=\n";
    let expected = Settings {
        kernel: Some("vmlinuz".into()),
        initrds: vec!["initrd.img".into(), "settings.img".into()],
        enable_uart: Some(true),
        upstream_kernel: true,
        overlays: vec!["disable-bt".into()],
        ..Settings::default()
    };
    assert_eq!(of(text), expected);
    assert_eq!(of(""), Settings::default());
}

#[test]
fn initrds_in_both_forms() {
    for text in [
        "initramfs a,b followkernel",
        "initramfs a,b 0x00800000",
        "initramfs a,b",
        "ramfsfile=a,b\nramfsaddr=-1",
        "initramfs c followkernel\ninitramfs a,b followkernel",
        "initramfs c followkernel\nramfsfile=a,b",
    ] {
        assert_eq!(of(text).initrds, ["a", "b"], "{text}");
    }
    let wrong = of("initramfs=a followkernel");
    assert_eq!(wrong.initrds, [""; 0]);
    assert_eq!(
        wrong.notes,
        [Note::SettingIgnored("initramfs=a followkernel".into())]
    );
}

#[test]
fn the_last_line_wins_and_filters_choose() {
    let text = "kernel=any\n[pi4]\nkernel=four\n[pi400]\nkernel=keyboard\n[pi5]\nkernel=five\n[all]\n[none]\nkernel=no\n";
    for (board, expected) in [
        (Board::Pi4B, "four"),
        (Board::Pi400, "keyboard"),
        (Board::Cm4, "four"),
        (Board::Pi5D0, "five"),
    ] {
        assert_eq!(
            with(text, board, &[]).kernel.as_deref(),
            Some(expected),
            "{board:?}"
        );
    }
}

#[test]
fn included_files_stand_in_their_place() {
    let text = "kernel=a\n[pi5]\ninclude five.txt\n[all]\ninclude more.txt\ncmdline=mine\n";
    let files = [
        ("five.txt", "kernel=five\n"),
        (
            "more.txt",
            "cmdline=theirs\nos_prefix=p/\nstart_file=other.elf\n[pi5]\n",
        ),
    ];
    let four = with(text, Board::Pi4B, &files);
    assert_eq!(
        (four.kernel.as_deref(), four.os_prefix.as_deref()),
        (Some("a"), Some("p/"))
    );
    // The filter that the file ends with stays in force.
    assert_eq!(four.command_line, "theirs");
    // The boot loader does not see what is included.
    assert_eq!(four.start_file, "start4.elf");
    let five = with(text, Board::Pi5C1, &files);
    assert_eq!(
        (five.kernel.as_deref(), five.command_line.as_str()),
        (Some("five"), "mine")
    );
    assert_eq!(of("include none.txt").notes, [Note::NoInclude("none.txt".into())]);
    let Settings { kernel, .. } = read_alone(b"kernel=a\ninclude b", &facts(Board::Pi4B));
    assert_eq!(kernel.as_deref(), Some("a"));
}

#[test]
fn files_that_include_themselves_end() {
    let settings = with("include a", Board::Pi4B, &[("a", "kernel=k\ninclude a")]);
    assert_eq!(settings.kernel.as_deref(), Some("k"));
    assert_eq!(settings.notes, [Note::NoInclude("a".into())]);
}

#[test]
fn what_the_model_leaves_out_is_noted() {
    let long = format!("cmdline={}", "c".repeat(100));
    assert_eq!(of(&long).notes, [Note::LineCut("cmdline".into())]);
    assert_eq!(
        of("auto_initramfs=1\nhdmi_group=1").notes,
        [Note::SettingIgnored("auto_initramfs=1".into())]
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_alone(&bytes, &facts(Board::Cm5));
    }

    #[test]
    fn any_lines_are_read(lines in proptest::collection::vec("(kernel|cmdline|\\[pi4\\]|initramfs |include |[a-z_]{0,6})=?[ -~]{0,90}", 0..12)) {
        let text = lines.join("\n");
        with(&text, Board::Pi4B, &[("x", &text)]);
    }
}
