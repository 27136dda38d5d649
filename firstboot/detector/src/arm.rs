//! Names of ARM cores. ARM kernels give numbers only (`MIDR_EL1`): who made the core, and which one it is.

use std::collections::BTreeMap;

const VENDORS: [(u32, &str); 11] = [
    (0x41, "Arm"),
    (0x42, "Broadcom"),
    (0x43, "Cavium"),
    (0x46, "Fujitsu"),
    (0x48, "HiSilicon"),
    (0x4e, "NVIDIA"),
    (0x50, "Applied Micro"),
    (0x51, "Qualcomm"),
    (0x56, "Marvell"),
    (0x61, "Apple"),
    (0xc0, "Ampere"),
];

const CORES: [((u32, u32), &str); 31] = [
    ((0x41, 0xd02), "Cortex-A34"),
    ((0x41, 0xd03), "Cortex-A53"),
    ((0x41, 0xd04), "Cortex-A35"),
    ((0x41, 0xd05), "Cortex-A55"),
    ((0x41, 0xd07), "Cortex-A57"),
    ((0x41, 0xd08), "Cortex-A72"),
    ((0x41, 0xd09), "Cortex-A73"),
    ((0x41, 0xd0a), "Cortex-A75"),
    ((0x41, 0xd0b), "Cortex-A76"),
    ((0x41, 0xd0c), "Neoverse N1"),
    ((0x41, 0xd0d), "Cortex-A77"),
    ((0x41, 0xd40), "Neoverse V1"),
    ((0x41, 0xd41), "Cortex-A78"),
    ((0x41, 0xd42), "Cortex-A78AE"),
    ((0x41, 0xd44), "Cortex-X1"),
    ((0x41, 0xd46), "Cortex-A510"),
    ((0x41, 0xd47), "Cortex-A710"),
    ((0x41, 0xd48), "Cortex-X2"),
    ((0x41, 0xd49), "Neoverse N2"),
    ((0x41, 0xd4b), "Cortex-A78C"),
    ((0x41, 0xd4d), "Cortex-A715"),
    ((0x41, 0xd4e), "Cortex-X3"),
    ((0x41, 0xd4f), "Neoverse V2"),
    ((0x41, 0xd80), "Cortex-A520"),
    ((0x41, 0xd81), "Cortex-A720"),
    ((0x41, 0xd82), "Cortex-X4"),
    ((0x41, 0xd84), "Neoverse V3"),
    ((0x41, 0xd8e), "Neoverse N3"),
    ((0x51, 0x001), "Oryon"),
    ((0xc0, 0xac3), "Ampere-1"),
    ((0xc0, 0xac4), "Ampere-1a"),
];

/// Name of the maker with this `CPU implementer` number, or the number itself.
pub fn vendor(implementer: &str) -> Option<String> {
    let number = hexadecimal(implementer)?;
    let name = VENDORS
        .iter()
        .find(|(known, _)| *known == number)
        .map(|(_, name)| (*name).to_owned());
    Some(name.unwrap_or_else(|| format!("implementer {implementer}")))
}

/// Names of the kinds of cores in the order they appear, joined by ` + `; `None` when one of them is not known.
pub fn models(cores: &[BTreeMap<&str, &str>]) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for core in cores {
        let id = (
            hexadecimal(core.get("CPU implementer")?)?,
            hexadecimal(core.get("CPU part")?)?,
        );
        let (_, name) = CORES.iter().find(|(known, _)| *known == id)?;
        if !names.contains(name) {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| names.join(" + "))
}

fn hexadecimal(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_makers_keep_their_number() {
        assert_eq!(vendor("0xc0").as_deref(), Some("Ampere"));
        assert_eq!(vendor("0x99").as_deref(), Some("implementer 0x99"));
        assert_eq!(vendor("x"), None);
    }
}
