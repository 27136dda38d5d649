//! The folder of profiles, and the resolution of `extends`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::{Fault, FaultKind, ProfileError};
use super::layer::{Item, Layer};
use super::needed;
use super::resolved::{Boot, Budget, Drivers, Firmware, Kernel, Model, Profile, System, Vm};
use super::schema::{self, Inherit, KEYS, Key};
use super::values::{Arch, BootFirmware, Desktop, KernelSource, Medium, Tier};

/// Every profile file of a folder.
#[derive(Debug, Clone)]
pub struct Library {
    folder: PathBuf,
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

impl Library {
    /// Reads every `*.toml` of a folder. Mistakes in the files show when a profile is resolved.
    pub fn open(folder: &Path) -> Result<Self, ProfileError> {
        let read = |path: &Path| {
            let path = path.to_owned();
            move |source| ProfileError::Read { path, source }
        };
        let mut texts = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(read(folder))? {
            let path = entry.map_err(read(folder))?.path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                let bytes = std::fs::read(&path).map_err(read(&path))?;
                texts.push((path, String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        Ok(Self::from_texts(folder, texts))
    }

    /// A library of texts, each with the path it would stand under.
    pub fn from_texts(folder: &Path, texts: impl IntoIterator<Item = (PathBuf, String)>) -> Self {
        let layers = texts.into_iter().map(|(path, text)| {
            let name = path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default();
            let layer = Layer::parse(&name, &path, &text);
            (name, layer)
        });
        Self {
            folder: folder.to_owned(),
            layers: layers.collect(),
        }
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
                folder: self.folder.clone(),
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
        let mut builder = Builder {
            layer,
            merged: &origins,
            faults: Vec::new(),
        };
        match builder.profile(lineage.iter().map(|layer| layer.name.clone()).collect()) {
            Some(profile) if builder.faults.is_empty() => Ok(Resolved { profile, origins }),
            _ => Err(ProfileError::Faults(builder.faults)),
        }
    }

    /// The layer and its parents, nearest first.
    fn lineage<'a>(&'a self, layer: &'a Layer) -> Result<Vec<&'a Layer>, Fault> {
        let mut lineage = vec![layer];
        let mut current = layer;
        while let Some(Item { text: parent, line }) = current.one("", "extends") {
            let fault = |kind| Fault {
                file: current.file.clone(),
                line: *line,
                kind,
            };
            if let Some(start) = lineage.iter().position(|seen| seen.name == *parent) {
                let circle = lineage.iter().skip(start).map(|layer| layer.name.clone());
                return Err(fault(FaultKind::Cycle {
                    chain: circle.chain([parent.clone()]).collect(),
                }));
            }
            current = self.layers.get(parent).ok_or_else(|| {
                let nearest = schema::nearest(parent, self.names().filter(|name| *name != current.name));
                fault(FaultKind::UnknownParent {
                    parent: parent.clone(),
                    nearest,
                })
            })?;
            lineage.push(current);
        }
        Ok(lineage)
    }
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

struct Builder<'a> {
    layer: &'a Layer,
    merged: &'a Merged,
    faults: Vec<Fault>,
}

impl Builder<'_> {
    /// The profile, or `None` with the reasons in `faults`. Every key is looked at, so that all reasons are told.
    fn profile(&mut self, lineage: Vec<String>) -> Option<Profile> {
        let is_abstract = self.first("", "abstract").is_some_and(|flag| flag.text == "true");
        let description = self.required("", "description", "every profile says in one line what it is for");
        let arch = self.choices("", "arch", Arch::named);
        let source = self.choice("kernel", "source", KernelSource::named);
        let desktop = self.choice("system", "desktop", Desktop::named);
        let hostname = self.required("system", "hostname", "the live session has a host name");
        let media = self.choices("boot", "media", Medium::named);
        let boot_firmware = self.choices("boot", "firmware", BootFirmware::named);
        let min_tier = self.choice("model", "min-tier", Tier::named);
        let max_tier = self.choice("model", "max-tier", Tier::named);
        if let (Some(min), Some(max)) = (min_tier, max_tier)
            && min > max
        {
            let at = self.first("model", "min-tier").cloned();
            self.fault(at, FaultKind::TierOrder { min, max });
        }
        self.promised_modules();
        let budget = Budget {
            iso_mib: self.number("budget", "iso-mib"),
            root_mib: self.number("budget", "root-mib"),
        };
        if budget.iso_mib.is_none() && !is_abstract {
            self.missing(
                "budget",
                "iso-mib",
                "a profile that is built says how large its ISO may be",
            );
        }
        Some(Profile {
            name: self.layer.name.clone(),
            lineage,
            description: description?,
            is_abstract,
            arch: arch?,
            kernel: Kernel {
                source: source?,
                command_line: self.list("kernel", "command-line"),
                modules_exclude: self.list("kernel", "modules-exclude"),
            },
            system: System {
                desktop: desktop?,
                hostname: hostname?,
                packages: self.list("system", "packages"),
                packages_remove: self.list("system", "packages-remove"),
                remove_files: self.list("system", "remove-files"),
            },
            firmware: Firmware {
                packages: self.list("firmware", "packages"),
            },
            drivers: Drivers {
                required: self.list("drivers", "required"),
            },
            boot: Boot {
                media: media?,
                firmware: boot_firmware?,
            },
            model: Model {
                min_tier: min_tier?,
                max_tier: max_tier?,
            },
            budget,
            vm: Vm {
                memory: self.text("vm", "memory"),
                cpu: self.text("vm", "cpu"),
            },
        })
    }

    /// No pattern that is a module's name leaves out a module that the image must have. Paths are checked in the finished
    /// image, where the place of each module is known.
    fn promised_modules(&mut self) {
        let required = self.list("drivers", "required");
        let excluded = self.origins("kernel", "modules-exclude").unwrap_or_default();
        let mut found = Vec::new();
        for origin in excluded.iter().filter(|origin| !origin.text.contains('/')) {
            if let Some(module) = required
                .iter()
                .find(|module| needed::matches(&origin.text, module))
            {
                let kind = FaultKind::PromisedModule {
                    pattern: origin.text.clone(),
                    module: module.clone(),
                };
                found.push((origin.clone(), kind));
            }
        }
        for (origin, kind) in found {
            self.fault(Some(origin), kind);
        }
    }

    fn origins(&self, section: &str, name: &str) -> Option<&[Origin]> {
        let is = |key: &Key| key.section == section && key.name == name;
        Some(self.merged.get(&KEYS.iter().position(is)?)?.as_slice())
    }

    fn first(&self, section: &str, name: &str) -> Option<&Origin> {
        self.origins(section, name)?.first()
    }

    fn text(&self, section: &str, name: &str) -> Option<String> {
        Some(self.first(section, name)?.text.clone())
    }

    fn list(&self, section: &str, name: &str) -> Vec<String> {
        self.origins(section, name)
            .unwrap_or_default()
            .iter()
            .map(|origin| origin.text.clone())
            .collect()
    }

    fn number(&self, section: &str, name: &str) -> Option<u64> {
        self.first(section, name)?.text.parse().ok()
    }

    fn required(&mut self, section: &str, name: &str, why: &str) -> Option<String> {
        let text = self.text(section, name);
        if text.is_none() {
            self.missing(section, name, why);
        }
        text
    }

    fn choice<T>(&mut self, section: &str, name: &str, named: fn(&str) -> Option<T>) -> Option<T> {
        let text = self.required(section, name, "neither this profile nor a parent sets it")?;
        named(&text)
    }

    fn choices<T>(&mut self, section: &str, name: &str, named: fn(&str) -> Option<T>) -> Option<Vec<T>> {
        let Some(origins) = self.origins(section, name) else {
            self.missing(section, name, "neither this profile nor a parent sets it");
            return None;
        };
        let values: Vec<T> = origins.iter().filter_map(|origin| named(&origin.text)).collect();
        if values.is_empty() {
            let at = self.layer_line(section, name);
            let kind = FaultKind::Empty(schema::path(section, name));
            self.faults.push(Fault {
                file: self.layer.file.clone(),
                line: at,
                kind,
            });
            return None;
        }
        Some(values)
    }

    fn layer_line(&self, section: &str, name: &str) -> usize {
        let index = KEYS
            .iter()
            .position(|key| key.section == section && key.name == name);
        index
            .and_then(|index| self.layer.values.get(&index))
            .map_or(1, |values| values.line)
    }

    fn missing(&mut self, section: &str, name: &str, why: &str) {
        self.fault(
            None,
            FaultKind::Missing {
                key: schema::path(section, name),
                why: why.to_owned(),
            },
        );
    }

    fn fault(&mut self, at: Option<Origin>, kind: FaultKind) {
        let (file, line) = at.map_or((self.layer.file.clone(), 1), |origin| (origin.file, origin.line));
        self.faults.push(Fault { file, line, kind });
    }
}
