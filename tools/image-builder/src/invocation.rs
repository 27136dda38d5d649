//! How the user calls this program, so that commands in messages work when they are pasted.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::OnceLock;

use sigmavault_host::run::Invocation;

/// The name under which it is installed.
const PROGRAM: &str = "sigmavault-image";
/// The script that compiles and starts it, in the source tree.
const SCRIPT: &str = "ci/sigmavault-image";

static NAME: OnceLock<String> = OnceLock::new();

/// What to type to call this program: its name, or a path from the current folder.
pub fn name() -> &'static str {
    NAME.get().map_or(PROGRAM, String::as_str)
}

/// Works [`name`] out, once, from where this program runs. `source` is the source tree, when there is one.
pub fn settle(source: Option<&Path>) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = std::env::current_exe().and_then(|own| own.canonicalize()).ok();
    let here = std::env::current_dir().ok();
    // Only the first of several calls counts.
    let _ = NAME.set(called(&path, own.as_deref(), source, here.as_deref()));
}

fn called(path: &OsStr, own: Option<&Path>, source: Option<&Path>, here: Option<&Path>) -> String {
    let first_in_path = std::env::split_paths(path)
        .map(|folder| folder.join(PROGRAM))
        .find(|file| file.is_file());
    let installed = first_in_path.and_then(|file| file.canonicalize().ok());
    if installed.is_some() && installed.as_deref() == own {
        return PROGRAM.to_owned();
    }
    let script = source
        .map(|source| source.join(SCRIPT))
        .filter(|script| script.is_file());
    match (script, source == here, own) {
        (Some(_), true, _) => SCRIPT.to_owned(),
        (Some(script), false, _) => quoted(&script),
        (None, _, Some(own)) => quoted(own),
        (None, _, None) => PROGRAM.to_owned(),
    }
}

/// A path as a word of a shell's command line.
pub fn quoted(path: &Path) -> String {
    Invocation::new(path).quoted()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_pasted_command_finds_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        let make = |path: &str| {
            let path = top.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        };
        let installed = make("bin/sigmavault-image");
        let compiled = make("cache/host/sigmavault-image");
        let script = make("my tree/ci/sigmavault-image");
        let tree = top.join("my tree");
        let bare = top.join("cache");
        let path = top.join("bin").into_os_string();
        let call =
            |own: &Path, source: Option<&Path>, here: &Path| called(&path, Some(own), source, Some(here));
        assert_eq!(call(&installed, Some(&tree), &tree), "sigmavault-image");
        // Another one of this name is in PATH.
        assert_eq!(call(&compiled, Some(&tree), &tree), "ci/sigmavault-image");
        assert_eq!(
            call(&compiled, Some(&tree), &top),
            format!("'{}'", script.display())
        );
        assert_eq!(call(&compiled, Some(&bare), &top), compiled.display().to_string());
        assert_eq!(call(&compiled, None, &top), compiled.display().to_string());
    }
}
