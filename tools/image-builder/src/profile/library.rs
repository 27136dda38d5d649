//! Folders of profiles, and the resolution of `extends`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::error::{Fault, FaultKind, ProfileError};
use super::glob;
use super::layer::{Item, Layer};
use super::resolved::Profile;
use super::schema::{self, Inherit, KEYS, Need, Shape};
use super::values::{Arch, BootFirmware, Medium, Tier};

/// Every profile file of some folders.
#[derive(Debug, Clone)]
pub struct Library {
    folders: Vec<PathBuf>,
    layers: BTreeMap<String, Layer>,
}

/// A value and where it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The value.
    pub text: String,
    /// File that set it.
    pub file: PathBuf,
    /// Line in it.
    pub line: usize,
}

impl Origin {
    fn fault(&self, kind: FaultKind) -> Fault {
        Fault {
            file: self.file.clone(),
            line: self.line,
            kind,
        }
    }
}

/// Values of each key, in the order of [`KEYS`], with where each came from.
pub type Merged = BTreeMap<usize, Vec<Origin>>;

/// A resolved profile and where its values came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The profile.
    pub profile: Profile,
    /// Where each value was set.
    pub origins: Merged,
}

/// Folder of the source tree that holds its profiles.
pub const FOLDER: &str = "profiles";

impl Library {
    /// The profiles of a source tree, and those of other folders.
    pub fn of_source(source: &Path, others: &[PathBuf]) -> Result<Self, ProfileError> {
        let own = source.join(FOLDER);
        let folders: Vec<PathBuf> = std::iter::once(own).chain(others.iter().cloned()).collect();
        Self::open(&folders)
    }

    /// Reads every `*.toml` of these folders. Mistakes in the files show when a profile is resolved.
    pub fn open(folders: &[PathBuf]) -> Result<Self, ProfileError> {
        let read = |path: &Path| {
            let path = path.to_owned();
            move |source| ProfileError::Read { path, source }
        };
        let mut texts = Vec::new();
        let mut known = BTreeSet::new();
        for folder in folders {
            // Named twice, it holds each profile once.
            if !known.insert(folder.canonicalize().map_err(read(folder))?) {
                continue;
            }
            for entry in std::fs::read_dir(folder).map_err(read(folder))? {
                let path = entry.map_err(read(folder))?.path();
                if path.extension().is_some_and(|ending| ending == "toml") {
                    let bytes = std::fs::read(&path).map_err(read(&path))?;
                    texts.push((path, String::from_utf8_lossy(&bytes).into_owned()));
                }
            }
        }
        Self::from_texts(folders, texts)
    }

    /// A library of texts, each with the path it would stand under. Two of one name are refused.
    pub fn from_texts(
        folders: &[PathBuf],
        texts: impl IntoIterator<Item = (PathBuf, String)>,
    ) -> Result<Self, ProfileError> {
        let mut library = Self {
            folders: folders.to_owned(),
            layers: BTreeMap::new(),
        };
        for (path, text) in texts {
            library.add(path, &text)?;
        }
        Ok(library)
    }

    /// Adds a profile's text, with the path it would stand under.
    pub fn add(&mut self, path: PathBuf, text: &str) -> Result<(), ProfileError> {
        let name = name_of(&path);
        if let Some(known) = self.layers.get(&name) {
            return Err(ProfileError::Clash {
                name,
                first: known.file.clone(),
                second: path,
            });
        }
        self.replace(&path, text);
        Ok(())
    }

    /// Puts a text in the place of a profile's.
    pub fn replace(&mut self, path: &Path, text: &str) {
        let name = name_of(path);
        let layer = Layer::parse(&name, path, text);
        self.layers.insert(name, layer);
    }

