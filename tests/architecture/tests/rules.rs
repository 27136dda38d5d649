//! The rules of `docs/architecture.md`, held against this tree. `cargo run -p sigmavault-architecture` prints the same with details.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sigmavault_architecture::{circles, crates, modules, names, programs};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The crates of the workspace.
fn all() -> &'static [crates::Crate] {
    static ALL: OnceLock<Vec<crates::Crate>> = OnceLock::new();
    ALL.get_or_init(|| crates::read(&top()).unwrap())
}

/// The modules of every library and program of the workspace, parsed once for all tests.
fn trees() -> &'static [Vec<modules::Module>] {
    static TREES: OnceLock<Vec<Vec<modules::Module>>> = OnceLock::new();
    TREES.get_or_init(|| {
        let roots = all().iter().flat_map(|krate| &krate.roots);
        let trees: Vec<_> = roots.map(|root| modules::read(root).unwrap()).collect();
        // Fewer would mean that nothing was read.
        assert!(trees.len() >= 17, "{}", trees.len());
        trees
    })
}

#[test]
fn no_files_import_each_other() {
    let found: Vec<_> = trees()
        .iter()
        .flat_map(|tree| circles::circles(&names::uses(tree)))
        .collect();
    assert_eq!(found, []);
}

#[test]
fn external_programs_are_started_in_their_rooms_only() {
    let found: Vec<PathBuf> = trees()
        .iter()
        .flat_map(|tree| {
            programs::outside(tree, &top())
                .into_iter()
                .map(Path::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(found, Vec::<PathBuf>::new());
}

#[test]
fn dependencies_point_down_to_libraries() {
    assert_eq!(crates::forbidden(all()), [""; 0]);
}

#[test]
fn the_picture_draws_every_dependency_and_no_other() {
    let text = std::fs::read_to_string(top().join("docs/architecture.md")).unwrap();
    assert_eq!(crates::drawn(&text), crates::arrows(all()));
}

#[test]
fn circles_are_seen_through_re_exports_and_macros() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, code: &str| std::fs::write(folder.path().join(name), code).unwrap();
    // `a` takes `B` from `b` by the re-export in the root, and `b` names `a` within a macro: a circle of two.
    write("lib.rs", "mod a; mod b; pub use b::B; pub use a::A;");
    write("a.rs", "use crate::B; pub struct A(B);");
    write(
        "b.rs",
        "pub struct B; fn f() { println!(\"{}\", super::a::A::NAME); }",
    );
    let found =
        |folder: &Path| circles::circles(&names::uses(&modules::read(&folder.join("lib.rs")).unwrap()));
    assert_eq!(found(folder.path()).len(), 1);
    assert_eq!(found(folder.path())[0].ties.len(), 2);
    // Within its tests `b` may name `a`.
    write(
        "b.rs",
        "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }",
    );
    assert_eq!(found(folder.path()), []);
    // A name of the root that comes from another crate is none of the root's own.
    write("lib.rs", "use std::fmt; mod a; fn f() { a::g(); }");
    write("a.rs", "use crate::fmt::Debug; pub fn g() {}");
    assert_eq!(found(folder.path()), []);
    // A parent that uses its child, and a child that uses what the parent defines.
    write("lib.rs", "mod a; pub struct C; fn f() { a::g(); }");
    write("a.rs", "use super::C; pub fn g() -> C { C }");
    assert_eq!(found(folder.path()).len(), 1);
}
