//! What is read from the chosen partition: kernel, initrds, device tree, command line.

use std::io::{Read, Seek};

use crate::board::{Board, Family, OVERLAY_D0, TREE_5_C1};
use crate::failure::Failure;
use crate::fat::{Fat, FatError};
use crate::filter::Facts;
use crate::kernel;
use crate::note::Note;
use crate::settings::{self, Settings};
use crate::table::Partition;
use crate::tree;

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Its path on the partition.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// All that a kernel is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The kernel.
    pub kernel: Loaded,
    /// The initrds one behind the other, if there are any.
    pub initrd: Option<Vec<u8>>,
    /// The device tree as it stands on the disk.
    pub tree: Loaded,
    /// The kernel's command line as it stands on the disk. The firmware puts words of its own in front of it.
    pub command_line: String,
    /// What `config.txt` says.
    pub settings: Settings,
    /// What no document promises.
    pub notes: Vec<Note>,
}

/// Reads the partition by the settings in the file `config`.
pub fn load(
    disk: &mut (impl Read + Seek),
    partition: Partition,
    config: &str,
    facts: &Facts,
) -> Result<Contents, Failure> {
    let number = partition.number;
    let failed = |source| Failure::Fat {
        partition: number,
        source,
    };
    let mut fat = Fat::open(disk, partition.start, partition.bytes).map_err(failed)?;
    let text = fat.read(config).map_err(failed)?.unwrap_or_default();
    let settings = settings::read(&text, facts, &mut |name| fat.read(name)).map_err(failed)?;
    let notes = settings.notes.clone();
    let mut loader = Loader {
        fat,
        number,
        board: facts.board,
        settings,
        prefix: String::new(),
        notes,
    };
    loader.load()
}

struct Loader<'a, S> {
    fat: Fat<'a, S>,
    number: u32,
    board: Board,
    settings: Settings,
    prefix: String,
    notes: Vec<Note>,
}

