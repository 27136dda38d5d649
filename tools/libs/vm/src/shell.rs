//! A command line that a person can run again.

use sigmavault_host::run::quote;

/// A command line quoted for a shell, one option with its values per line.
pub fn shell_line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push_str(if word.starts_with('-') { " \\\n  " } else { " " });
        }
        text.push_str(&quote(word));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_shell_reads_the_line_back(words in proptest::collection::vec("[^\0]{0,12}", 1..6)) {
            let line = format!("printf '%s\\0' {}", shell_line(words.iter().map(String::as_str)));
            let output = Command::new("bash").args(["-c", &line]).output().unwrap();
            let read: Vec<String> =
                output.stdout.split(|byte| *byte == 0).map(|word| String::from_utf8(word.to_vec()).unwrap()).collect();
            prop_assert_eq!(&read[..words.len()], &words[..]);
        }
    }
}
