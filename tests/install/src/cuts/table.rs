//! The partitions of a disk whose table may be half-written, as libfdisk finds them: by the primary table, or by the
//! backup when that is damaged, which is what the kernel does too.

use std::ffi::OsStr;

use serde::Deserialize;
use sigmavault_vm::{Image, Share, ToolsTree};

use crate::disk::Extent;

/// The GPT name of the state partition, and its name until an installation is complete.
const STATE: &str = "state";
const STATE_UNFINISHED: &str = "state-new";
/// The names of the other partitions of an installed system.
const SLOTS: [&str; 4] = ["root-a", "root-a-verity", "root-b", "root-b-verity"];

/// The partitions of a disk: GPT names and places, in the order of the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Partitions(pub Vec<(String, Extent)>);

/// How far a disk looks installed, by its partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// Not like a disk of this system.
    Foreign,
    /// All partitions are there, and the state has the name of an unfinished installation.
    HalfDone,
    /// All partitions are there.
    Complete,
}

#[derive(Deserialize)]
struct Printed {
    partitiontable: Table,
}

#[derive(Deserialize)]
struct Table {
    label: String,
    #[serde(default)]
    sectorsize: Option<u64>,
    #[serde(default)]
    partitions: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    start: u64,
    size: u64,
    #[serde(default)]
    name: String,
}

impl Partitions {
    /// Those of a disk; none without a table that can be read.
    pub fn of(tools: &ToolsTree, image: &Image) -> Self {
        let arguments = [OsStr::new("--json"), image.path.as_os_str()];
        let printed = tools.read("sfdisk", &[Share::Read(&image.path)], &arguments);
        // It fails on a disk without a table.
        printed.map_or_else(|_| Self::default(), |text| Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let Ok(Printed {
            partitiontable: table,
        }) = serde_json::from_str(text)
        else {
            return Self::default();
        };
        if table.label != "gpt" {
            return Self::default();
        }
        let sector = table.sectorsize.unwrap_or(512);
        let rows = table.partitions.into_iter().map(|row| {
            let extent = Extent {
                offset: row.start * sector,
                bytes: row.size * sector,
            };
            (row.name, extent)
        });
        Self(rows.collect())
    }

    /// The place of the one with this name.
    pub fn find(&self, label: &str) -> Option<Extent> {
        let found = self.0.iter().find(|(name, _)| name == label);
        found.map(|(_, extent)| *extent)
    }

    /// How far the disk looks installed.
    pub fn looks(&self) -> Looks {
        if SLOTS.iter().any(|label| self.find(label).is_none()) {
            Looks::Foreign
        } else if self.find(STATE).is_some() {
            Looks::Complete
        } else if self.find(STATE_UNFINISHED).is_some() {
            Looks::HalfDone
        } else {
            Looks::Foreign
        }
    }

    /// The names.
    pub fn labels(&self) -> String {
        let labels: Vec<&str> = self.0.iter().map(|(label, _)| label.as_str()).collect();
        labels.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(labels: &[&str]) -> Partitions {
        let rows: Vec<String> = labels
            .iter()
            .zip(1..)
            .map(|(label, place)| {
                format!("{{\"node\":\"d{place}\",\"start\":{place},\"size\":2,\"name\":\"{label}\"}}")
            })
            .collect();
        Partitions::parse(&format!(
            "{{\"partitiontable\":{{\"label\":\"gpt\",\"sectorsize\":512,\"partitions\":[{}]}}}}",
            rows.join(",")
        ))
    }

    #[test]
    fn partitions_and_looks() {
        let slots = ["esp", "root-a", "root-a-verity", "root-b", "root-b-verity"];
        let with = |state| table(&[&slots[..], &[state]].concat());
        assert_eq!(with("state").looks(), Looks::Complete);
        assert_eq!(with("state-new").looks(), Looks::HalfDone);
        assert_eq!(with("data").looks(), Looks::Foreign);
        assert_eq!(table(&slots[..3]).looks(), Looks::Foreign);
        let extent = Extent {
            offset: 1024,
            bytes: 1024,
        };
        assert_eq!(with("state").find("root-a"), Some(extent));
        assert_eq!(table(&slots[..2]).labels(), "esp root-a");
    }

    #[test]
    fn what_is_no_table() {
        for text in ["", "{}", r#"{"partitiontable":{"label":"dos","partitions":[]}}"#] {
            assert_eq!(Partitions::parse(text), Partitions::default(), "{text}");
        }
        let empty = r#"{"partitiontable":{"label":"gpt"}}"#;
        assert_eq!(Partitions::parse(empty).looks(), Looks::Foreign);
    }
}
