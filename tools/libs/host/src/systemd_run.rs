//! systemd-run(1): a program as a child of the service manager, outside of the caller's sandbox.

use crate::run::{Input, Invocation};

/// The same program, run by the service manager in its own mount namespace, with this process's input and output. It ends as the program
/// ends. Environment and folder are those of the service manager.
pub fn by_manager(invocation: &Invocation) -> Invocation {
    let run = Invocation::new("systemd-run")
        .args(["--quiet", "--collect", "--wait", "--pipe", "--service-type=exec"])
        // A dollar sign in a name stays one.
        .args(["--expand-environment=no", "--"])
        .arg(invocation.program())
        .args(invocation.arguments());
    match invocation.standard_input() {
        Input::Empty => run,
        Input::Plain(bytes) => run.input(bytes.clone()),
        Input::Secret(bytes) => run.secret_input(bytes.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_with_its_input() {
        let invocation = Invocation::new("zfs")
            .args(["mount", "--", "tank/$HOME %h"])
            .secret_input("key");
        let run = by_manager(&invocation);
        assert_eq!(
            run.quoted(),
            "systemd-run --quiet --collect --wait --pipe --service-type=exec --expand-environment=no -- zfs mount -- 'tank/$HOME %h'"
        );
        assert_eq!(run.standard_input(), &Input::Secret(b"key".to_vec()));
    }
}
