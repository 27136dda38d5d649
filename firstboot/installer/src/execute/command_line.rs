//! The kernel command line of a slot (`cmdline.txt`), from the first start's to the installed system's; pure.

use sigmavault_facts::kernel;
use sigmavault_facts::slots::tryboot::FIRST_START;

/// Bytes that a drive writes as one.
const SECTOR: usize = 512;

/// Why a command line cannot be changed to the installed system's. `Display` says it as part of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A change of it would not be one write.
    #[error("it has {0} bytes, and at most {SECTOR} can be written at once")]
    TooLong(usize),
    /// It starts another system.
    #[error("it does not start the root hash {0}")]
    OtherSystem(String),
}

/// The command line without the words of the first start. Spaces take their places, so that the file keeps its length and
/// its place on the disk.
pub fn installed(line: &[u8], root_hash: &str) -> Result<Vec<u8>, Unfit> {
    if line.len() > SECTOR {
        return Err(Unfit::TooLong(line.len()));
    }
    let text = String::from_utf8_lossy(line);
    if !kernel::argument(&text, "roothash").is_some_and(|found| found.eq_ignore_ascii_case(root_hash)) {
        return Err(Unfit::OtherSystem(root_hash.to_owned()));
    }
    let mut new = line.to_vec();
    for word in new.split_mut(u8::is_ascii_whitespace) {
        if FIRST_START.iter().any(|first| first.as_bytes() == &*word) {
            word.fill(b' ');
        }
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HASH: &str = "1a72fe1a8c71a2686adc1852194081f70eb888af054641ed9c8c4c16671fd230";

    fn line(words: &str) -> String {
        format!("console=tty1 roothash={HASH} {words}\n")
    }

    #[test]
    fn the_words_of_the_first_start_go() {
        for (words, expected) in [
            (
                "gpt systemd.volatile=overlay sigmavault.live sigmavault.setup",
                "                                                             ",
            ),
            (
                "md_mod.start_ro=1 md_mod.start_ro=10",
                "                  md_mod.start_ro=10",
            ),
            (
                "sigmavault.setup quiet sigmavault.live",
                "                 quiet                ",
            ),
            (
                "sigmavault.lively systemd.volatile=state",
                "sigmavault.lively systemd.volatile=state",
            ),
            (
                "sigmavault.setup=1 x=sigmavault.setup",
                "sigmavault.setup=1 x=sigmavault.setup",
            ),
        ] {
            let found = installed(line(words).as_bytes(), HASH).unwrap();
            assert_eq!(String::from_utf8(found).unwrap(), line(expected));
        }
    }

    #[test]
    fn what_cannot_be_changed() {
        let long = line(&"x".repeat(500));
        assert_eq!(installed(long.as_bytes(), HASH), Err(Unfit::TooLong(long.len())));
        let other = "ab".repeat(32);
        assert_eq!(
            installed(line("quiet").as_bytes(), &other)
                .unwrap_err()
                .to_string(),
            format!("it does not start the root hash {other}")
        );
        assert_eq!(installed(b"", HASH), Err(Unfit::OtherSystem(HASH.to_owned())));
    }

    proptest! {
        #[test]
        fn length_and_other_words_stay(
            words in proptest::collection::vec(
                prop_oneof![
                    Just("sigmavault.live".to_owned()), Just("sigmavault.setup".to_owned()),
                    Just("systemd.volatile=overlay".to_owned()), "[ !#-~]{0,12}"
                ],
                0..8,
            )
        ) {
            let old = line(&words.join(" "));
            prop_assume!(old.len() <= SECTOR && old.matches("roothash=").count() == 1);
            let new = installed(old.as_bytes(), HASH).unwrap();
            prop_assert_eq!(new.len(), old.len());
            let new = String::from_utf8(new).unwrap();
            let kept = |word: &&str| !FIRST_START.contains(word);
            let expected: Vec<&str> = old.split_ascii_whitespace().filter(kept).collect();
            prop_assert_eq!(new.split_ascii_whitespace().collect::<Vec<_>>(), expected);
            prop_assert_eq!(installed(new.as_bytes(), HASH).unwrap(), new.as_bytes());
        }
    }
}