    /// Every name, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.layers.keys().map(String::as_str)
    }

    /// Every mistake in these profiles, or in all of them.
    pub fn check(&self, name: Option<&str>) -> Result<Vec<Fault>, ProfileError> {
        let mut faults = Vec::new();
        let names = name.map_or_else(|| self.names().collect(), |name| vec![name]);
        for name in names {
            match self.resolve(name) {
                Ok(_) => {}
                Err(ProfileError::Faults(more)) => faults.extend(more),
                Err(other) => return Err(other),
            }
        }
        faults.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        faults.dedup();
        Ok(faults)
    }

    /// A profile to build for an architecture: checked, and not abstract.
    pub fn buildable(&self, name: &str, arch: Arch) -> Result<Profile, ProfileError> {
        let profile = self.resolve(name)?.profile;
        if profile.is_abstract {
            return Err(ProfileError::Abstract(profile.name));
        }
        if !profile.supports(arch) {
            return Err(ProfileError::WrongArch {
                name: profile.name,
                arch,
                supported: profile.arch,
            });
        }
        Ok(profile)
    }

    /// A profile with its parents merged in, checked.
    pub fn resolve(&self, name: &str) -> Result<Resolved, ProfileError> {
        let Some(layer) = self.layers.get(name) else {
            return Err(ProfileError::Unknown {
                name: name.to_owned(),
                folders: self.folders.clone(),
                nearest: schema::nearest(name, self.names()),
            });
        };
        let lineage = self
            .lineage(layer)
            .map_err(|fault| ProfileError::Faults(vec![fault]))?;
        let faults: Vec<Fault> = lineage
            .iter()
            .flat_map(|layer| layer.faults.iter().cloned())
            .collect();
        if !faults.is_empty() {
            return Err(ProfileError::Faults(faults));
        }
        let origins = merge(&lineage);
        let faults = conflicts(layer, &origins);
        if !faults.is_empty() {
            return Err(ProfileError::Faults(faults));
        }
        let mut profile: Profile = table(&origins).try_into()?;
        profile.name.clone_from(&layer.name);
        profile.lineage = lineage.iter().map(|layer| layer.name.clone()).collect();
        Ok(Resolved { profile, origins })
    }

    /// The layer and its parents, nearest first. Of two parents the later is nearer; what both extend comes after them.
    fn lineage<'a>(&'a self, layer: &'a Layer) -> Result<Vec<&'a Layer>, Fault> {
        let mut order = Vec::new();
        self.visit(layer, &mut Vec::new(), &mut order)?;
        order.reverse();
        Ok(order)
    }

    /// Adds the parents of a layer that are not there yet to `order`, then the layer. `path` leads to it.
    fn visit<'a>(
        &'a self,
        layer: &'a Layer,
        path: &mut Vec<&'a str>,
        order: &mut Vec<&'a Layer>,
    ) -> Result<(), Fault> {
        path.push(&layer.name);
        for Item { text: parent, line } in layer.items("", "extends") {
            let fault = |kind| Fault {
                file: layer.file.clone(),
                line: *line,
                kind,
            };
            if let Some(start) = path.iter().position(|seen| seen == parent) {
                let circle = path.iter().skip(start).map(|name| (*name).to_owned());
                return Err(fault(FaultKind::Cycle {
                    chain: circle.chain([parent.clone()]).collect(),
                }));
            }
            let next = self.layers.get(parent).ok_or_else(|| {
                let nearest = schema::nearest(parent, self.names().filter(|name| *name != layer.name));
                fault(FaultKind::UnknownParent {
                    parent: parent.clone(),
                    nearest,
                })
            })?;
            if !order.iter().any(|known| known.name == next.name) {
                self.visit(next, path, order)?;
            }
        }
        path.pop();
        order.push(layer);
        Ok(())
    }
}

