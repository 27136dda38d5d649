//! The modules of one crate target, read from its root file: children, definitions, imports, and every path that is named.
//! Code that is compiled for tests only is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{Attribute, Item, UseTree};

/// Segments of a path, such as `crate`, `plan`, `InstallPlan`.
pub type Segments = Vec<String>;

/// A module, in a file of its own or within its parent's.
#[derive(Debug, Default)]
pub struct Module {
    /// The file that holds it.
    pub file: PathBuf,
    /// Index of the parent; none for the crate's root.
    pub parent: Option<usize>,
    /// Index of each child by name.
    pub children: BTreeMap<String, usize>,
    /// Names that are defined here.
    pub items: BTreeSet<String>,
    /// What `use` declarations bring in, by the name they give it.
    pub imports: BTreeMap<String, Segments>,
    /// Modules that are imported whole, by `use ...::*`.
    pub globs: Vec<Segments>,
    /// Every path in its code, `use` declarations apart.
    pub mentions: BTreeSet<Segments>,
    /// Imports that are not handed on: they count as mentioned.
    pub private: BTreeSet<Segments>,
}

/// Reads the modules of the crate target with this root file; the root comes first.
pub fn read(root: &Path) -> anyhow::Result<Vec<Module>> {
    let mut modules = Vec::new();
    let folder = root.parent().unwrap_or(Path::new("")).to_owned();
    file(&mut modules, None, root, &folder)?;
    Ok(modules)
}

/// Reads a module's file; its children in files lie in `folder`.
fn file(
    modules: &mut Vec<Module>,
    parent: Option<usize>,
    path: &Path,
    folder: &Path,
) -> anyhow::Result<usize> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let parsed = syn::parse_file(&text).with_context(|| format!("cannot parse {}", path.display()))?;
    module(modules, parent, path, folder, &parsed.items)
}

fn module(
    modules: &mut Vec<Module>,
    parent: Option<usize>,
    path: &Path,
    folder: &Path,
    items: &[Item],
) -> anyhow::Result<usize> {
    let index = modules.len();
    let mut reader = Reader::default();
    for item in items {
        reader.visit_item(item);
        if let Some(name) = defined(item) {
            reader.module.items.insert(name);
        }
    }
    path.clone_into(&mut reader.module.file);
    reader.module.parent = parent;
    modules.push(reader.module);
    for item in items {
        let Item::Mod(item) = item else { continue };
        if for_tests(&item.attrs) {
            continue;
        }
        let name = item.ident.to_string();
        let inner = folder.join(&name);
        let child = if let Some((_, items)) = &item.content {
            module(modules, Some(index), path, &inner, items)?
        } else {
            let named = attribute(&item.attrs, "path").map(|text| path.with_file_name(text));
            let candidates = [folder.join(format!("{name}.rs")), inner.join("mod.rs")];
            let found = named.into_iter().chain(candidates).find(|path| path.exists());
            let found = found.with_context(|| format!("{}: no file for module {name}", path.display()))?;
            file(modules, Some(index), &found, &inner)?
        };
        modules[index].children.insert(name, child);
    }
    Ok(index)
}

/// Collects what one module names.
#[derive(Default)]
struct Reader {
    module: Module,
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = attributes(item);
        // A child is read as a module of its own.
        if !matches!(item, Item::Mod(_)) && !for_tests(attributes) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let handed_on = !matches!(item.vis, syn::Visibility::Inherited);
        self.import(&item.tree, &mut Vec::new(), handed_on);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string());
        self.module.mentions.insert(segments.collect());
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        syn::visit::visit_macro(self, item);
        self.tokens(item.tokens.clone());
    }
}

impl Reader {
    fn import(&mut self, tree: &UseTree, before: &mut Segments, handed_on: bool) {
        let add = |reader: &mut Self, name: String, path: Segments| {
            if !handed_on {
                reader.module.private.insert(path.clone());
            }
            reader.module.imports.insert(name, path);
        };
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before, handed_on);
                before.pop();
            }
            UseTree::Name(name) if name.ident == "self" => {
                if let Some(last) = before.last() {
                    add(self, last.clone(), before.clone());
                }
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                add(self, name.clone(), [&before[..], &[name]].concat());
            }
            UseTree::Rename(rename) => {
                let mut path = before.clone();
                if rename.ident != "self" {
                    path.push(rename.ident.to_string());
                }
                add(self, rename.rename.to_string(), path);
            }
            UseTree::Glob(_) => self.module.globs.push(before.clone()),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before, handed_on);
                }
            }
        }
    }

    /// Paths in the arguments of a macro, which are not parsed.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Segments::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.mention(&mut path);
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.mention(&mut path);
                    self.tokens(group.stream());
                    colons = 0;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.mention(&mut path);
                    colons = 0;
                }
            }
        }
        self.mention(&mut path);
    }

    fn mention(&mut self, path: &mut Segments) {
        if !path.is_empty() {
            self.module.mentions.insert(std::mem::take(path));
        }
    }
}

/// The name that an item defines, unless it is a module or an import.
fn defined(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether an item is compiled for tests only.
pub fn for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if attribute.path().is_ident("test") {
            return true;
        }
        let syn::Meta::List(list) = &attribute.meta else {
            return false;
        };
        let condition = list.tokens.to_string();
        attribute.path().is_ident("cfg")
            && (condition == "test" || condition.replace(' ', "").starts_with("all(test"))
    })
}

/// The text of `#[name = "text"]`.
fn attribute(attributes: &[Attribute], name: &str) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident(name) => match &pair.value {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}
