//! The conditional filters of `config.txt` and `autoboot.txt`: lines such as `[pi4]`.
//!
//! Filters of one kind replace each other, those of several kinds must all hold, and `[all]` clears them. The documentation
//! lists `[board-type=..]` among the model filters, so it is of their kind. It does not say what ends `[none]`: in the model
//! only `[all]` does. A filter that the model does not know never holds.

use std::collections::BTreeMap;

use crate::board::Board;

/// What filters ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The board.
    pub board: Board,
    /// Its serial number.
    pub serial: u32,
    /// Whether this start is a try.
    pub tryboot: bool,
    /// The partition that `reboot` named; 0 is none.
    pub partition: u32,
    /// The partition that the file is read from; 0 while none is chosen.
    pub boot_partition: u32,
}

/// Kinds of filters: those of one kind replace each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    None,
    Model,
    Tryboot,
    Serial,
    Partition,
    BootPartition,
    Gpio,
    Monitor,
    Unknown,
}

/// The filters in force at a line.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    held: BTreeMap<Kind, bool>,
}

impl Filters {
    /// Takes a filter, the text between the brackets.
    pub fn take(&mut self, text: &str, facts: &Facts) {
        if text == "all" {
            self.held.clear();
            return;
        }
        let (kind, holds) = judge(text, facts);
        self.held.insert(kind, holds);
    }

    /// Whether the lines that follow count.
    pub fn pass(&self) -> bool {
        self.held.values().all(|holds| *holds)
    }
}

fn judge(text: &str, facts: &Facts) -> (Kind, bool) {
    if let Some(digits) = text.strip_prefix("0x") {
        return (Kind::Serial, u32::from_str_radix(digits, 16) == Ok(facts.serial));
    }
    if let Some(number) = text.strip_prefix("board-type=") {
        return (Kind::Model, hex(number) == Some(facts.board.board_type()));
    }
    if let Some(asked) = text.strip_prefix("boot_partition") {
        return (Kind::BootPartition, compare(asked, facts.boot_partition));
    }
    if let Some(asked) = text.strip_prefix("partition") {
        return (Kind::Partition, compare(asked, facts.partition));
    }
    match text {
        "none" => (Kind::None, false),
        "tryboot" => (Kind::Tryboot, facts.tryboot),
        // Nothing is wired to the pins, and no monitor is attached.
        _ if text.starts_with("gpio") => (Kind::Gpio, false),
        _ if text.starts_with("EDID=") || text.starts_with("HDMI:") => (Kind::Monitor, false),
        _ if is_model(text) => (Kind::Model, facts.board.models().contains(&text)),
        _ => (Kind::Unknown, false),
    }
}

fn is_model(text: &str) -> bool {
    const MODELS: [&str; 15] = [
        "pi0", "pi0w", "pi02", "pi1", "pi2", "pi3", "pi3+", "pi4", "pi400", "pi5", "pi500", "cm4", "cm4s",
        "cm5", "cm0",
    ];
    MODELS.contains(&text)
}

/// `=N`, `<N` or `>N` for a value.
fn compare(asked: &str, value: u32) -> bool {
    let number = |text: &str| text.parse::<u32>().ok().or_else(|| hex(text));
    let Some(operator) = asked.chars().next() else {
        return false;
    };
    match (operator, number(&asked[operator.len_utf8()..])) {
        ('=', Some(number)) => value == number,
        ('<', Some(number)) => value < number,
        ('>', Some(number)) => value > number,
        _ => false,
    }
}

fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FACTS: Facts = Facts {
        board: Board::Pi400,
        serial: 0x1234_5678,
        tryboot: true,
        partition: 0,
        boot_partition: 3,
    };

    fn passes(filters: &[&str], facts: &Facts) -> bool {
        let mut held = Filters::default();
        for text in filters {
            held.take(text, facts);
        }
        held.pass()
    }

    #[test]
    fn table() {
        for (filters, expected) in [
            (&[][..], true),
            (&["all"], true),
            (&["none"], false),
            (&["none", "pi4"], false),
            (&["none", "all"], true),
            (&["pi4"], true),
            (&["pi400"], true),
            (&["cm4"], false),
            (&["pi5"], false),
            (&["pi5", "pi4"], true),
            (&["pi4", "pi5"], false),
            (&["board-type=0x13"], true),
            (&["board-type=0x11"], false),
            (&["board-type=19"], false),
            (&["pi5", "board-type=0x13"], true),
            (&["tryboot"], true),
            (&["pi5", "tryboot"], false),
            (&["tryboot", "pi4"], true),
            (&["0x12345678"], true),
            (&["0x12345679"], false),
            (&["boot_partition=3"], true),
            (&["boot_partition=2"], false),
            (&["boot_partition>2"], true),
            (&["boot_partition<3"], false),
            (&["partition=0"], true),
            (&["partition=62"], false),
            (&["gpio4=1"], false),
            (&["gpio4=0"], false),
            (&["EDID=DEL-DELL_U2422H"], false),
            (&["HDMI:0"], false),
            (&["pi6"], false),
            (&["PI4"], false),
            (&["pi6", "all"], true),
        ] {
            assert_eq!(passes(filters, &FACTS), expected, "{filters:?}");
        }
    }

    #[test]
    fn models_by_board() {
        let seen = |name: &str| {
            let boards = Board::ALL.into_iter();
            boards
                .filter(|board| {
                    passes(
                        &[name],
                        &Facts {
                            board: *board,
                            ..FACTS
                        },
                    )
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(seen("pi4"), [Board::Pi4B, Board::Pi400, Board::Cm4]);
        assert_eq!(seen("cm4"), [Board::Cm4]);
        assert_eq!(
            seen("pi5"),
            [Board::Pi5C1, Board::Pi5D0, Board::Pi500, Board::Cm5]
        );
        assert_eq!(seen("pi500"), [Board::Pi500]);
        assert_eq!(seen("cm5"), [Board::Cm5]);
        assert_eq!(seen("pi3+"), []);
    }

    proptest! {
        #[test]
        fn any_filter_is_judged(text in "\\PC{0,24}") {
            passes(&[&text], &FACTS);
        }
    }
}
