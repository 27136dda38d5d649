//! What a disk after a power cut is worth, looked at from outside.

use std::path::Path;

use sigmavault_types::slots::Slot;
use sigmavault_vm::{Image, PowerCut, ToolsTree, WriteLog};

use super::fat::{self, Fsck};
use super::menu::{Menu, MenuEntry, Sum};
use super::table::{Looks, Partitions};
use crate::bench::Bench;
use crate::disk::Extent;
use crate::error::Error;

/// What a sound disk has, from one that was not cut off.
#[derive(Debug, Clone)]
pub struct Sound {
    /// Its partitions.
    pub partitions: Partitions,
    /// SHA-256 of the kernel image.
    kernel: Sum,
    /// SHA-256 of the loader.
    loader: Sum,
}

/// A disk after a power cut.
#[derive(Debug, Clone)]
pub struct Judged {
    /// How far it looks installed.
    pub looks: Looks,
    /// What the loader finds, where there is a file system to look at.
    pub menu: Option<Menu>,
    /// What fsck finds, where there is one.
    pub fsck: Fsck,
    /// What is wrong.
    pub faults: Vec<String>,
}

impl Judged {
    /// The slot that starts.
    pub fn starts(&self) -> Option<Slot> {
        self.menu.as_ref()?.first().map(|entry| entry.slot)
    }

    /// Whether there is a loader that could start something.
    pub fn has_loader(&self) -> bool {
        let loaders = self.menu.as_ref().map(|menu| &menu.loaders);
        loaders.is_some_and(|loaders| loaders.iter().any(|sum| matches!(sum, Sum::Sha256(_))))
    }

    /// In a line.
    pub fn shown(&self) -> String {
        let menu = self.menu.as_ref().map(Menu::shown).unwrap_or_default();
        let mut text = format!("{:?}, entries: {menu}", self.looks);
        for (word, lines) in [("fsck", &self.fsck.damage), ("FAULT", &self.faults)] {
            if !lines.is_empty() {
                text = format!("{text}; {word}: {}", lines.join(" / "));
            }
        }
        text
    }

    /// The same, with what the cut lost.
    pub fn shown_after(&self, cut: &PowerCut) -> String {
        format!(
            "{} of {} late writes lost; {}",
            cut.lost(),
            cut.unflushed(),
            self.shown()
        )
    }
}

impl Sound {
    /// Of a disk whose installation was completed, and where both slots have the same kernel image.
    pub fn of(bench: &mut Bench<'_>, image: &Image) -> Result<Self, Error> {
        let partitions = Partitions::of(&bench.lab.tools, image);
        let menu = match partitions.find("esp") {
            Some(esp) => Menu::read(image, esp)?.ok(),
            None => None,
        };
        let sums: Vec<&Sum> = menu
            .iter()
            .flat_map(|menu| &menu.entries)
            .map(|entry| &entry.image)
            .collect();
        let good = matches!(sums[..], [a @ Sum::Sha256(_), b] if a == b);
        bench.check(
            "boot menu of the disk that was not cut off",
            good && partitions.looks() == Looks::Complete,
            menu.as_ref().map(Menu::shown).unwrap_or_default(),
            "two entries with one kernel image, and all partitions",
        );
        let missing = || Sum::Unreadable("there is no boot menu".to_owned());
        Ok(Self {
            kernel: sums.first().map_or_else(missing, |sum| (*sum).clone()),
            loader: menu.as_ref().map_or_else(missing, |menu| menu.loaders[1].clone()),
            partitions,
        })
    }

    /// The place of a partition.
    pub fn place(&self, label: &str) -> Extent {
        let nowhere = Extent { offset: 0, bytes: 0 };
        self.partitions.find(label).unwrap_or(nowhere)
    }

    /// Whether what was recorded of a slot's partitions is on the disk as a whole, or not at all.
    pub fn slot_is_whole(&self, log: &WriteLog, cut: &PowerCut, slot: Slot) -> bool {
        let places = ["", "-verity"].map(|part| self.place(&format!("root-{}{part}", slot.name())).range());
        places.iter().all(|place| cut.has_all(log, place))
            || places.iter().all(|place| cut.has_none(log, place))
    }

    /// What is wrong with a disk that starts this entry.
    fn faults_of(&self, menu: &Menu, entry: &MenuEntry) -> Vec<String> {
        let mut faults = Vec::new();
        if entry.image != self.kernel {
            faults.push(format!(
                "{} starts another kernel image: {:?}",
                entry.file, entry.image
            ));
        }
        for loader in &menu.loaders {
            if *loader != self.loader {
                faults.push(format!("the loader is {loader:?}"));
            }
        }
        faults
    }

    /// Looks at a disk. `scratch` is a path for a copy of its EFI system partition.
    pub fn judge(&self, tools: &ToolsTree, image: &Image, scratch: &Path) -> Result<Judged, Error> {
        let partitions = Partitions::of(tools, image);
        let mut judged = Judged {
            looks: partitions.looks(),
            menu: None,
            fsck: Fsck { damage: Vec::new() },
            faults: Vec::new(),
        };
        let Some(esp) = partitions.find("esp") else {
            return Ok(judged);
        };
        let Ok(menu) = Menu::read(image, esp)? else {
            return Ok(judged);
        };
        if let Some(first) = menu.first() {
            judged.faults = self.faults_of(&menu, first);
            let copy = fat::extract(image, esp, scratch.to_owned())?;
            judged.fsck = Fsck::look(tools, &copy)?;
            Fsck::repair(tools, &copy)?;
            let whole = Extent {
                offset: 0,
                bytes: esp.bytes,
            };
            match Menu::read(&copy, whole)? {
                Ok(repaired) => judged
                    .faults
                    .extend(self.faults_of_repair(&repaired, &menu, first)),
                Err(error) => judged.faults.push(format!("after fsck -a: {error}")),
            }
        }
        judged.menu = Some(menu);
        Ok(judged)
    }

    /// What fsck, which an installed system runs at its start, has made worse.
    fn faults_of_repair(&self, menu: &Menu, before: &Menu, first_before: &MenuEntry) -> Vec<String> {
        let Some(first) = menu.first() else {
            return vec!["after fsck -a: no entry is left".to_owned()];
        };
        let mut faults = self.faults_of(menu, first);
        if first != first_before {
            faults.push(format!(
                "{} comes first, no longer {}",
                first.file, first_before.file
            ));
        }
        if menu.slots() != before.slots() {
            faults.push(format!("the entries are {}", menu.shown()));
        }
        faults
            .iter()
            .map(|fault| format!("after fsck -a: {fault}"))
            .collect()
    }
}
