//! How hard a passphrase is to guess: a hint, not a verdict.

/// Words that attackers try first.
const COMMON: [&str; 12] = [
    "password",
    "passwort",
    "qwert",
    "12345",
    "letmein",
    "admin",
    "welcome",
    "sigmavault",
    "secret",
    "iloveyou",
    "asdf",
    "abc123",
];

/// How hard a passphrase is to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    Weak,
    Fair,
    Good,
}

/// By length and variety.
pub(crate) fn of(text: &str) -> Strength {
    // Words of a language tell about half of what random letters do, so that four words make a good one.
    match bits(text) {
        ..45.0 => Strength::Weak,
        45.0..75.0 => Strength::Fair,
        _ => Strength::Good,
    }
}

/// Of a PIN, which the TPM lets nobody try often.
pub(crate) fn of_pin(text: &str) -> Strength {
    match bits(text) {
        ..15.0 => Strength::Weak,
        15.0..22.0 => Strength::Fair,
        _ => Strength::Good,
    }
}

/// What a text tells at most; runs, repeats and common words count for little.
fn bits(text: &str) -> f64 {
    let characters: Vec<char> = text.chars().collect();
    let mut alphabet = 0;
    for (kind, size) in [
        (char::is_ascii_lowercase as fn(&char) -> bool, 26),
        (char::is_ascii_uppercase, 26),
        (char::is_ascii_digit, 10),
        (|c| c.is_ascii() && !c.is_ascii_alphanumeric(), 33),
        (|c| !c.is_ascii(), 100),
    ] {
        if characters.iter().any(kind) {
            alphabet += size;
        }
    }
    let mut telling = characters.len().min(1);
    for pair in characters.windows(2) {
        let distance = u32::from(pair[1]).abs_diff(u32::from(pair[0]));
        telling += usize::from(distance > 1);
    }
    let lower = text.to_lowercase();
    for word in COMMON.iter().filter(|word| lower.contains(**word)) {
        telling = telling.saturating_sub(word.len() - 1);
    }
    f64::from(u32::try_from(telling).unwrap_or(u32::MAX)) * f64::from(alphabet.max(1)).log2()
}

/// The hint that stands below the field.
pub(crate) fn hint(text: &str) -> String {
    if text.is_empty() {
        return "Four or more unrelated words make a good one.".to_owned();
    }
    typed(
        text,
        match of(text) {
            Strength::Weak => "Weak: easily guessed. Make it longer.",
            Strength::Fair => "Fair. Longer is better.",
            Strength::Good => "Good.",
        },
    )
}

/// The hint that stands below the field of a PIN.
pub(crate) fn pin_hint(text: &str) -> String {
    if text.is_empty() {
        return "Six or more digits or letters, no date and no row of keys.".to_owned();
    }
    typed(
        text,
        match of_pin(text) {
            Strength::Weak => "Weak: among the first that anybody tries.",
            Strength::Fair => "Fair, since the TPM limits guesses. Longer is better.",
            Strength::Good => "Good.",
        },
    )
}

fn typed(text: &str, hint: &str) -> String {
    let mut hint = hint.to_owned();
    if !text.is_ascii() {
        hint.push_str(" Letters beyond ASCII may be hard to type at boot.");
    }
    hint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples() {
        let cases = [
            ("", Strength::Weak),
            ("password", Strength::Weak),
            ("aaaaaaaaaaaaaaaaaaaa", Strength::Weak),
            ("abcdefghijklmnop", Strength::Weak),
            ("hunter2", Strength::Weak),
            ("Tr0ub4dor&3", Strength::Fair),
            ("correct horse battery staple", Strength::Good),
            ("x7$Kq9!mWz2@pL", Strength::Good),
        ];
        for (text, strength) in cases {
            assert_eq!(of(text), strength, "{text}");
        }
    }

    #[test]
    fn pins() {
        let cases = [
            ("", Strength::Weak),
            ("123456", Strength::Weak),
            ("000000", Strength::Weak),
            ("112233", Strength::Weak),
            ("4711", Strength::Weak),
            ("271828", Strength::Fair),
            ("83019264", Strength::Good),
            ("x7$Kq9", Strength::Good),
        ];
        for (text, strength) in cases {
            assert_eq!(of_pin(text), strength, "{text}");
        }
    }
}
