//! Processor, from `/proc/cpuinfo`.
//!
//! The flags there are those that the kernel lets programs use, which `cpuid` alone does not tell.

use std::collections::{BTreeMap, BTreeSet};

use sigmavault_facts::Malformed;
use sigmavault_types::hardware::{Arch, Cpu, IsaFlag};

use crate::arm;

/// Names in `/proc/cpuinfo` of the extensions of interest. The 32-bit ARM kernel says `neon` where the 64-bit one
/// says `asimd`.
const FLAGS: [(&str, IsaFlag); 11] = [
    ("avx", IsaFlag::Avx),
    ("avx2", IsaFlag::Avx2),
    ("avx_vnni", IsaFlag::AvxVnni),
    ("avx512f", IsaFlag::Avx512f),
    ("avx512bw", IsaFlag::Avx512bw),
    ("avx512_vnni", IsaFlag::Avx512Vnni),
    ("asimd", IsaFlag::Neon),
    ("neon", IsaFlag::Neon),
    ("asimddp", IsaFlag::Dotprod),
    ("i8mm", IsaFlag::I8mm),
    ("sve", IsaFlag::Sve),
];

/// What `/proc/cpuinfo` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuInfo {
    /// The processor.
    pub cpu: Cpu,
    /// Whether the processor says that a hypervisor runs below (x86 only).
    pub under_hypervisor: bool,
}

/// Reads `/proc/cpuinfo` of x86 and ARM kernels.
///
/// An extension counts only when every core has it: on machines with large and small cores a program may be moved to
/// any of them.
pub fn parse(text: &str) -> Result<CpuInfo, Malformed> {
    let cores: Vec<BTreeMap<&str, &str>> = text
        .split("\n\n")
        .map(fields)
        .filter(|core| {
            core.get("processor")
                .is_some_and(|number| number.parse::<u32>().is_ok())
        })
        .collect();
    let Some(first) = cores.first() else {
        return Err(Malformed::new("at least one \"processor : N\"", text));
    };

    let arch = if first.contains_key("vendor_id") && words(first.get("flags")).contains("lm") {
        Arch::X86_64
    } else if first.get("CPU architecture") == Some(&"8") || words(first.get("Features")).contains("asimd") {
        Arch::Aarch64
    } else {
        Arch::Other
    };
    let flags = |core: &BTreeMap<&str, &str>| {
        let names = words(core.get("flags").or_else(|| core.get("Features")));
        FLAGS
            .iter()
            .filter(|(name, _)| names.contains(name))
            .map(|&(_, flag)| flag)
            .collect::<BTreeSet<_>>()
    };
    let isa = cores
        .iter()
        .skip(1)
        .fold(flags(first), |common, core| &common & &flags(core));

    let (vendor, model) = match (first.get("CPU implementer"), first.get("CPU part")) {
        (Some(implementer), part) => (
            arm::vendor(implementer),
            arm::models(&cores).or(part.map(|p| format!("part {p}"))),
        ),
        _ => (named(first.get("vendor_id")), named(first.get("model name"))),
    };
    let logical_cores = u32::try_from(cores.len()).unwrap_or(u32::MAX);
    Ok(CpuInfo {
        cpu: Cpu {
            vendor,
            model: model.or_else(|| named(first.get("model name"))),
            arch,
            physical_cores: physical_cores(&cores).clamp(1, logical_cores),
            logical_cores,
            isa: isa.into_iter().collect(),
        },
        under_hypervisor: words(first.get("flags")).contains("hypervisor"),
    })
}

fn fields(block: &str) -> BTreeMap<&str, &str> {
    block
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.trim(), value.trim()))
        .collect()
}

fn words<'a>(line: Option<&&'a str>) -> BTreeSet<&'a str> {
    line.map(|line| line.split_whitespace().collect())
        .unwrap_or_default()
}

fn named(value: Option<&&str>) -> Option<String> {
    let name = value?.split_whitespace().collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}

