//! Words as a POSIX shell reads them back.

/// The word, in single quotes unless a shell takes each of its letters as it is.
pub fn quote(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,+@%^".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    #[test]
    fn plain_words_stay_plain() {
        for (word, quoted) in [
            ("--option=a/b,c", "--option=a/b,c"),
            ("", "''"),
            ("two words", "'two words'"),
            ("O'Neil", r"'O'\''Neil'"),
            ("~", "'~'"),
        ] {
            assert_eq!(quote(word), quoted);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_shell_reads_the_word_back(word in "[^\0]{0,16}") {
            let output = Command::new("sh").args(["-c", &format!("printf '%s' {}", quote(&word))]).output().unwrap();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }
}
