//! Memory in the SMBIOS table (DMTF DSP0134), as the kernel gives it in `/sys/firmware/dmi/tables/DMI`.
//!
//! Read are type 16 (physical memory array: what an array is for), type 17 (memory device: one slot) and type 19
//! (memory array mapped address: one range). Firmware is often wrong, so a structure that is too short for a field
//! simply lacks it, and reading stops where the table breaks off.

use sigmavault_types::hardware::MemoryModule;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// `Use` of a type 16 array: system memory, and not flash, video or cache.
const USE_SYSTEM_MEMORY: u8 = 3;

/// What the table says about memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Modules of system memory that are present (type 17).
    pub modules: Vec<MemoryModule>,
    /// Sum of the mapped ranges in bytes (type 19); 0 when there are none.
    pub mapped_bytes: u64,
}

/// Reads the memory structures of a table.
pub fn memory(table: &[u8]) -> Memory {
    let structures = Structures { rest: table }.collect::<Vec<_>>();
    let foreign_arrays: Vec<u16> = structures
        .iter()
        .filter(|s| s.kind == 16 && s.byte(0x05).is_some_and(|usage| usage != USE_SYSTEM_MEMORY))
        .map(|s| s.handle)
        .collect();
    let is_foreign = |array: Option<u16>| array.is_some_and(|handle| foreign_arrays.contains(&handle));
    let modules = structures
        .iter()
        .filter(|s| s.kind == 17 && !is_foreign(s.word(0x04)))
        .filter_map(module)
        .collect();
    let mapped_bytes = structures
        .iter()
        .filter(|s| s.kind == 19 && !is_foreign(s.word(0x0c)))
        .filter_map(mapped_bytes)
        .fold(0, u64::saturating_add);
    Memory {
        modules,
        mapped_bytes,
    }
}

/// One structure: its formatted area from the header on, and its strings.
struct Structure<'a> {
    kind: u8,
    handle: u16,
    area: &'a [u8],
    strings: &'a [u8],
}

impl<'a> Structure<'a> {
    fn array<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.area.get(offset..offset + N)?.try_into().ok()
    }

    fn byte(&self, offset: usize) -> Option<u8> {
        self.area.get(offset).copied()
    }

    fn word(&self, offset: usize) -> Option<u16> {
        self.array(offset).map(u16::from_le_bytes)
    }

    fn dword(&self, offset: usize) -> Option<u32> {
        self.array(offset).map(u32::from_le_bytes)
    }

    fn qword(&self, offset: usize) -> Option<u64> {
        self.array(offset).map(u64::from_le_bytes)
    }

    /// The string that the byte at `offset` counts to, from 1.
    fn string(&self, offset: usize) -> Option<&'a [u8]> {
        let number = usize::from(self.byte(offset)?).checked_sub(1)?;
        self.strings
            .split(|&byte| byte == 0)
            .nth(number)
            .filter(|string| !string.is_empty())
    }
}

struct Structures<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Structures<'a> {
    type Item = Structure<'a>;

    fn next(&mut self) -> Option<Structure<'a>> {
        const END_OF_TABLE: u8 = 127;
        let &[kind, length, low, high, ..] = self.rest else {
            return None;
        };
        if kind == END_OF_TABLE || length < 4 {
            return None;
        }
        let area = self.rest.get(..usize::from(length))?;
        let after = &self.rest[usize::from(length)..];
        // The strings end with an empty one; a structure without strings has two NULs.
        let end = after.windows(2).position(|pair| pair == [0, 0])?;
        self.rest = &after[end + 2..];
        Some(Structure {
            kind,
            handle: u16::from_le_bytes([low, high]),
            area,
            strings: &after[..end],
        })
    }
}

fn module(device: &Structure) -> Option<MemoryModule> {
    let size_bytes = module_size(device).filter(|&size| size > 0)?;
    let speed = |word: usize, extended: usize| match device.word(word)? {
        0 => None,
        0xffff => device.dword(extended).map(|speed| speed & 0x7fff_ffff),
        speed => Some(u32::from(speed)),
    };
    Some(MemoryModule {
        slot: device.string(0x10).map(text).filter(|slot| !slot.is_empty()),
        size_bytes,
        kind: device.byte(0x12).and_then(kind_name).map(str::to_owned),
        speed_mts: speed(0x20, 0x58).or_else(|| speed(0x15, 0x54)),
    })
}