/// The name of a profile in this file.
fn name_of(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Merges layers, nearest first, by the rule of each key.
fn merge(lineage: &[&Layer]) -> Merged {
    let mut merged = Merged::new();
    for (depth, layer) in lineage.iter().enumerate().rev() {
        for (index, values) in &layer.values {
            let Some(key) = KEYS.get(*index) else { continue };
            if key.inherit == Inherit::Own && depth > 0 {
                continue;
            }
            let into = merged.entry(*index).or_default();
            if key.inherit != Inherit::Append {
                into.clear();
            }
            for item in &values.items {
                if !into.iter().any(|known| known.text == item.text) {
                    into.push(Origin {
                        text: item.text.clone(),
                        file: layer.file.clone(),
                        line: item.line,
                    });
                }
            }
        }
    }
    merged
}

/// What is wrong with a profile's values together, each with the reason.
fn conflicts(layer: &Layer, merged: &Merged) -> Vec<Fault> {
    let is_abstract = first(merged, "", "abstract").is_some_and(|flag| flag.text == "true");
    let mut faults = Vec::new();
    for (index, key) in KEYS.iter().enumerate() {
        let why = match key.need {
            Need::Always(why) => why,
            Need::ToBuild(why) if !is_abstract => why,
            Need::ToBuild(_) | Need::Optional => continue,
        };
        let (key, line) = (
            key.path(),
            layer.values.get(&index).map_or(1, |values| values.line),
        );
        let kind = match merged.get(&index).map(Vec::as_slice) {
            None => FaultKind::Missing {
                key,
                why: why.to_owned(),
            },
            Some([]) => FaultKind::Empty(key),
            Some(_) => continue,
        };
        let file = layer.file.clone();
        faults.push(Fault { file, line, kind });
    }
    let tier = |name| first(merged, "model", name).and_then(|at| Some((at, Tier::named(&at.text)?)));
    if let (Some((at, min)), Some((_, max))) = (tier("min-tier"), tier("max-tier"))
        && min > max
    {
        faults.push(at.fault(FaultKind::TierOrder { min, max }));
    }
    faults.extend(disk_image(merged));
    faults.extend(promised_modules(merged));
    faults
}

/// The firmware of a Raspberry Pi starts no ISO, and nothing else starts the image of a disk.
fn disk_image(merged: &Merged) -> Option<Fault> {
    let (firmware, media) = (all(merged, "boot", "firmware"), all(merged, "boot", "media"));
    let words =
        |origins: &[Origin]| -> Vec<String> { origins.iter().map(|origin| origin.text.clone()).collect() };
    let pi = BootFirmware::RaspberryPi.name();
    let disk = Medium::Disk.name();
    let is_either =
        words(firmware).iter().any(|word| word == pi) || words(media).iter().any(|word| word == disk);
    if !is_either || (words(firmware) == [pi] && words(media) == [disk]) {
        return None;
    }
    let at = firmware.iter().find(|origin| origin.text == pi);
    let at = at.or_else(|| media.iter().find(|origin| origin.text == disk))?;
    Some(at.fault(FaultKind::DiskImage))
}

/// Patterns that are a module's name and leave out a module that the image must have. Paths are checked in the finished
/// image, where the place of each module is known.
fn promised_modules(merged: &Merged) -> Vec<Fault> {
    let required = all(merged, "drivers", "required");
    let names = all(merged, "kernel", "modules-exclude")
        .iter()
        .filter(|origin| !origin.text.contains('/'));
    names
        .filter_map(|origin| {
            let promised = required
                .iter()
                .find(|module| glob::matches(&origin.text, &module.text))?;
            Some(origin.fault(FaultKind::PromisedModule {
                pattern: origin.text.clone(),
                module: promised.text.clone(),
            }))
        })
        .collect()
}

fn all<'a>(merged: &'a Merged, section: &str, name: &str) -> &'a [Origin] {
    let values = schema::index(section, name).and_then(|index| merged.get(&index));
    values.map_or(&[], Vec::as_slice)
}

fn first<'a>(merged: &'a Merged, section: &str, name: &str) -> Option<&'a Origin> {
    all(merged, section, name).first()
}

/// The values as the table that a [`Profile`] is read from.
fn table(merged: &Merged) -> toml::Table {
    let mut table = toml::Table::new();
    for (index, origins) in merged {
        let Some(key) = KEYS.get(*index) else { continue };
        let mut values = origins.iter().map(|origin| key.kind.value(&origin.text));
        let value = match key.shape {
            Shape::Many | Shape::OneOrMany => Some(toml::Value::Array(values.collect())),
            Shape::One => values.next(),
        };
        let section = match key.section {
            "" => Some(&mut table),
            section => {
                let section = table.entry(section).or_insert(toml::Table::new().into());
                section.as_table_mut()
            }
        };
        if let (Some(section), Some(value)) = (section, value) {
            section.insert(key.name.to_owned(), value);
        }
    }
    table
}
