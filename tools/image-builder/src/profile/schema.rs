//! Every key a profile may have: its section, what it holds and how it is inherited.

use super::grammar::Kind;
use super::values::{Arch, BootFirmware, Desktop, KernelSource, Medium, Tier};

/// Whether a key holds one value or a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One value.
    One,
    /// A list.
    Many,
    /// One value, or a list of them.
    OneOrMany,
}

/// What happens to a parent's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inherit {
    /// It stays with the parent.
    Own,
    /// The child's value takes its place.
    Replace,
    /// The child's entries come after the parent's.
    Append,
}

/// Whether a profile, its parents included, must say a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It may.
    Optional,
    /// It must, for this reason.
    Always(&'static str),
    /// It must unless it is abstract, for this reason.
    ToBuild(&'static str),
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Section, empty at the top.
    pub section: &'static str,
    /// Name within the section.
    pub name: &'static str,
    /// Grammar of a value.
    pub kind: Kind,
    /// One or many.
    pub shape: Shape,
    /// What happens to a parent's value.
    pub inherit: Inherit,
    /// Whether it must be there.
    pub need: Need,
    /// What it is for, in one sentence.
    pub about: &'static str,
}

impl Key {
    /// `section.name`, or the name alone at the top.
    pub fn path(&self) -> String {
        path(self.section, self.name)
    }

    const fn needed(self, why: &'static str) -> Self {
        Self {
            need: Need::Always(why),
            ..self
        }
    }

    const fn or_many(self) -> Self {
        Self {
            shape: Shape::OneOrMany,
            ..self
        }
    }

    const fn required(self) -> Self {
        self.needed("neither this profile nor a parent sets it")
    }
}

/// Joins a section and a name.
pub fn path(section: &str, name: &str) -> String {
    if section.is_empty() {
        name.to_owned()
    } else {
        format!("{section}.{name}")
    }
}

const fn one(section: &'static str, name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key {
        section,
        name,
        kind,
        shape: Shape::One,
        inherit: Inherit::Replace,
        need: Need::Optional,
        about,
    }
}

/// A key of the file that it stands in.
const fn own(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key {
        inherit: Inherit::Own,
        ..one("", name, kind, about)
    }
}

/// A closed set.
const fn set(section: &'static str, name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key {
        shape: Shape::Many,
        ..one(section, name, kind, about)
    }
}

/// A list that children append to.
const fn list(section: &'static str, name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key {
        inherit: Inherit::Append,
        ..set(section, name, kind, about)
    }
}

