//! The installed memory, derived from all sources that report it.

use sigmavault_facts::show::size;
use sigmavault_types::hardware::{Memory, MemoryModule, MemorySource};

const GIB: u64 = 1 << 30;

/// What is known about memory, in bytes.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// `MemTotal`.
    pub seen: u64,
    /// Modules in the SMBIOS table.
    pub modules: Vec<MemoryModule>,
    /// Ranges in the SMBIOS table; 0 when there are none.
    pub mapped: u64,
    /// Memory nodes of the device tree.
    pub device_tree: Option<u64>,
    /// Memory limit of the container.
    pub limit: Option<u64>,
}

/// The installed memory: what the firmware lists where that can be true, else what the kernel sees, rounded to what
/// machines are built with; and never more than the container may use.
///
/// A listing can be true when the kernel sees no more than that and at least half of it. Firmware and graphics keep
/// some memory, but where more than half is missing (`mem=` on the kernel's command line, a large reservation for
/// graphics) the model could not use it anyway.
pub fn memory(evidence: Evidence) -> Memory {
    let Evidence {
        seen,
        modules,
        mapped,
        device_tree,
        limit,
    } = evidence;
    let plausible = |total: &u64| *total >= seen && *total / 2 <= seen;
    let sum = modules
        .iter()
        .map(|module| module.size_bytes)
        .fold(0, u64::saturating_add);

    let (mut installed_bytes, mut source, mut how) = if plausible(&sum) {
        (sum, MemorySource::SmbiosModules, module_list(&modules))
    } else if plausible(&mapped) {
        (
            mapped,
            MemorySource::SmbiosRanges,
            "ranges in the firmware's SMBIOS table".to_owned(),
        )
    } else if let Some(total) = device_tree.filter(plausible) {
        (
            round_up(total).unwrap_or(total),
            MemorySource::DeviceTree,
            "memory nodes of the device tree".to_owned(),
        )
    } else if let Some(rounded) = round_up(seen) {
        let how = format!(
            "the kernel sees {}: rounded up to the next whole 2 GiB",
            size(seen)
        );
        (rounded, MemorySource::KernelRounded, how)
    } else {
        (seen, MemorySource::Kernel, "as the kernel sees it".to_owned())
    };
    if sum > 0 && source != MemorySource::SmbiosModules {
        how = format!(
            "{how}; the SMBIOS table lists {}, which cannot be in use",
            size(sum)
        );
    }
    if let Some(limit) = limit.filter(|&limit| limit < installed_bytes) {
        how = format!(
            "memory limit of the container; the host has {}",
            size(installed_bytes)
        );
        (installed_bytes, source) = (limit, MemorySource::CgroupLimit);
    }
    Memory {
        installed_bytes,
        seen_bytes: seen,
        limit_bytes: limit,
        source,
        how,
        modules,
    }
}

/// The next whole 2 GiB, when `bytes` is at most 6 % below it.
pub fn round_up(bytes: u64) -> Option<u64> {
    let next = bytes.checked_next_multiple_of(2 * GIB)?;
    (next > 0 && u128::from(next - bytes) * 100 <= u128::from(next) * 6).then_some(next)
}

