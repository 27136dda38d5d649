//! The choice of the language model tier: a pure function of memory, processor and settings.

use sigmavault_facts::show::size;
use sigmavault_types::hardware::{Arch, Cpu, IsaFlag};
use sigmavault_types::tier::{Tier, TierChoice, TierSource};

use crate::settings::{OVERRIDE_PATH, Settings};

const GIB: u64 = 1 << 30;

/// From here on the 7 B ternary model fits beside everything else a NAS does.
pub const BITNET_FROM: u64 = 16 * GIB;

/// From here on, and with AVX-512, the Mamba hybrid fits as well.
pub const MAMBA_FROM: u64 = 32 * GIB;

/// The tier by hardware alone.
pub const fn by_hardware(installed_bytes: u64, has_avx512: bool) -> Tier {
    if installed_bytes < BITNET_FROM {
        Tier::Draft350m
    } else if installed_bytes >= MAMBA_FROM && has_avx512 {
        Tier::Bitnet7bMamba
    } else {
        Tier::Bitnet7b
    }
}

/// The tier to run: the administrator's if there is one, else the hardware's within the bounds of the profile.
///
/// The administrator's choice is not bounded: the bounds say what the profile's machines are good for, and the
/// administrator knows this machine.
pub fn choose(installed_bytes: u64, cpu: &Cpu, settings: &Settings) -> TierChoice {
    let by_hardware = by_hardware(installed_bytes, cpu.has_avx512());
    let explained = explain(installed_bytes, cpu);
    let (tier, source, reason) = if let Some(wanted) = settings.wanted {
        let reason = format!("set in {OVERRIDE_PATH}; by hardware it would be {by_hardware} ({explained})");
        (wanted, TierSource::Override, reason)
    } else {
        match (settings.least, settings.most) {
            (Some(least), _) if by_hardware < least => {
                let reason = format!(
                    "the image's profile allows no less; by hardware it would be {by_hardware} ({explained})"
                );
                (least, TierSource::Profile, reason)
            }
            (_, Some(most)) if by_hardware > most => {
                let reason = format!(
                    "the image's profile allows no more; by hardware it would be {by_hardware} ({explained})"
                );
                (most, TierSource::Profile, reason)
            }
            _ => (by_hardware, TierSource::Rule, explained),
        }
    };
    let mut warnings = settings.ignored.clone();
    if tier > by_hardware {
        warnings.push(format!(
            "{tier} asks for more than this machine has: it can be slow or run out of memory"
        ));
    }
    warnings.extend(slow_processor(cpu).map(str::to_owned));
    TierChoice {
        tier,
        source,
        overridden: source == TierSource::Override,
        by_hardware,
        reason,
        warnings,
    }
}

fn explain(installed_bytes: u64, cpu: &Cpu) -> String {
    let has = size(installed_bytes);
    if installed_bytes < BITNET_FROM {
        format!("{has} of memory, less than 16 GiB")
    } else if installed_bytes < MAMBA_FROM {
        format!("{has} of memory, from 16 to below 32 GiB")
    } else if cpu.has_avx512() {
        format!("{has} of memory, 32 GiB or more, and AVX-512")
    } else {
        format!("{has} of memory, 32 GiB or more, but no AVX-512")
    }
}

