//! The modules and the firmware in a root file system.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::storage;
use super::tables::{self, Tables};
use crate::profile::glob;

/// Names, from modinfo(8), each module of `$DRIVERS` that kernel `$KERNEL` in `$TREE` has. Below it stand, each with a space in
/// front, the files of firmware that it asks for, and with a `<` the modules that it was built to load after, `,` between them.
/// For `sh -e`.
pub const ASK: &str = r#"
modinfo --version >/dev/null
for name in $DRIVERS; do
    modinfo --basedir "$TREE" --set-version "$KERNEL" --field name "$name" >/dev/null 2>&1 || continue
    echo "$name"
    modinfo --basedir "$TREE" --set-version "$KERNEL" --field firmware "$name" 2>/dev/null | sed 's/^/ /'
    modinfo --basedir "$TREE" --set-version "$KERNEL" --field depends "$name" 2>/dev/null | sed 's/^/</'
done"#;

/// Endings of a firmware file, as the kernel looks for them.
const ENDINGS: [&str; 3] = ["", ".xz", ".zst"];

/// Why the modules of a tree are not known.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A file or folder could not be read.
    #[error("cannot read {}: {why}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// No kernel, or several.
    #[error(
        "{} has the modules of {} kernels, not of one: {}; name a folder with the root file system of an image",
        folder.display(),
        found.len(),
        if found.is_empty() { "none".to_owned() } else { found.join(", ") }
    )]
    Kernels {
        /// Where they were looked for.
        folder: PathBuf,
        /// Those found.
        found: Vec<String>,
    },
}

/// A root file system and its kernel's tables.
#[derive(Debug)]
pub struct KernelTree {
    root: PathBuf,
    /// Kernel release.
    pub kernel: String,
    /// Its tables.
    pub tables: Tables,
    /// Modules that lead to disks, by name.
    pub storage: BTreeSet<String>,
}

impl KernelTree {
    /// Reads the tables of the one kernel in a root file system.
    pub fn find(root: &Path) -> Result<Self, TreeError> {
        let folder = root.join("usr/lib/modules");
        let failed = |why| TreeError::Read {
            path: folder.clone(),
            why,
        };
        let mut found = Vec::new();
        for entry in folder.read_dir().map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if folder.join(&name).join("modules.dep").exists() {
                found.push(name.to_string_lossy().into_owned());
            }
        }
        found.sort();
        match found.as_slice() {
            [kernel] => Self::open(root, kernel),
            _ => Err(TreeError::Kernels { folder, found }),
        }
    }

    /// Reads the tables of a kernel.
    pub fn open(root: &Path, kernel: &str) -> Result<Self, TreeError> {
        let read = |name: &str| {
            let path = root.join("usr/lib/modules").join(kernel).join(name);
            std::fs::read(&path).map_err(|why| TreeError::Read { path, why })
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (aliases, dependencies) = (text(&read("modules.alias")?), text(&read("modules.dep")?));
        let all = storage::all(&dependencies, &aliases);
        Ok(Self {
            root: root.to_owned(),
            kernel: kernel.to_owned(),
            tables: Tables::read(&aliases, &dependencies, &read("modules.builtin.modinfo")?),
            storage: all.iter().map(|path| tables::of_path(path)).collect(),
        })
    }

    /// Whether a file of firmware is there, as it is or compressed. Drivers that load every file of a folder name it with `*`.
    pub fn has_firmware(&self, name: &str) -> bool {
        let path = self.root.join("usr/lib/firmware").join(name);
        let (Some(folder), Some(file)) = (path.parent(), path.file_name()) else {
            return false;
        };
        let file = file.to_string_lossy();
        let packed = ENDINGS.map(|end| format!("{file}{end}"));
        if !file.contains('*') {
            return packed.iter().any(|file| folder.join(file).exists());
        }
        let entries = folder.read_dir().into_iter().flatten().flatten();
        let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.any(|name| packed.iter().any(|pattern| glob::matches(pattern, &name)))
    }
}

/// What a module says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Files of firmware that it may load.
    pub firmware: Vec<String>,
    /// Modules that it cannot be loaded without.
    pub needs: Vec<String>,
}

/// The answer of [`ASK`]; a module that is missing does not exist.
pub type Wanted = BTreeMap<String, Asked>;

/// Reads the answer of [`ASK`].
pub fn wanted(answer: &str) -> Wanted {
    let mut wanted = Wanted::new();
    let mut current = String::new();
    for line in answer.lines() {
        match line.split_at_checked(1) {
            Some((" ", file)) => wanted
                .entry(current.clone())
                .or_default()
                .firmware
                .push(file.trim().to_owned()),
            Some(("<", names)) => {
                let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
                let needs = &mut wanted.entry(current.clone()).or_default().needs;
                needs.extend(names.map(tables::name));
            }
            _ => {
                current = tables::name(line);
                wanted.entry(current.clone()).or_default();
            }
        }
    }
    wanted
}