/// Such as "2 modules of 8 GiB DDR4 (SMBIOS)" or "modules of 8 GiB and 4 GiB (SMBIOS)".
fn module_list(modules: &[MemoryModule]) -> String {
    let mut sizes: Vec<u64> = modules.iter().map(|module| module.size_bytes).collect();
    sizes.dedup();
    let kind = modules
        .first()
        .and_then(|module| module.kind.as_deref())
        .map_or(String::new(), |kind| format!(" {kind}"));
    match (modules.len(), sizes.as_slice()) {
        (1, [one]) => format!("one module of {}{kind} (SMBIOS)", size(*one)),
        (number, [each]) => format!("{number} modules of {}{kind} (SMBIOS)", size(*each)),
        (number, _) => {
            let all: Vec<String> = modules.iter().map(|module| size(module.size_bytes)).collect();
            format!("{number} modules of {}{kind} (SMBIOS)", all.join(" + "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn modules(gib: &[u64]) -> Vec<MemoryModule> {
        gib.iter()
            .map(|gib| MemoryModule {
                slot: None,
                size_bytes: gib * GIB,
                kind: Some("DDR4".into()),
                speed_mts: None,
            })
            .collect()
    }

    fn derived(evidence: Evidence) -> (u64, MemorySource, String) {
        let memory = memory(evidence);
        (memory.installed_bytes, memory.source, memory.how)
    }

    #[test]
    fn modules_win_over_what_the_kernel_left() {
        let evidence = Evidence {
            seen: 13 * GIB,
            modules: modules(&[8, 8]),
            ..Evidence::default()
        };
        assert_eq!(
            derived(evidence),
            (
                16 * GIB,
                MemorySource::SmbiosModules,
                "2 modules of 8 GiB DDR4 (SMBIOS)".into()
            )
        );
        let mixed = Evidence {
            seen: 23 * GIB,
            modules: modules(&[16, 8]),
            ..Evidence::default()
        };
        assert_eq!(derived(mixed).2, "2 modules of 16 GiB + 8 GiB DDR4 (SMBIOS)");
    }

    #[test]
    fn a_virtual_machine_of_an_odd_size_is_that_size() {
        let evidence = Evidence {
            seen: 15_400 * MIB,
            modules: vec![MemoryModule {
                slot: None,
                size_bytes: 15_872 * MIB,
                kind: None,
                speed_mts: None,
            }],
            ..Evidence::default()
        };
        assert_eq!(
            derived(evidence),
            (
                15_872 * MIB,
                MemorySource::SmbiosModules,
                "one module of 15.5 GiB (SMBIOS)".into()
            )
        );
    }

    #[test]
    fn listings_that_cannot_be_true_are_not_believed() {
        let too_little = Evidence {
            seen: 31 * GIB,
            modules: modules(&[8]),
            ..Evidence::default()
        };
        assert_eq!(
            derived(too_little),
            (
                32 * GIB,
                MemorySource::KernelRounded,
                "the kernel sees 31 GiB: rounded up to the next whole 2 GiB; \
                 the SMBIOS table lists 8 GiB, which cannot be in use"
                    .into()
            )
        );
        let reserved = Evidence {
            seen: 31 * GIB,
            modules: modules(&[64, 64]),
            ..Evidence::default()
        };
        assert_eq!(derived(reserved).0, 32 * GIB);
    }

    #[test]
    fn ranges_then_device_tree_then_kernel() {
        let ranges = Evidence {
            seen: 15 * GIB,
            mapped: 16 * GIB,
            ..Evidence::default()
        };
        assert_eq!(derived(ranges).1, MemorySource::SmbiosRanges);
        let tree = Evidence {
            seen: 3700 * MIB,
            device_tree: Some(3956 * MIB),
            ..Evidence::default()
        };
        assert_eq!(derived(tree).0, 4 * GIB);
        let kernel = Evidence {
            seen: 13 * GIB,
            ..Evidence::default()
        };
        assert_eq!(
            derived(kernel),
            (13 * GIB, MemorySource::Kernel, "as the kernel sees it".into())
        );
    }

    #[test]
    fn a_container_has_what_it_may_use() {
        let evidence = Evidence {
            seen: 62 * GIB,
            modules: modules(&[32, 32]),
            limit: Some(8 * GIB),
            ..Evidence::default()
        };
        assert_eq!(
            derived(evidence),
            (
                8 * GIB,
                MemorySource::CgroupLimit,
                "memory limit of the container; the host has 64 GiB".into()
            )
        );
        let wide = Evidence {
            seen: 15 * GIB,
            modules: modules(&[16]),
            limit: Some(99 * GIB),
            ..Evidence::default()
        };
        assert_eq!(derived(wide).0, 16 * GIB);
    }

    #[test]
    fn rounding_reaches_6_percent_and_no_further() {
        let at = 32 * GIB - 32 * GIB * 6 / 100;
        assert_eq!(round_up(at), Some(32 * GIB));
        assert_eq!(round_up(at - 1), None);
        assert_eq!(round_up(16 * GIB), Some(16 * GIB));
        assert_eq!(round_up(948 * MIB), None);
        assert_eq!(round_up(0), None);
        assert_eq!(round_up(u64::MAX), None);
    }
}