fn slow_processor(cpu: &Cpu) -> Option<&'static str> {
    match cpu.arch {
        Arch::X86_64 if !cpu.has(IsaFlag::Avx2) => {
            Some("the processor has no AVX2: the model will answer slowly")
        }
        Arch::Aarch64 if !cpu.has(IsaFlag::Dotprod) => {
            Some("the processor has no dot product instructions (asimddp): the model will answer slowly")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(arch: Arch, isa: &[IsaFlag]) -> Cpu {
        Cpu {
            vendor: None,
            model: None,
            arch,
            physical_cores: 4,
            logical_cores: 8,
            isa: isa.to_vec(),
        }
    }

    fn x86() -> Cpu {
        cpu(Arch::X86_64, &[IsaFlag::Avx, IsaFlag::Avx2])
    }

    #[test]
    fn reasons_name_memory_and_processor() {
        let none = Settings::default();
        let avx512 = cpu(
            Arch::X86_64,
            &[IsaFlag::Avx2, IsaFlag::Avx512f, IsaFlag::Avx512bw],
        );
        for (bytes, cpu, tier, reason) in [
            (
                8 * GIB,
                x86(),
                Tier::Draft350m,
                "8 GiB of memory, less than 16 GiB",
            ),
            (
                16 * GIB,
                x86(),
                Tier::Bitnet7b,
                "16 GiB of memory, from 16 to below 32 GiB",
            ),
            (
                64 * GIB,
                x86(),
                Tier::Bitnet7b,
                "64 GiB of memory, 32 GiB or more, but no AVX-512",
            ),
            (
                32 * GIB,
                avx512,
                Tier::Bitnet7bMamba,
                "32 GiB of memory, 32 GiB or more, and AVX-512",
            ),
        ] {
            let choice = choose(bytes, &cpu, &none);
            assert_eq!((choice.tier, choice.reason.as_str()), (tier, reason));
            assert_eq!(choice.source, TierSource::Rule);
            assert_eq!(choice.warnings, Vec::<String>::new());
        }
    }

    #[test]
    fn the_administrator_wins_over_rule_and_profile() {
        let settings = Settings {
            wanted: Some(Tier::Bitnet7bMamba),
            most: Some(Tier::Bitnet7b),
            ..Settings::default()
        };
        assert_eq!(
            choose(8 * GIB, &x86(), &settings),
            TierChoice {
                tier: Tier::Bitnet7bMamba,
                source: TierSource::Override,
                overridden: true,
                by_hardware: Tier::Draft350m,
                reason: "set in /etc/sigmavault/ryzan.toml; by hardware it would be draft-350m \
                         (8 GiB of memory, less than 16 GiB)"
                    .into(),
                warnings: vec![
                    "bitnet-7b+mamba asks for more than this machine has: it can be slow or run out of memory".into()
                ],
            }
        );
    }

    #[test]
    fn the_profile_bounds_both_ways() {
        let most = Settings {
            most: Some(Tier::Draft350m),
            ..Settings::default()
        };
        let choice = choose(16 * GIB, &x86(), &most);
        assert_eq!(
            (choice.tier, choice.source, choice.overridden),
            (Tier::Draft350m, TierSource::Profile, false)
        );
        assert_eq!(
            choice.reason,
            "the image's profile allows no more; by hardware it would be bitnet-7b \
             (16 GiB of memory, from 16 to below 32 GiB)"
        );
        let least = Settings {
            least: Some(Tier::Bitnet7b),
            ..Settings::default()
        };
        let choice = choose(4 * GIB, &x86(), &least);
        assert_eq!(
            (choice.tier, choice.source),
            (Tier::Bitnet7b, TierSource::Profile)
        );
        assert_eq!(choice.warnings.len(), 1);
    }

    #[test]
    fn ignored_settings_and_slow_processors_are_reported() {
        let settings = Settings {
            ignored: vec!["the tier is ignored".into()],
            ..Settings::default()
        };
        assert_eq!(
            choose(16 * GIB, &cpu(Arch::Aarch64, &[IsaFlag::Neon]), &settings).warnings,
            [
                "the tier is ignored",
                "the processor has no dot product instructions (asimddp): the model will answer slowly"
            ]
        );
        assert_eq!(
            choose(16 * GIB, &cpu(Arch::X86_64, &[]), &Settings::default()).warnings,
            ["the processor has no AVX2: the model will answer slowly"]
        );
    }

    #[test]
    fn boundaries_are_exact() {
        for avx512 in [false, true] {
            assert_eq!(by_hardware(16 * GIB - 1, avx512), Tier::Draft350m);
            assert_eq!(by_hardware(16 * GIB, avx512), Tier::Bitnet7b);
            assert_eq!(by_hardware(32 * GIB - 1, avx512), Tier::Bitnet7b);
        }
        assert_eq!(by_hardware(32 * GIB, false), Tier::Bitnet7b);
        assert_eq!(by_hardware(32 * GIB, true), Tier::Bitnet7bMamba);
    }

    proptest::proptest! {
        #[test]
        fn more_hardware_never_lowers_the_tier(bytes: u64, more: u64, avx512: bool) {
            let (low, high) = (bytes.min(more), bytes.max(more));
            proptest::prop_assert!(by_hardware(low, avx512) <= by_hardware(high, avx512));
            proptest::prop_assert!(by_hardware(bytes, false) <= by_hardware(bytes, true));
        }
    }
}