impl<S: Read + Seek> Loader<'_, S> {
    fn load(&mut self) -> Result<Contents, Failure> {
        self.firmware()?;
        self.choose_prefix()?;
        let kernel = self.kernel()?;
        let tree = self.tree()?;
        let initrd = self.initrd()?;
        let command_line = self.command_line()?;
        for name in &self.settings.overlays {
            self.notes.push(Note::OverlayNotApplied(name.clone()));
        }
        Ok(Contents {
            kernel,
            initrd,
            tree,
            command_line,
            settings: self.settings.clone(),
            notes: std::mem::take(&mut self.notes),
        })
    }

    /// What a Pi 4 needs before `config.txt` is read by `start4.elf`.
    fn firmware(&mut self) -> Result<(), Failure> {
        if self.board.family() != Family::Pi4 {
            return Ok(());
        }
        let partition = self.number;
        let file = self.settings.fixup_file.clone();
        if !self.is_there(&file)? {
            return Err(Failure::NoFixup { partition, file });
        }
        if self.settings.arm_64bit {
            Ok(())
        } else {
            Err(Failure::ThirtyTwoBit { partition })
        }
    }

    /// The prefix counts only when a kernel and a tree are found behind it.
    fn choose_prefix(&mut self) -> Result<(), Failure> {
        let upstream = self.settings.upstream_kernel.then(|| "upstream/".to_owned());
        let Some(prefix) = self.settings.os_prefix.clone().or(upstream) else {
            return Ok(());
        };
        let kernels = self.kernels();
        let trees = self.trees();
        if self.any_behind(&prefix, &kernels)? && self.any_behind(&prefix, &trees)? {
            self.prefix = prefix;
        } else if self.settings.os_prefix.is_some() {
            self.notes.push(Note::PrefixIgnored(prefix));
        }
        Ok(())
    }

    fn any_behind(&mut self, prefix: &str, names: &[String]) -> Result<bool, Failure> {
        for name in names {
            if self.is_there(&behind(prefix, name))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn kernels(&self) -> Vec<String> {
        match &self.settings.kernel {
            Some(name) => vec![name.clone()],
            None => self
                .board
                .kernels()
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
        }
    }

    fn trees(&self) -> Vec<String> {
        match &self.settings.device_tree {
            Some(name) => vec![name.clone()],
            None => {
                let names = self.board.trees(self.settings.upstream_kernel);
                names.iter().map(|name| name.file.to_owned()).collect()
            }
        }
    }

    fn kernel(&mut self) -> Result<Loaded, Failure> {
        let names = self.kernels();
        let partition = self.number;
        let Some(kernel) = self.first(&names)? else {
            return Err(Failure::NoKernel {
                partition,
                file: names.join(", "),
            });
        };
        match kernel::check(&kernel.bytes) {
            Ok(()) => Ok(kernel),
            Err(why) => Err(Failure::NotAKernel {
                partition,
                file: kernel.name,
                why,
            }),
        }
    }

    fn tree(&mut self) -> Result<Loaded, Failure> {
        let names = self.trees();
        let partition = self.number;
        let found = self.first(&names)?;
        let Some(found) = found else {
            return Err(Failure::NoTree {
                partition,
                files: names.join(", "),
            });
        };
        if self.settings.device_tree.is_none() {
            self.check_stepping(&found)?;
            let assumed = self.board.trees(self.settings.upstream_kernel).iter();
            let mut assumed = assumed.filter(|name| !name.documented);
            if assumed.any(|name| found.name.ends_with(name.file)) {
                self.notes.push(Note::TreeNameAssumed(found.name.clone()));
            }
        }
        match tree::check(&found.bytes, self.board.family().processor()) {
            Ok(()) => Ok(found),
            Err(why) => Err(Failure::BadTree {
                partition,
                file: found.name,
                why,
            }),
        }
    }

    /// The C1 tree is good for a D0 board only with the overlay that the firmware applies to it.
    fn check_stepping(&mut self, found: &Loaded) -> Result<(), Failure> {
        if self.board != Board::Pi5D0 || !found.name.ends_with(TREE_5_C1) {
            return Ok(());
        }
        if self.is_there(OVERLAY_D0)? {
            self.notes.push(Note::OverlayNotApplied(OVERLAY_D0.to_owned()));
            return Ok(());
        }
        Err(Failure::WrongStepping {
            partition: self.number,
            found: found.name.clone(),
        })
    }

    /// The initrds one behind the other, as they are: the firmware is not known to fill up to a multiple of four.
    fn initrd(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut all: Option<Vec<u8>> = None;
        for file in self.settings.initrds.clone() {
            let Some(part) = self.first(std::slice::from_ref(&file))? else {
                return Err(Failure::NoInitrd {
                    partition: self.number,
                    file,
                });
            };
            let all = all.get_or_insert_default();
            if !all.len().is_multiple_of(4) && part.bytes.starts_with(b"0707") {
                self.notes.push(Note::InitrdNotAligned(part.name));
            }
            all.extend(part.bytes);
        }
        Ok(all)
    }

    fn command_line(&mut self) -> Result<String, Failure> {
        let name = self.settings.command_line.clone();
        let Some(file) = self.first(std::slice::from_ref(&name))? else {
            self.notes.push(Note::NoCommandLine(name));
            return Ok(String::new());
        };
        let text = String::from_utf8_lossy(&file.bytes);
        let mut lines = text.lines();
        let line = lines.next().unwrap_or_default().trim().to_owned();
        if lines.any(|more| !more.trim().is_empty()) {
            self.notes.push(Note::CommandLineHasMoreLines);
        }
        Ok(line)
    }

    /// The first of these files that is there, behind the prefix.
    fn first(&mut self, names: &[String]) -> Result<Option<Loaded>, Failure> {
        for name in names.iter().filter(|name| !name.is_empty()) {
            let name = behind(&self.prefix, name);
            if let Some(bytes) = self.fat.read(&name).map_err(self.failed())? {
                return Ok(Some(Loaded { name, bytes }));
            }
        }
        Ok(None)
    }

    fn is_there(&mut self, path: &str) -> Result<bool, Failure> {
        let size = self.fat.size(path).map_err(self.failed())?;
        Ok(size.is_some())
    }

    fn failed(&self) -> impl FnOnce(FatError) -> Failure + use<S> {
        let partition = self.number;
        move |source| Failure::Fat { partition, source }
    }
}

/// A name behind a prefix; a path from the top of the partition stays what it is.
fn behind(prefix: &str, name: &str) -> String {
    match name.strip_prefix('/') {
        Some(path) => path.to_owned(),
        None => format!("{prefix}{name}"),
    }
}
