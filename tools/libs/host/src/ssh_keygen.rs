//! ssh-keygen(1): keys of SSH.

use std::path::Path;

use crate::run::Invocation;

/// Reads public keys, one a line as in an `authorized_keys` file, and prints a line for each. Those that it cannot read
/// it passes over, unless there is no other.
pub fn read_public(text: &str) -> Invocation {
    Invocation::new("ssh-keygen").args(["-l", "-f", "-"]).input(text)
}

/// Checks that a signature is of this text and for this purpose, by whatever key, and prints the key's fingerprint.
pub fn check_signature(namespace: &str, signature: &Path, text: &str) -> Invocation {
    Invocation::new("ssh-keygen")
        .args(["-Y", "check-novalidate", "-n", namespace, "-s"])
        .arg(signature)
        .input(text)
}

/// Checks that a signature is of this text and for this purpose, by a key that a list of signers (`allowed_signers`) has
/// under this name, and prints the key's fingerprint.
pub fn verify(namespace: &str, signer: &str, signers: &Path, signature: &Path, text: &str) -> Invocation {
    Invocation::new("ssh-keygen")
        .args(["-Y", "verify", "-n", namespace, "-I", signer, "-f"])
        .arg(signers)
        .arg("-s")
        .arg(signature)
        .input(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invocations() {
        let (signers, signature) = (Path::new("/s"), Path::new("/SHA256SUMS.sig"));
        assert_eq!(
            check_signature("file", signature, "").quoted(),
            "ssh-keygen -Y check-novalidate -n file -s /SHA256SUMS.sig"
        );
        assert_eq!(
            verify("file", "release", signers, signature, "").quoted(),
            "ssh-keygen -Y verify -n file -I release -f /s -s /SHA256SUMS.sig"
        );
    }
}
