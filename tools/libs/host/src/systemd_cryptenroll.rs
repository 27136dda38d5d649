//! systemd-cryptenroll(1): further keys for a LUKS2 volume.

use std::path::Path;

use crate::ParseError;
use crate::run::Invocation;

fn unlocked_by(key_file: &Path) -> Invocation {
    Invocation::new("systemd-cryptenroll").arg(format!("--unlock-key-file={}", key_file.display()))
}

/// Binds a volume to the TPM of this machine, to its Secure Boot state (PCR 7) and to a PIN.
pub fn tpm2(volume: &str, key_file: &Path, pin: &str) -> Invocation {
    unlocked_by(key_file)
        .args([
            "--tpm2-device=auto",
            "--tpm2-pcrs=7",
            "--tpm2-with-pin=yes",
            volume,
        ])
        .secret_env("NEWPIN", pin)
}

/// Adds a recovery key to a volume and prints it.
pub fn recovery_key(volume: &str, key_file: &Path) -> Invocation {
    unlocked_by(key_file).args(["--recovery-key", volume])
}

/// The key that [`recovery_key`] printed: eight groups of eight letters.
pub fn parse_recovery_key(text: &str) -> Result<String, ParseError> {
    text.split_whitespace()
        .find(|word| word.len() == 71 && word.matches('-').count() == 7)
        .map(str::to_owned)
        .ok_or_else(|| ParseError {
            program: "systemd-cryptenroll",
            reason: "no recovery key".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv";

    #[test]
    fn recovery_keys() {
        for (text, key) in [
            (
                format!("A secret recovery key has been generated:\n\n    {KEY}\n\nPlease save it."),
                Some(KEY),
            ),
            (format!("{KEY}\n"), Some(KEY)),
            (KEY[1..].to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(parse_recovery_key(&text).ok().as_deref(), key, "{text}");
        }
    }

    #[test]
    fn invocations() {
        let file = Path::new("/run/key");
        assert_eq!(
            tpm2("/dev/sda6", file, "271828").quoted(),
            "NEWPIN=<secret> systemd-cryptenroll --unlock-key-file=/run/key --tpm2-device=auto --tpm2-pcrs=7 \
             --tpm2-with-pin=yes /dev/sda6"
        );
        assert_eq!(
            recovery_key("/dev/sda6", file).quoted(),
            "systemd-cryptenroll --unlock-key-file=/run/key --recovery-key /dev/sda6"
        );
    }

    proptest! {
        #[test]
        fn no_output_panics(text in "([a-z]{0,9}-|\\PC| ){0,20}") {
            let _ = parse_recovery_key(&text);
        }
    }
}
