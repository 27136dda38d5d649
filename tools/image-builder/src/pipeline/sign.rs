//! Signing `SHA256SUMS` with an SSH key (OpenSSH's PROTOCOL.sshsig), which everybody with `ssh-keygen` can verify.

use std::path::Path;
use std::process::Command;

use super::error::Problem;
use super::run::Runner;
use super::store::remove;
use crate::check::signature::{NAMESPACE, beside};

/// Writes the signature of a file beside it, as `FILE.sig`. The key may be a private key, or a public one whose private
/// half an agent holds.
pub fn sign(runner: &Runner, key: &Path, file: &Path) -> Result<(), Problem> {
    unsign(file)?;
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-Y", "sign", "-q", "-n", NAMESPACE, "-f"])
        .arg(key)
        .arg(file);
    runner.run(&mut command)
}

/// Removes the signature of a file that is about to change.
pub fn unsign(file: &Path) -> Result<(), Problem> {
    remove(&beside(file))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Stdio;

    use super::super::run::Interrupt;
    use super::*;
    use crate::progress::{Mode, Progress};

    #[test]
    fn what_was_signed_is_verified_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(path("key"))
            .status();
        if !made.is_ok_and(|status| status.success()) {
            println!("skipped: no ssh-keygen");
            return;
        }
        let public = fs::read_to_string(path("key.pub")).unwrap();
        fs::write(path("signers"), format!("release {public}")).unwrap();
        let sums = path("SHA256SUMS");
        fs::write(&sums, "00  a.iso\n").unwrap();
        let bar = Progress::new(Mode::Silent).stage("sign");
        let runner = Runner::new(path("log"), bar, Interrupt::default()).unwrap();
        sign(&runner, &path("key"), &sums).unwrap();
        let verified = || {
            let status = Command::new("ssh-keygen")
                .args(["-Y", "verify", "-q", "-I", "release", "-n", NAMESPACE, "-f"])
                .arg(path("signers"))
                .arg("-s")
                .arg(beside(&sums))
                .stdin(fs::File::open(&sums).unwrap())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            status.unwrap().success()
        };
        assert!(verified());
        // Signed again after a change, and not only after the first one.
        fs::write(&sums, "01  a.iso\n").unwrap();
        assert!(!verified());
        sign(&runner, &path("key"), &sums).unwrap();
        assert!(verified());
        let error = sign(&runner, &path("none"), &sums).unwrap_err().to_string();
        assert!(error.starts_with("ssh-keygen ended with exit code "), "{error}");
        assert!(!beside(&sums).exists(), "no signature of something else stays");
    }
}
