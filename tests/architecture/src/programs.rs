//! Where external programs are started: only in the rooms that are there for it.

use std::path::Path;

use crate::modules::Module;

/// Rooms that start programs: the libraries of tools, of virtual machines and of tests' buses, and the image builder's pipeline.
pub const ROOMS: [&str; 4] = [
    "tools/libs/host/",
    "tools/libs/vm/",
    "tests/private-bus/",
    "tools/image-builder/src/pipeline/",
];

/// Files, relative to `top`, that start programs and lie in none of [`ROOMS`].
pub fn outside<'a>(modules: &'a [Module], top: &Path) -> Vec<&'a Path> {
    let mut found: Vec<&Path> = modules
        .iter()
        .filter(|module| starts_programs(module))
        .filter_map(|module| module.file.strip_prefix(top).ok())
        .filter(|file| !ROOMS.iter().any(|room| file.starts_with(room)))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Whether a module calls `std::process::Command::new`, or tokio's, by whichever import.
fn starts_programs(module: &Module) -> bool {
    let is_command = |path: &[String]| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        matches!(path[..], [.., "process", "Command"])
    };
    module.mentions.iter().any(|path| {
        let Some((last, before)) = path.split_last() else {
            return false;
        };
        if last != "new" {
            return false;
        }
        let Some((first, rest)) = before.split_first() else {
            return false;
        };
        let whole = match module.imports.get(first) {
            Some(import) => [import, rest].concat(),
            None => before.to_vec(),
        };
        is_command(&whole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules;

    #[test]
    fn commands_by_every_import_but_not_of_clap() {
        for (code, starts) in [
            ("fn f() { std::process::Command::new(\"ls\"); }", true),
            (
                "use std::process::Command; fn f() { Command::new(\"ls\"); }",
                true,
            ),
            (
                "use std::process; fn f() { assert!(process::Command::new(\"ls\").status().is_ok()); }",
                true,
            ),
            (
                "use std::process::{Command as Program}; fn f() { Program::new(\"ls\"); }",
                true,
            ),
            (
                "use tokio::process::Command; fn f() { Command::new(\"ls\"); }",
                true,
            ),
            ("use clap::Command; fn f() { Command::new(\"ls\"); }", false),
            (
                "#[cfg(test)] mod tests { fn f() { std::process::Command::new(\"ls\"); } }",
                false,
            ),
            ("// std::process::Command::new\nfn f() {}", false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("lib.rs");
            std::fs::write(&file, code).unwrap();
            let modules = modules::read(&file).unwrap();
            assert_eq!(
                outside(&modules, folder.path()).len(),
                usize::from(starts),
                "{code}"
            );
        }
    }
}
