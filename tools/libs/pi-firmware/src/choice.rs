//! Which partition the boot loader in the EEPROM takes.
//!
//! A partition is bootable when it has `start4.elf` on a Pi 4, or `config.txt` and a device tree for the processor on a
//! Pi 5. In a try without `tryboot_a_b=1`, `tryboot.txt` takes the place of `config.txt`; what happens when it is missing
//! is not documented, and in the model the partition is not bootable then.

use std::io::{Read, Seek};

use crate::autoboot::{self, Autoboot};
use crate::board::Family;
use crate::failure::{Failure, Tried, Unbootable};
use crate::fat::{Fat, FatError};
use crate::filter::Facts;
use crate::settings;
use crate::table::{Partition, Table};

/// Highest number that is looked at when the wanted partition is not bootable.
const LAST: u32 = 8;

/// What the boot loader does with a partition that is not bootable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// It looks at all partitions in turn (`PARTITION_WALK=1`, the default since 2025-08).
    Walk,
    /// It looks at partition 1 (since 2022-10).
    First,
    /// It goes on to the next boot mode.
    None,
}

/// The choice of a start.
#[derive(Debug)]
pub struct Choice {
    /// The partition.
    pub partition: Partition,
    /// What `autoboot.txt` says.
    pub autoboot: Autoboot,
    /// The file with the settings: `config.txt`, or `tryboot.txt`.
    pub config: &'static str,
    /// The partitions that were not bootable before.
    pub tried: Tried,
}

/// What decides besides the disk.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The board and the start, no partition chosen yet.
    pub facts: &'a Facts,
    /// `PARTITION` of the boot loader's settings, for a start that nothing else names a partition for; 0 is none.
    pub partition: u32,
    /// Whether the boot loader knows `[tryboot]` and `tryboot_a_b` (since 2022-10).
    pub tryboot_a_b: bool,
    /// What it does with a partition that is not bootable.
    pub fallback: Fallback,
}

/// Chooses the partition.
pub fn choose(disk: &mut (impl Read + Seek), rules: &Rules<'_>) -> Result<Choice, Failure> {
    let table = Table::read(disk)?;
    let first = table.first_fat().ok_or(Failure::NoFat)?;
    let autoboot = read_autoboot(disk, first, rules);
    let config = if rules.facts.tryboot && !autoboot.tryboot_a_b {
        "tryboot.txt"
    } else {
        "config.txt"
    };
    let named = [
        rules.facts.partition,
        autoboot.boot_partition.unwrap_or(0),
        rules.partition,
    ];
    let wanted = named
        .into_iter()
        .find(|number| *number != 0)
        .unwrap_or(first.number);
    let mut tried = Tried(Vec::new());
    for number in order(wanted, rules.fallback) {
        match look(disk, &table, number, config, rules)? {
            Ok(partition) => {
                return Ok(Choice {
                    partition,
                    autoboot,
                    config,
                    tried,
                });
            }
            Err(why) => tried.0.push((number, why)),
        }
    }
    Err(Failure::NothingBootable(tried))
}

/// What `autoboot.txt` of the first FAT partition says. A partition that cannot be read counts as one without it; the
/// documentation is silent.
fn read_autoboot(disk: &mut (impl Read + Seek), first: Partition, rules: &Rules<'_>) -> Autoboot {
    let read = |disk| Fat::open(disk, first.start, first.bytes)?.read(autoboot::FILE);
    let bytes = read(disk).ok().flatten().unwrap_or_default();
    // An older boot loader does not know the filter, and so takes none of its lines.
    let known = Facts {
        tryboot: rules.facts.tryboot && rules.tryboot_a_b,
        ..*rules.facts
    };
    let said = autoboot::parse(&bytes, &known);
    Autoboot {
        tryboot_a_b: said.tryboot_a_b && rules.tryboot_a_b,
        ..said
    }
}

/// The partitions that are looked at, in their order.
fn order(wanted: u32, fallback: Fallback) -> Vec<u32> {
    let mut numbers = vec![wanted];
    let rest: Vec<u32> = match fallback {
        Fallback::None => Vec::new(),
        Fallback::First => vec![1],
        // From the wanted one up to 8, then again from the beginning.
        Fallback::Walk => (wanted.saturating_add(1)..=LAST).chain(1..=LAST).collect(),
    };
    for number in rest {
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    numbers
}

/// Looks whether a partition is bootable.
fn look(
    disk: &mut (impl Read + Seek),
    table: &Table,
    number: u32,
    config: &str,
    rules: &Rules<'_>,
) -> Result<Result<Partition, Unbootable>, Failure> {
    let found = table
        .by_number(number)
        .map_err(|ambiguous| Failure::Ambiguous(ambiguous.number))?;
    let Some(partition) = found else {
        return Ok(Err(Unbootable::Absent));
    };
    let facts = Facts {
        boot_partition: number,
        ..*rules.facts
    };
    Ok(judge(disk, partition, config, &facts).map(|()| partition))
}

fn judge(
    disk: &mut (impl Read + Seek),
    partition: Partition,
    config: &str,
    facts: &Facts,
) -> Result<(), Unbootable> {
    let mut fat = Fat::open(disk, partition.start, partition.bytes)?;
    let text = fat.read(config)?;
    if text.is_none() && config == "tryboot.txt" {
        return Err(Unbootable::NoTryboot);
    }
    match (facts.board.family(), text) {
        (Family::Pi4, text) => {
            let start_file = settings::read_alone(&text.unwrap_or_default(), facts).start_file;
            match fat.size(&start_file)? {
                Some(_) => Ok(()),
                None => Err(Unbootable::NoFile(start_file)),
            }
        }
        (Family::Pi5, None) => Err(Unbootable::NoFile(config.to_owned())),
        (Family::Pi5, Some(text)) => has_tree(&mut fat, &settings::read_alone(&text, facts), facts),
    }
}

fn has_tree<S: Read + Seek>(
    fat: &mut Fat<'_, S>,
    said: &settings::Settings,
    facts: &Facts,
) -> Result<(), Unbootable> {
    if !said.os_check {
        return Ok(());
    }
    let names: Vec<&str> = match &said.device_tree {
        Some(name) => vec![name],
        None => facts.board.checked_trees().to_vec(),
    };
    let prefix = said.os_prefix.as_deref().unwrap_or_default();
    let mut any = |path: &str| -> Result<bool, FatError> { Ok(fat.size(path)?.is_some()) };
    for name in &names {
        if any(name)? || any(&format!("{prefix}{name}"))? {
            return Ok(());
        }
    }
    Err(Unbootable::NoTree(names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders() {
        for (wanted, fallback, expected) in [
            (2, Fallback::None, &[2][..]),
            (2, Fallback::First, &[2, 1]),
            (1, Fallback::First, &[1]),
            (2, Fallback::Walk, &[2, 3, 4, 5, 6, 7, 8, 1]),
            (3, Fallback::Walk, &[3, 4, 5, 6, 7, 8, 1, 2]),
            (62, Fallback::Walk, &[62, 1, 2, 3, 4, 5, 6, 7, 8]),
        ] {
            assert_eq!(order(wanted, fallback), expected, "{wanted} {fallback:?}");
        }
    }
}
