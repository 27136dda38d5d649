//! The choice for real machines: from what kernel and firmware say to the tier.
#![allow(clippy::unwrap_used)]

use sigmavault_detector::installed::{self, Evidence};
use sigmavault_detector::rule;
use sigmavault_detector::settings::Settings;
use sigmavault_types::Tier::{self, Bitnet7b, Bitnet7bMamba, Draft350m};
use sigmavault_types::hardware::IsaFlag::{
    self, Avx, Avx2, Avx512Vnni, Avx512bw, Avx512f, AvxVnni, Dotprod, I8mm, Neon,
};
use sigmavault_types::hardware::{Arch, Cpu, MemoryModule};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const NONE: &[IsaFlag] = &[];
const AVX: &[IsaFlag] = &[Avx];
const AVX2: &[IsaFlag] = &[Avx, Avx2];
const VNNI: &[IsaFlag] = &[Avx, Avx2, AvxVnni];
const AVX512: &[IsaFlag] = &[Avx, Avx2, Avx512f, Avx512bw];
const AVX512_VNNI: &[IsaFlag] = &[Avx, Avx2, Avx512f, Avx512bw, Avx512Vnni];
const PHI: &[IsaFlag] = &[Avx, Avx2, Avx512f];
const NEON: &[IsaFlag] = &[Neon];
const DOTPROD: &[IsaFlag] = &[Neon, Dotprod];
const MATRIX: &[IsaFlag] = &[Neon, Dotprod, I8mm];

#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    arch: Arch,
    isa: &'static [IsaFlag],
    /// `MemTotal` in MiB.
    seen: u64,
    /// Modules in MiB.
    modules: &'static [u64],
    device_tree: Option<u64>,
    limit: Option<u64>,
    /// Expected installed memory in MiB.
    installed: u64,
    tier: Tier,
}

const fn case(
    name: &'static str,
    isa: &'static [IsaFlag],
    seen: u64,
    modules: &'static [u64],
    installed: u64,
    tier: Tier,
) -> Case {
    Case {
        name,
        arch: Arch::X86_64,
        isa,
        seen,
        modules,
        device_tree: None,
        limit: None,
        installed,
        tier,
    }
}

const fn arm(
    name: &'static str,
    isa: &'static [IsaFlag],
    seen: u64,
    device_tree: Option<u64>,
    installed: u64,
    tier: Tier,
) -> Case {
    Case {
        name,
        arch: Arch::Aarch64,
        isa,
        seen,
        modules: &[],
        device_tree,
        limit: None,
        installed,
        tier,
    }
}

const fn limited(case: Case, limit: u64) -> Case {
    Case {
        limit: Some(limit),
        ..case
    }
}

