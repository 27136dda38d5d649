//! Selecting disks: a selector must match exactly one disk.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::machine::Disk;
use crate::size::Size;

#[cfg(test)]
mod tests;

/// Conditions on a disk; all that are given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Selector {
    /// Serial number, exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// World-wide name, exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wwn: Option<String>,
    /// Model; `*` stands for any characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Bus: `sata`, `sas`, `nvme`, `usb`, `mmc`, `virtio`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<String>,
    /// A path below `/dev`, such as `/dev/disk/by-path/...` or `/dev/nvme0n1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// At least this large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_size: Option<Size>,
    /// At most this large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<Size>,
}

/// A selector that does not match exactly one disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// It has no condition.
    #[error(
        "the selector is empty and would match any disk: give at least one of serial, wwn, model, bus, path, min-size, max-size"
    )]
    Empty,
    /// Matches none.
    #[error("no disk matches {selector}\n{seen}")]
    None {
        /// The selector.
        selector: String,
        /// The disks that are there.
        seen: String,
    },
    /// Matches several.
    #[error("{count} disks match {selector}; add what tells them apart, such as the serial number\n{seen}")]
    Several {
        /// The selector.
        selector: String,
        /// How many.
        count: usize,
        /// The disks that match.
        seen: String,
    },
}

impl Selector {
    /// Whether it has no condition.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The one disk that matches.
    pub fn choose<'a>(&self, disks: &[&'a Disk]) -> Result<&'a Disk, SelectError> {
        if self.is_empty() {
            return Err(SelectError::Empty);
        }
        let mut matching: Vec<&Disk> = disks.iter().copied().filter(|disk| self.matches(disk)).collect();
        if matching.len() > 1 {
            // A disk that can never be taken does not make the choice ambiguous.
            let able = matching.iter().copied().filter(|disk| !disk.is_out_of_question());
            matching = Some(able.collect())
                .filter(|able: &Vec<_>| !able.is_empty())
                .unwrap_or(matching);
        }
        match matching[..] {
            [disk] => Ok(disk),
            [] => Err(SelectError::None {
                selector: self.to_string(),
                seen: list(disks),
            }),
            _ => Err(SelectError::Several {
                selector: self.to_string(),
                count: matching.len(),
                seen: list(&matching),
            }),
        }
    }

    fn matches(&self, disk: &Disk) -> bool {
        let is = |wanted: &Option<String>, found: &Option<String>| {
            wanted
                .as_ref()
                .is_none_or(|wanted| found.as_ref() == Some(wanted))
        };
        is(&self.serial, &disk.serial)
            && is(&self.wwn, &disk.wwn)
            && self
                .model
                .as_ref()
                .is_none_or(|pattern| glob(pattern, &disk.model))
            && self
                .bus
                .as_ref()
                .is_none_or(|bus| bus.eq_ignore_ascii_case(&disk.bus))
            && self.path.as_ref().is_none_or(|path| {
                *path == disk.path || disk.links.contains(path) || disk.paths.contains(path)
            })
            && self.min_size.is_none_or(|size| disk.bytes >= size.0)
            && self.max_size.is_none_or(|size| disk.bytes <= size.0)
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sizes = [self.min_size, self.max_size].map(|size| size.map(|size| size.to_string()));
        let parts = [
            ("serial", self.serial.as_deref()),
            ("wwn", self.wwn.as_deref()),
            ("model", self.model.as_deref()),
            ("bus", self.bus.as_deref()),
            ("path", self.path.as_deref()),
            ("min-size", sizes[0].as_deref()),
            ("max-size", sizes[1].as_deref()),
        ];
        let text: Vec<String> = parts
            .iter()
            .filter_map(|(name, value)| Some(format!("{name} = \"{}\"", (*value)?)))
            .collect();
        f.write_str(&text.join(", "))
    }
}

/// One line a disk.
fn list(disks: &[&Disk]) -> String {
    if disks.is_empty() {
        return "  there is no disk to choose from".to_owned();
    }
    let lines: Vec<String> = disks
        .iter()
        .map(|disk| format!("  {}", disk.describe()))
        .collect();
    lines.join("\n")
}

/// Whether a text matches a pattern in which `*` stands for any characters; letter case does not matter.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(part) = last.replace(part) {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}