/// Distinct (package, core) pairs; ARM kernels give none, and there a processor is a core.
fn physical_cores(cores: &[BTreeMap<&str, &str>]) -> u32 {
    let pairs: BTreeSet<_> = cores
        .iter()
        .filter_map(|core| Some((core.get("physical id")?, core.get("core id")?)))
        .collect();
    let number = if pairs.is_empty() {
        cores.len()
    } else {
        pairs.len()
    };
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn x86(threads: &[(u32, u32)], model: &str, flags: &str) -> String {
        let thread = |(number, (package, core)): (usize, &(u32, u32))| {
            format!(
                "processor\t: {number}\nvendor_id\t: GenuineIntel\nmodel name\t: {model}\nphysical id\t: {package}\n\
                 core id\t\t: {core}\nflags\t\t: fpu lm sse2 {flags}\npower management:\n\n"
            )
        };
        threads
            .iter()
            .enumerate()
            .map(thread)
            .collect::<Vec<_>>()
            .concat()
    }

    #[test]
    fn x86_with_threads() {
        let text = x86(
            &[(0, 0), (0, 0), (0, 1), (0, 1)],
            "Intel(R)  Xeon(R) Gold 6130 CPU",
            "avx avx2 avx512f avx512bw avx512_vnni",
        );
        let info = parse(&text).unwrap();
        assert_eq!(
            info.cpu,
            Cpu {
                vendor: Some("GenuineIntel".into()),
                model: Some("Intel(R) Xeon(R) Gold 6130 CPU".into()),
                arch: Arch::X86_64,
                physical_cores: 2,
                logical_cores: 4,
                isa: vec![
                    IsaFlag::Avx,
                    IsaFlag::Avx2,
                    IsaFlag::Avx512f,
                    IsaFlag::Avx512bw,
                    IsaFlag::Avx512Vnni
                ],
            }
        );
        assert!(!info.under_hypervisor);
        assert!(info.cpu.has_avx512());
    }

    #[test]
    fn flags_are_whole_words() {
        let info = parse(&x86(&[(0, 0)], "Old", "avx512fake xavx2 hypervisor")).unwrap();
        assert_eq!(info.cpu.isa, []);
        assert!(info.under_hypervisor);
    }

    #[test]
    fn an_extension_needs_every_core() {
        let text = x86(&[(0, 0)], "Big", "avx2 avx512f avx512bw")
            + &x86(&[(0, 1)], "Small", "avx2").replace("processor\t: 0", "processor\t: 1");
        assert_eq!(parse(&text).unwrap().cpu.isa, [IsaFlag::Avx2]);
    }

    #[test]
    fn two_sockets_with_equal_core_numbers() {
        assert_eq!(
            parse(&x86(&[(0, 0), (1, 0)], "X", ""))
                .unwrap()
                .cpu
                .physical_cores,
            2
        );
    }

    #[test]
    fn raspberry_pi_4_has_no_dotprod() {
        let core = |number| {
            format!(
                "processor\t: {number}\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\n\
                 CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"
            )
        };
        let mut text: String = (0..4).map(core).collect::<Vec<_>>().concat();
        text +=
            "Revision\t: c03115\nSerial\t\t: 10000000deadbeef\nModel\t\t: Raspberry Pi 4 Model B Rev 1.5\n";
        let cpu = parse(&text).unwrap().cpu;
        assert_eq!(cpu.vendor.as_deref(), Some("Arm"));
        assert_eq!(cpu.model.as_deref(), Some("Cortex-A72"));
        assert_eq!(cpu.arch, Arch::Aarch64);
        assert_eq!((cpu.physical_cores, cpu.logical_cores), (4, 4));
        assert_eq!(cpu.isa, [IsaFlag::Neon]);
    }

    #[test]
    fn large_and_small_arm_cores() {
        let core = |number: u32, part: &str, features: &str| {
            format!(
                "processor\t: {number}\nFeatures\t: fp asimd {features}\nCPU implementer\t: 0x41\n\
                 CPU architecture: 8\nCPU part\t: {part}\n\n"
            )
        };
        let cpu = parse(&(core(0, "0xd05", "asimddp sve") + &core(1, "0xd0b", "asimddp i8mm sve")))
            .unwrap()
            .cpu;
        assert_eq!(cpu.model.as_deref(), Some("Cortex-A55 + Cortex-A76"));
        assert_eq!(cpu.isa, [IsaFlag::Neon, IsaFlag::Dotprod, IsaFlag::Sve]);
    }

    #[test]
    fn nothing_to_read_is_an_error() {
        assert_eq!(
            parse("").unwrap_err().to_string(),
            "at least one \"processor : N\" expected, found \"\""
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "((processor|flags|Features|CPU part|physical id)\\s?: ?[a-z0-9 ]{0,20}\\n{0,2}){0,8}") {
            if let Ok(info) = parse(&text) {
                proptest::prop_assert!(info.cpu.physical_cores >= 1);
                proptest::prop_assert!(info.cpu.physical_cores <= info.cpu.logical_cores);
            }
        }
    }
}