fn module_size(device: &Structure) -> Option<u64> {
    // Persistent memory counts as memory only in so far as it is used as such.
    let is_persistent = matches!(device.byte(0x28), Some(5..=7));
    if is_persistent {
        return device.qword(0x3c).filter(|&size| size != u64::MAX);
    }
    match device.word(0x0c)? {
        // Unknown size.
        0xffff => None,
        0x7fff => Some(u64::from(device.dword(0x1c)? & 0x7fff_ffff) * MIB),
        kib if kib & 0x8000 != 0 => Some(u64::from(kib & 0x7fff) * KIB),
        mib => Some(u64::from(mib) * MIB),
    }
}

fn mapped_bytes(range: &Structure) -> Option<u64> {
    let (start, end) = (range.dword(0x04)?, range.dword(0x08)?);
    if start == u32::MAX {
        return range.qword(0x17)?.checked_sub(range.qword(0x0f)?)?.checked_add(1);
    }
    // The end is the last KiB of the range.
    Some((u64::from(end).checked_sub(u64::from(start))? + 1) * KIB)
}

fn kind_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0x07 => "RAM",
        0x0f => "SDRAM",
        0x12 => "DDR",
        0x13 => "DDR2",
        0x18 => "DDR3",
        0x1a => "DDR4",
        0x1b => "LPDDR",
        0x1c => "LPDDR2",
        0x1d => "LPDDR3",
        0x1e => "LPDDR4",
        0x20 => "HBM",
        0x21 => "HBM2",
        0x22 => "DDR5",
        0x23 => "LPDDR5",
        0x24 => "HBM3",
        _ => return None,
    })
}