/// Every key, in the order in which they are shown.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    own("description", Kind::Text, "What the profile is for, in one line.")
        .needed("every profile says in one line what it is for"),
    own("abstract", Kind::Flag, "Whether it is only a base for other profiles, and not built."),
    own("extends", Kind::Profile, "The profile that this one adds to, or several: what a later one says counts more.")
        .or_many(),
    set("", "arch", Kind::Choice(Arch::NAMES), "Architectures that it is built for.").required(),
    one("kernel", "source", Kind::Choice(KernelSource::NAMES), "Where the kernel comes from.").required(),
    list("kernel", "command-line", Kind::Argument, "Arguments of the kernel, in order."),
    one("kernel", "serial-console", Kind::Argument,
        "What `console=serial` stands for, like `ttyS1,115200n8`; without it the architecture's first serial port."),
    list("kernel", "modules-exclude", Kind::ModulePattern,
        "Kernel modules left out of the image: names, or path patterns under the module tree."),
    one("system", "desktop", Kind::Choice(Desktop::NAMES), "Desktop of the live session.").required(),
    one("system", "hostname", Kind::Host, "Host name of the live session.")
        .needed("the live session has a host name"),
    list("system", "packages", Kind::Package, "Debian packages, as `name` or `name/suite`."),
    list("system", "packages-remove", Kind::RemovedPackage,
        "Debian packages left out, though others depend on them or a parent lists them."),
    list("system", "remove-files", Kind::RemovedPath, "Files and folders deleted from the image; `*` and `?` are patterns."),
    list("firmware", "packages", Kind::Package, "Debian packages with firmware."),
    list("drivers", "required", Kind::Module, "Kernel modules that the image must have, with their firmware."),
    list("hardware", "ids", Kind::HardwareId,
        "Devices that the image must drive: each has a driver with its firmware, in the initrd too where it leads to disks."),
    list("hardware", "models", Kind::Text,
        "Names of the machines, as their firmware says them, with `*` for any text; an image starts on no other machine."),
    set("boot", "media", Kind::Choice(Medium::NAMES),
        "What the image boots from; `disk` alone is for `raspberry-pi`: the image is that of the disk which the system stays on.").required(),
    set("boot", "firmware", Kind::Choice(BootFirmware::NAMES),
        "Firmware that starts the image; `bios` is for amd64 only, `raspberry-pi` for arm64 and alone.").required(),
    list("boot", "packages", Kind::Package, "Debian packages with files for the boot partition of a Raspberry Pi; they are not installed."),
    list("boot", "files", Kind::Path, "Files of these packages for the boot partition."),
    list("boot", "device-trees", Kind::DeviceTree,
        "Device trees of the kernel for the boot partition, as `FILE`, or as `FILE=NAME` where the firmware knows it by another name."),
    list("boot", "config", Kind::Text, "Lines of the boot partition's `config.txt`."),
    one("model", "min-tier", Kind::Choice(Tier::NAMES), "Smallest language model tier of these machines.").required(),
    one("model", "max-tier", Kind::Choice(Tier::NAMES), "Largest language model tier of these machines.").required(),
    Key {
        need: Need::ToBuild("a profile that is built says how large its ISO may be"),
        ..one("budget", "iso-mib", Kind::Number, "Largest ISO, or compressed disk image, in MiB.")
    },
    one("budget", "root-mib", Kind::Number, "Largest root file system, in MiB."),
    one("vm", "memory", Kind::Memory, "Memory of the virtual machine that `smoke` starts, like `4G`."),
    one("vm", "cpu", Kind::Word, "QEMU's model of the processor for `smoke`."),
];

/// Where in [`KEYS`] the key of this section and name is.
pub fn index(section: &str, name: &str) -> Option<usize> {
    KEYS.iter()
        .position(|key| key.section == section && key.name == name)
}

/// Whether there is a section of this name.
pub fn is_section(name: &str) -> bool {
    !name.is_empty() && KEYS.iter().any(|key| key.section == name)
}

/// The valid key or section most like an unknown one. The same name elsewhere wins over a similar one here.
pub fn nearest_key(section: &str, name: &str) -> Option<String> {
    if let Some(key) = KEYS.iter().find(|key| key.name == name) {
        return Some(key.path());
    }
    let here = KEYS
        .iter()
        .filter(|key| key.section == section)
        .map(|key| key.name);
    let near = if section.is_empty() {
        let mut sections: Vec<_> = KEYS
            .iter()
            .map(|key| key.section)
            .filter(|name| !name.is_empty())
            .collect();
        sections.dedup();
        nearest(name, here.chain(sections))
    } else {
        nearest(name, here)
    };
    near.map(|near| path(section, &near))
        .or_else(|| nearest(&path(section, name), KEYS.iter().map(Key::path)))
}

/// The candidate most like `word`, when one is like it at all.
pub fn nearest<S: AsRef<str>>(word: &str, candidates: impl IntoIterator<Item = S>) -> Option<String> {
    // Longer words are compared by their beginning: the distance is quadratic in the length.
    let word: String = word.chars().take(64).collect();
    let scored = candidates.into_iter().map(|candidate| {
        let score = strsim::normalized_damerau_levenshtein(&word, candidate.as_ref())
            .max(strsim::jaro_winkler(&word, candidate.as_ref()) - 0.2);
        (score, candidate)
    });
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= 0.5).then(|| best.1.as_ref().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_valid_key() {
        let cases = [
            ("system", "pakages", Some("system.packages")),
            ("system", "packages_remove", Some("system.packages-remove")),
            ("", "packages", Some("system.packages")),
            ("", "extend", Some("extends")),
            ("", "kernal", Some("kernel")),
            ("kernel", "cmdline", Some("kernel.command-line")),
            ("model", "min-teir", Some("model.min-tier")),
            ("budget", "iso-mb", Some("budget.iso-mib")),
            ("", "zzzzzz", None),
        ];
        for (section, name, expected) in cases {
            assert_eq!(
                nearest_key(section, name).as_deref(),
                expected,
                "{section}.{name}"
            );
        }
    }
}