const CASES: &[Case] = &[
    case("Atom NAS of 2 GiB, no AVX", NONE, 1_930, &[2048], 2048, Draft350m),
    case(
        "J4125 NAS of 4 GiB, no AVX",
        NONE,
        3_710,
        &[4096],
        4096,
        Draft350m,
    ),
    case(
        "J4125 NAS of 16 GiB, no AVX",
        NONE,
        15_800,
        &[8192, 8192],
        16_384,
        Bitnet7b,
    ),
    case(
        "N5105 NAS of 32 GiB, no AVX",
        NONE,
        31_900,
        &[16_384, 16_384],
        32_768,
        Bitnet7b,
    ),
    case(
        "Sandy Bridge desktop of 8 GiB",
        AVX,
        7_850,
        &[4096, 4096],
        8192,
        Draft350m,
    ),
    case(
        "Sandy Bridge server of 64 GiB",
        AVX,
        64_300,
        &[16_384; 4],
        65_536,
        Bitnet7b,
    ),
    case("Haswell laptop of 8 GiB", AVX2, 7_700, &[8192], 8192, Draft350m),
    case(
        "laptop of 12 GiB in unequal modules",
        AVX2,
        11_700,
        &[8192, 4096],
        12_288,
        Draft350m,
    ),
    case(
        "laptop of 16 GiB that reports 15.4 GiB, with modules",
        AVX2,
        15_770,
        &[8192, 8192],
        16_384,
        Bitnet7b,
    ),
    case(
        "laptop of 16 GiB that reports 15.4 GiB, without a list",
        AVX2,
        15_770,
        &[],
        16_384,
        Bitnet7b,
    ),
    case(
        "APU of 16 GiB that keeps 2 GiB for graphics",
        AVX2,
        13_900,
        &[8192, 8192],
        16_384,
        Bitnet7b,
    ),
    case(
        "APU of 16 GiB that keeps 2 GiB, without a list",
        AVX2,
        13_900,
        &[],
        14_336,
        Draft350m,
    ),
    case(
        "APU of 16 GiB that keeps 4 GiB",
        AVX2,
        11_800,
        &[8192, 8192],
        16_384,
        Bitnet7b,
    ),
    case(
        "Zen 3 desktop of 32 GiB",
        AVX2,
        31_990,
        &[16_384, 16_384],
        32_768,
        Bitnet7b,
    ),
    case(
        "Zen 3 server of 512 GiB",
        AVX2,
        515_700,
        &[32_768; 16],
        524_288,
        Bitnet7b,
    ),
    case(
        "Alder Lake N100 of 16 GiB",
        VNNI,
        15_690,
        &[16_384],
        16_384,
        Bitnet7b,
    ),
    case(
        "Alder Lake desktop of 64 GiB",
        VNNI,
        64_000,
        &[32_768, 32_768],
        65_536,
        Bitnet7b,
    ),
    case(
        "Tiger Lake laptop of 8 GiB",
        AVX512_VNNI,
        7_680,
        &[4096, 4096],
        8192,
        Draft350m,
    ),
    case(
        "Tiger Lake laptop of 16 GiB",
        AVX512_VNNI,
        15_700,
        &[8192, 8192],
        16_384,
        Bitnet7b,
    ),
    case(
        "Zen 4 desktop of 24 GiB",
        AVX512_VNNI,
        23_500,
        &[24_576],
        24_576,
        Bitnet7b,
    ),
    case(
        "Zen 4 desktop of 32 GiB",
        AVX512_VNNI,
        31_200,
        &[16_384, 16_384],
        32_768,
        Bitnet7bMamba,
    ),
    case(
        "Zen 4 desktop of 32 GiB without a list",
        AVX512_VNNI,
        31_200,
        &[],
        32_768,
        Bitnet7bMamba,
    ),
    case(
        "Skylake-X workstation of 64 GiB",
        AVX512,
        64_000,
        &[16_384; 4],
        65_536,
        Bitnet7bMamba,
    ),
    case(
        "Xeon server of 512 GiB",
        AVX512_VNNI,
        515_000,
        &[65_536; 8],
        524_288,
        Bitnet7bMamba,
    ),
    case(
        "Xeon Phi of 96 GiB: no AVX-512 on bytes",
        PHI,
        96_000,
        &[16_384; 6],
        98_304,
        Bitnet7b,
    ),
    case(
        "128 GiB with 96 GiB kept for graphics",
        AVX512_VNNI,
        31_600,
        &[16_384; 8],
        32_768,
        Bitnet7bMamba,
    ),
    case(
        "64 GiB started with mem=8G",
        AVX512,
        7_900,
        &[32_768, 32_768],
        8192,
        Draft350m,
    ),
    case(
        "firmware that lists one of two modules",
        AVX2,
        15_800,
        &[8192],
        16_384,
        Bitnet7b,
    ),
    case("VM of 1 GiB", AVX2, 960, &[1024], 1024, Draft350m),
    case("VM of exactly 16 GiB", AVX2, 15_990, &[16_384], 16_384, Bitnet7b),
    case(
        "VM one MiB short of 16 GiB",
        AVX512,
        15_980,
        &[16_383],
        16_383,
        Draft350m,
    ),
    case(
        "VM of exactly 32 GiB with AVX-512",
        AVX512,
        32_090,
        &[16_384, 16_384],
        32_768,
        Bitnet7bMamba,
    ),
    case(
        "VM one MiB short of 32 GiB with AVX-512",
        AVX512,
        32_080,
        &[16_384, 16_383],
        32_767,
        Bitnet7b,
    ),
    case(
        "VM of 32 GiB without AVX-512",
        AVX2,
        32_090,
        &[16_384, 16_384],
        32_768,
        Bitnet7b,
    ),
    case(
        "VM of 15 GiB without a list: not within 6 %",
        AVX2,
        14_700,
        &[],
        14_700,
        Draft350m,
    ),
    limited(
        case(
            "container of 8 GiB on a host of 64 GiB",
            AVX512,
            64_000,
            &[32_768, 32_768],
            8192,
            Draft350m,
        ),
        8192,
    ),
    limited(
        case(
            "container of 16 GiB on a host of 64 GiB",
            AVX512,
            64_000,
            &[32_768, 32_768],
            16_384,
            Bitnet7b,
        ),
        16_384,
    ),
    limited(
        case(
            "container of 15.9 GiB: limits are not rounded",
            AVX2,
            64_000,
            &[],
            16_281,
            Draft350m,
        ),
        16_281,
    ),
    limited(
        case(
            "container with a limit above the host",
            AVX2,
            15_800,
            &[16_384],
            16_384,
            Bitnet7b,
        ),
        65_536,
    ),
    arm("Raspberry Pi 3 of 1 GiB", NEON, 906, Some(948), 948, Draft350m),
    arm(
        "Raspberry Pi 4 of 4 GiB",
        NEON,
        3_790,
        Some(3_956),
        4096,
        Draft350m,
    ),
    arm(
        "Raspberry Pi 4 of 8 GiB",
        NEON,
        7_810,
        Some(8_052),
        8192,
        Draft350m,
    ),
    arm(
        "Raspberry Pi 5 of 16 GiB",
        DOTPROD,
        16_040,
        Some(16_308),
        16_384,
        Bitnet7b,
    ),
    arm("RK3588 board of 32 GiB", DOTPROD, 31_790, None, 32_768, Bitnet7b),
    arm(
        "ARM VM of 16 GiB, by device tree",
        MATRIX,
        15_960,
        Some(16_384),
        16_384,
        Bitnet7b,
    ),
    arm(
        "Ampere server of 256 GiB",
        MATRIX,
        257_500,
        None,
        258_048,
        Bitnet7b,
    ),
    Case {
        modules: &[32_768; 8],
        installed: 262_144,
        ..arm(
            "Ampere server of 256 GiB with a list",
            MATRIX,
            257_500,
            None,
            0,
            Bitnet7b,
        )
    },
    arm(
        "ARM server of 64 GiB without dotprod",
        NEON,
        64_000,
        None,
        65_536,
        Bitnet7b,
    ),
];

#[test]
fn every_machine_gets_its_tier() {
    assert!(CASES.len() >= 30);
    for case in CASES {
        let memory = installed::memory(Evidence {
            seen: case.seen * MIB,
            modules: case
                .modules
                .iter()
                .map(|mib| MemoryModule {
                    slot: None,
                    size_bytes: mib * MIB,
                    kind: None,
                    speed_mts: None,
                })
                .collect(),
            mapped: 0,
            device_tree: case.device_tree.map(|mib| mib * MIB),
            limit: case.limit.map(|mib| mib * MIB),
        });
        let cpu = Cpu {
            vendor: None,
            model: None,
            arch: case.arch,
            physical_cores: 4,
            logical_cores: 4,
            isa: case.isa.to_vec(),
        };
        let choice = rule::choose(memory.installed_bytes, &cpu, &Settings::default());
        assert_eq!(
            (memory.installed_bytes / MIB, choice.tier),
            (case.installed, case.tier),
            "{}: {}; {}",
            case.name,
            memory.how,
            choice.reason
        );
        assert!(memory.installed_bytes <= 600 * GIB);
    }
}
