//! Text as key strokes on a US keyboard, by QEMU's names for keys (`QKeyCode`).

/// The keys that are pressed together for one character; nothing for one that a US keyboard does not have.
pub fn keys(character: char) -> Option<Vec<String>> {
    let (shifted, name) = match character {
        'a'..='z' | '0'..='9' => (false, character.to_string()),
        'A'..='Z' => (true, character.to_ascii_lowercase().to_string()),
        _ => {
            let (shifted, name) = named(character)?;
            (shifted, name.to_owned())
        }
    };
    let shift = shifted.then(|| "shift".to_owned());
    Some(shift.into_iter().chain([name]).collect())
}

const fn named(character: char) -> Option<(bool, &'static str)> {
    Some(match character {
        ' ' => (false, "spc"),
        '\n' => (false, "ret"),
        '\t' => (false, "tab"),
        '-' => (false, "minus"),
        '_' => (true, "minus"),
        '=' => (false, "equal"),
        '+' => (true, "equal"),
        '.' => (false, "dot"),
        ',' => (false, "comma"),
        '/' => (false, "slash"),
        ';' => (false, "semicolon"),
        ':' => (true, "semicolon"),
        '!' => (true, "1"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters() {
        for (character, expected) in [
            ('a', Some(vec!["a"])),
            ('Z', Some(vec!["shift", "z"])),
            ('-', Some(vec!["minus"])),
            (':', Some(vec!["shift", "semicolon"])),
            ('ä', None),
        ] {
            let expected = expected.map(|keys| keys.into_iter().map(str::to_owned).collect());
            assert_eq!(keys(character), expected, "{character}");
        }
    }
}
