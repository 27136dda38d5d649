//! `/proc/meminfo`.

use sigmavault_types::system::MemoryUse;

use crate::error::Malformed;

/// Memory use as the kernel reports it. `MemTotal` must be there; kernels without `MemAvailable` (before 3.14) count
/// free memory and page cache as available.
pub fn parse(text: &str) -> Result<MemoryUse, Malformed> {
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            if key != name {
                return None;
            }
            let kib: u64 = value.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
            kib.checked_mul(1024)
        })
    };
    let total_bytes = field("MemTotal").ok_or_else(|| Malformed::new("a line \"MemTotal: N kB\"", text))?;
    let free_bytes = field("MemFree").unwrap_or(0);
    let cached_bytes = field("Cached").unwrap_or(0);
    Ok(MemoryUse {
        total_bytes,
        available_bytes: field("MemAvailable").unwrap_or_else(|| free_bytes.saturating_add(cached_bytes)),
        free_bytes,
        cached_bytes,
        swap_total_bytes: field("SwapTotal").unwrap_or(0),
        swap_free_bytes: field("SwapFree").unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kib_become_bytes() {
        let text = "MemTotal:       16094808 kB\nMemFree:         9094808 kB\nMemAvailable:   14000000 kB\n\
                    Buffers:          100000 kB\nCached:          4000000 kB\nSwapCached:            0 kB\n\
                    SwapTotal:       2097148 kB\nSwapFree:        2097000 kB\nHugePages_Total:       0\n";
        assert_eq!(
            parse(text).unwrap(),
            MemoryUse {
                total_bytes: 16_481_083_392,
                available_bytes: 14_336_000_000,
                free_bytes: 9_313_083_392,
                cached_bytes: 4_096_000_000,
                swap_total_bytes: 2_147_479_552,
                swap_free_bytes: 2_147_328_000,
            }
        );
    }

    #[test]
    fn without_memtotal_it_says_what_is_missing() {
        assert_eq!(
            parse("MemFree: 1 kB").unwrap_err().to_string(),
            "a line \"MemTotal: N kB\" expected, found \"MemFree: 1 kB\""
        );
        assert!(parse("MemTotal: 99999999999999999999 kB").is_err());
        assert!(parse("MemTotal: 18446744073709551615 kB").is_err());
    }
}