fn text(bytes: &[u8]) -> String {
    bytes
        .iter()
        .filter(|byte| byte.is_ascii_graphic() || **byte == b' ')
        .map(|&byte| char::from(byte))
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GIB: u64 = 1 << 30;

    fn structure(kind: u8, handle: u16, body: &[u8], strings: &[&str]) -> Vec<u8> {
        let mut bytes = vec![kind, u8::try_from(body.len() + 4).unwrap()];
        bytes.extend(handle.to_le_bytes());
        bytes.extend(body);
        for string in strings {
            bytes.extend(string.as_bytes());
            bytes.push(0);
        }
        if strings.is_empty() {
            bytes.push(0);
        }
        bytes.push(0);
        bytes
    }

    /// A type 17 structure of SMBIOS 3.2 (0x54 bytes) on array 0x1000.
    fn device(size: u16, extended: u32, memory_type: u8, speed: u16) -> Vec<u8> {
        let mut body = vec![0u8; 0x54 - 4];
        body[0x00..0x02].copy_from_slice(&0x1000u16.to_le_bytes());
        body[0x08..0x0a].copy_from_slice(&size.to_le_bytes());
        body[0x0c] = 1;
        body[0x0e] = memory_type;
        body[0x11..0x13].copy_from_slice(&speed.to_le_bytes());
        body[0x18..0x1c].copy_from_slice(&extended.to_le_bytes());
        body[0x1c..0x1e].copy_from_slice(&speed.to_le_bytes());
        body[0x24] = 3;
        structure(17, 0x1100, &body, &["DIMM A1", "BANK 0"])
    }

    fn array(handle: u16, usage: u8) -> Vec<u8> {
        structure(16, handle, &[3, usage, 3, 0, 0, 0, 0x80, 0xfe, 0xff, 1, 0], &[])
    }

    fn range(start_kib: u32, end_kib: u32) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend(start_kib.to_le_bytes());
        body.extend(end_kib.to_le_bytes());
        body.extend([0x00, 0x10, 1]);
        structure(19, 0x1300, &body, &[])
    }

    #[test]
    fn sizes_in_mib_kib_and_extended() {
        let table = [
            array(0x1000, 3),
            device(8192, 0, 0x1a, 3200),
            device(0x8000 | 512, 0, 0x1a, 0),
            device(0x7fff, 32 * 1024, 0x22, 4800),
            device(0, 0, 2, 0),
            device(0xffff, 0, 2, 0),
        ]
        .concat();
        let modules = memory(&table).modules;
        assert_eq!(
            modules.iter().map(|m| m.size_bytes).collect::<Vec<_>>(),
            [8 * GIB, 512 << 10, 32 * GIB]
        );
        assert_eq!(
            modules[0],
            MemoryModule {
                slot: Some("DIMM A1".into()),
                size_bytes: 8 * GIB,
                kind: Some("DDR4".into()),
                speed_mts: Some(3200)
            }
        );
        assert_eq!(modules[1].speed_mts, None);
    }

    #[test]
    fn flash_chips_are_no_memory() {
        let table = [array(0x1000, 5), device(16, 0, 9, 0)].concat();
        assert_eq!(memory(&table), Memory::default());
    }

    #[test]
    fn persistent_memory_counts_its_volatile_part() {
        let mut optane = device(0x7fff, 128 * 1024, 0x1f, 2666);
        optane[0x28] = 7;
        optane[0x3c..0x44].copy_from_slice(&(4 * GIB).to_le_bytes());
        assert_eq!(memory(&optane).modules[0].size_bytes, 4 * GIB);
    }

    /// QEMU of 20 GiB: modules of at most 16 GiB, ranges below and above 4 GiB.
    #[test]
    fn qemu_gives_the_exact_size() {
        let table = [
            array(0x1000, 3),
            device(16384, 0, 7, 0),
            device(4096, 0, 7, 0),
            range(0, 0x1f_ffff),
            range(0x40_0000, 0x40_0000 + 0x11f_ffff),
            structure(127, 0x7f00, &[], &[]),
            device(1024, 0, 7, 0),
        ]
        .concat();
        let memory = memory(&table);
        assert_eq!(memory.modules.iter().map(|m| m.size_bytes).sum::<u64>(), 20 * GIB);
        assert_eq!(memory.mapped_bytes, 20 * GIB);
    }

    #[test]
    fn extended_ranges_are_in_bytes() {
        let mut body = vec![0xff; 8];
        body.extend([0x00, 0x10, 1]);
        body.extend(0u64.to_le_bytes());
        body.extend((6 * 1024 * GIB - 1).to_le_bytes());
        assert_eq!(memory(&structure(19, 1, &body, &[])).mapped_bytes, 6 * 1024 * GIB);
    }

    #[test]
    fn old_short_structures_still_have_a_size() {
        // SMBIOS 2.1: 0x15 bytes.
        let mut body = vec![0u8; 0x15 - 4];
        body[0x08..0x0a].copy_from_slice(&1024u16.to_le_bytes());
        let modules = memory(&structure(17, 1, &body, &[])).modules;
        assert_eq!(
            modules,
            [MemoryModule {
                slot: None,
                size_bytes: GIB,
                kind: None,
                speed_mts: None
            }]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            memory(&bytes);
        }

        #[test]
        fn any_structures_are_read_without_panic(
            parts in prop::collection::vec((16u8..20, any::<u16>(), prop::collection::vec(any::<u8>(), 0..0x60)), 0..8)
        ) {
            let table: Vec<u8> = parts.iter().flat_map(|(kind, handle, body)| structure(*kind, *handle, body, &[])).collect();
            memory(&table);
        }

        #[test]
        fn every_module_is_found(sizes in prop::collection::vec(1u16..0x7fff, 1..32)) {
            let table: Vec<u8> = sizes.iter().flat_map(|&size| device(size, 0, 0x1a, 0)).collect();
            let found: Vec<u64> = memory(&table).modules.iter().map(|m| m.size_bytes / MIB).collect();
            prop_assert_eq!(found, sizes.iter().map(|&size| u64::from(size)).collect::<Vec<_>>());
        }

        #[test]
        fn a_table_that_breaks_off_gives_what_came_before(cut in 0usize..400) {
            let table = [device(1024, 0, 7, 0), device(1024, 0, 7, 0), device(1024, 0, 7, 0)].concat();
            let whole = table.len() / 3;
            let cut = cut.min(table.len());
            prop_assert_eq!(memory(&table[..cut]).modules.len(), cut / whole);
        }
    }
}
