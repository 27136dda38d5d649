//! Memory nodes of a flattened device tree, as the kernel shows them below `/proc/device-tree`.

use sigmavault_facts::Files;

const TREE: &str = "/proc/device-tree";

/// Sum of all memory nodes in bytes; `None` when there are none, or none that can be read.
pub fn memory_bytes(files: &Files) -> Option<u64> {
    let cells = |name: &str, default| {
        let bytes = files.bytes(format!("{TREE}/{name}")).ok()?;
        Some(<[u8; 4]>::try_from(bytes).map_or(default, u32::from_be_bytes))
    };
    // Defaults of the Devicetree Specification, section 2.3.5.
    let address_cells = cells("#address-cells", 2).unwrap_or(2);
    let size_cells = cells("#size-cells", 1).unwrap_or(1);
    let nodes = files.names(TREE).ok()?;
    let total = nodes
        .iter()
        .filter(|name| *name == "memory" || name.starts_with("memory@"))
        .filter_map(|node| files.bytes(format!("{TREE}/{node}/reg")).ok())
        .filter_map(|reg| region_bytes(&reg, address_cells, size_cells))
        .fold(0, u64::saturating_add);
    (total > 0).then_some(total)
}

/// Sum of the sizes in a `reg` property of (address, size) pairs; `None` when it does not fit the cell counts.
pub fn region_bytes(reg: &[u8], address_cells: u32, size_cells: u32) -> Option<u64> {
    if !(1..=2).contains(&address_cells) || !(1..=2).contains(&size_cells) {
        return None;
    }
    let (address, size) = (address_cells as usize * 4, size_cells as usize * 4);
    if reg.is_empty() || !reg.len().is_multiple_of(address + size) {
        return None;
    }
    let sizes = reg.chunks_exact(address + size).map(|pair| {
        pair[address..]
            .iter()
            .fold(0u64, |number, &byte| number << 8 | u64::from(byte))
    });
    Some(sizes.fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reg(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    #[test]
    fn raspberry_pi_4_of_4_gib() {
        let bytes = reg(&[0, 0, 0x3b40_0000, 0, 0x4000_0000, 0xbc00_0000]);
        assert_eq!(region_bytes(&bytes, 2, 1), Some(0x3b40_0000 + 0xbc00_0000));
    }

    #[test]
    fn two_cells_make_one_number() {
        assert_eq!(region_bytes(&reg(&[0, 0x4000_0000, 4, 0]), 2, 2), Some(16 << 30));
    }

    #[test]
    fn properties_that_do_not_fit_are_refused() {
        assert_eq!(region_bytes(&reg(&[0, 0, 1, 0]), 2, 1), None);
        assert_eq!(region_bytes(&[], 2, 1), None);
        assert_eq!(region_bytes(&reg(&[1]), 0, 1), None);
        assert_eq!(region_bytes(&reg(&[1, 1, 1, 1]), 3, 1), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, address in 0u32..5, size in 0u32..5) {
            region_bytes(&bytes, address, size);
        }
    }
}
