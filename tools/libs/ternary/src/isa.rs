//! The instruction sets that the kernels are written for, and the choice among them.

use std::sync::OnceLock;

/// A tier of instruction sets. Later ones of one architecture are faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Plain Rust; runs everywhere and defines the result of the others.
    Scalar,
    /// SSSE3: the Celerons and Pentiums without AVX.
    Ssse3,
    /// AVX2 with F16C: Haswell, Zen and later.
    Avx2,
    /// AVX-VNNI (VEX encoded): Alder Lake-N, the N100 class.
    AvxVnni,
    /// AVX-512 F, BW, VL and VNNI: Ice Lake, Zen 4 and later.
    Avx512Vnni,
    /// NEON with the dot-product extension: Cortex-A76, Neoverse N1 and later.
    NeonDotprod,
}

impl Isa {
    /// Every tier, slowest first.
    pub const ALL: [Self; 6] = [
        Self::Scalar,
        Self::Ssse3,
        Self::Avx2,
        Self::AvxVnni,
        Self::Avx512Vnni,
        Self::NeonDotprod,
    ];

    /// The tier in use: the best one that this processor supports, or the one named by `RYZAN_ISA`. It is chosen once. An unknown
    /// or unsupported name is logged and ignored.
    pub fn active() -> Self {
        static ACTIVE: OnceLock<Isa> = OnceLock::new();
        *ACTIVE.get_or_init(|| {
            let best = Self::best();
            let Some(wanted) = std::env::var_os("RYZAN_ISA").filter(|name| !name.is_empty()) else {
                return best;
            };
            match wanted.to_str().and_then(Self::from_name) {
                Some(isa) if isa.is_supported() => isa,
                Some(isa) => {
                    log::warn!(
                        "RYZAN_ISA={} is not supported by this processor; using {}",
                        isa.name(),
                        best.name()
                    );
                    best
                }
                None => {
                    let known = Self::ALL.map(Self::name).join(", ");
                    log::warn!(
                        "RYZAN_ISA={} is unknown, valid names are {known}; using {}",
                        wanted.display(),
                        best.name()
                    );
                    best
                }
            }
        })
    }

    /// The tiers that this processor supports, slowest first; [`Isa::Scalar`] is always among them.
    pub fn supported() -> Vec<Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_supported()).collect()
    }

    fn best() -> Self {
        Self::supported().last().copied().unwrap_or(Self::Scalar)
    }

    /// Whether the tier has an instruction for fp16 to f32, so that fp16 can be converted each time it is read.
    pub fn widens_halves(self) -> bool {
        matches!(self, Self::Avx2 | Self::AvxVnni | Self::Avx512Vnni)
    }

    /// Whether this processor supports the tier.
    pub fn is_supported(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Ssse3 => is_x86_feature_detected!("ssse3"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c"),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => Self::Avx2.is_supported() && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => {
                Self::Avx2.is_supported()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "aarch64")]
            Self::NeonDotprod => {
                std::arch::is_aarch64_feature_detected!("neon")
                    && std::arch::is_aarch64_feature_detected!("dotprod")
            }
            #[allow(unreachable_patterns)] // the tiers of other architectures
            _ => false,
        }
    }

    /// The name, as in `RYZAN_ISA`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Ssse3 => "ssse3",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avx-vnni",
            Self::Avx512Vnni => "avx512-vnni",
            Self::NeonDotprod => "neon-dotprod",
        }
    }

    /// The tier with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isa| isa.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::Isa;

    #[test]
    fn names_go_both_ways_and_scalar_is_everywhere() {
        for isa in Isa::ALL {
            assert_eq!(Isa::from_name(isa.name()), Some(isa));
        }
        assert_eq!(Isa::from_name("mmx"), None);
        assert_eq!(Isa::supported()[0], Isa::Scalar);
        assert!(Isa::active().is_supported());
    }
}
