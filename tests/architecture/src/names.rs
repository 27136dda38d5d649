//! Which file defines what a path names. Re-exports are followed to the definition, so a module that only re-exports names
//! never closes a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::modules::Module;

/// Longest chain of imports that is followed: two modules may import each other's names whole.
const DEPTH: usize = 16;

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// A module as such: naming it uses none of its definitions.
    Module(usize),
    /// A definition in this module.
    Item(usize),
    /// Something of another crate.
    Outside,
}

/// For each file, the files whose definitions it names, each with one of these names.
pub fn uses(modules: &[Module]) -> BTreeMap<&Path, BTreeMap<&Path, String>> {
    let mut found: BTreeMap<&Path, BTreeMap<&Path, String>> = BTreeMap::new();
    for (index, module) in modules.iter().enumerate() {
        let file = module.file.as_path();
        let from = found.entry(file).or_default();
        let globs = module.globs.iter().filter_map(|path| {
            // `use super::*` may use anything there; nothing is known of it.
            let target = resolve(modules, index, path, DEPTH)?;
            Some((target, path))
        });
        let named = module.mentions.iter().chain(&module.private).filter_map(|path| {
            let target = resolve(modules, index, path, DEPTH)?;
            matches!(target, Target::Item(_)).then_some((target, path))
        });
        for (target, path) in named.chain(globs) {
            let (Target::Item(to) | Target::Module(to)) = target else {
                continue;
            };
            let to = modules[to].file.as_path();
            if to != file {
                from.entry(to).or_insert_with(|| path.join("::"));
            }
        }
    }
    found
}

/// What a path in the code of module `index` names; none when it lies outside the crate, or is a local name.
fn resolve(modules: &[Module], index: usize, path: &[String], depth: usize) -> Option<Target> {
    let depth = depth.checked_sub(1)?;
    let (first, rest) = path.split_first()?;
    let start = match first.as_str() {
        "crate" => Target::Module(0),
        "self" => Target::Module(index),
        "super" => Target::Module(modules[index].parent?),
        _ => lookup(modules, index, first, depth)?,
    };
    rest.iter().try_fold(start, |at, name| match at {
        // A variant, an associated function and the like.
        Target::Item(_) | Target::Outside => Some(at),
        Target::Module(module) if name == "super" => modules[module].parent.map(Target::Module),
        Target::Module(module) => Some(lookup(modules, module, name, depth).unwrap_or(Target::Item(module))),
    })
}

/// What a name means in a module.
fn lookup(modules: &[Module], index: usize, name: &str, depth: usize) -> Option<Target> {
    let module = &modules[index];
    if let Some(child) = module.children.get(name) {
        return Some(Target::Module(*child));
    }
    if module.items.contains(name) {
        return Some(Target::Item(index));
    }
    if let Some(path) = module.imports.get(name) {
        // `use anyhow::anyhow` names itself.
        let inside = (path.first().map(String::as_str) != Some(name))
            .then(|| resolve(modules, index, path, depth))
            .flatten();
        return Some(inside.unwrap_or(Target::Outside));
    }
    let whole: BTreeSet<usize> = module
        .globs
        .iter()
        .filter_map(|path| match resolve(modules, index, path, depth)? {
            Target::Module(module) if module != index => Some(module),
            _ => None,
        })
        .collect();
    whole
        .into_iter()
        .find_map(|module| lookup(modules, module, name, depth.checked_sub(1)?))
}
