//! Small files of the kernel: uptime, load averages, command line.

use sigmavault_types::system::Load;

use crate::error::Malformed;

/// Seconds since the kernel started, from `/proc/uptime`.
pub fn uptime(text: &str) -> Result<f64, Malformed> {
    text.split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0)
        .ok_or_else(|| Malformed::new("a number of seconds", text))
}

/// Load averages, from `/proc/loadavg`.
pub fn loadavg(text: &str) -> Result<Load, Malformed> {
    let mut numbers = text.split_whitespace().map_while(|word| word.parse::<f64>().ok());
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(one), Some(five), Some(fifteen)) => Ok(Load { one, five, fifteen }),
        _ => Err(Malformed::new("three load averages", text)),
    }
}

/// The value of `name=` on the kernel's command line. Double quotes keep blanks together; the last one wins, as it
/// does for systemd.
pub fn argument(cmdline: &str, name: &str) -> Option<String> {
    let mut quoted = false;
    cmdline
        .trim()
        .split(|c: char| {
            quoted ^= c == '"';
            c.is_whitespace() && !quoted
        })
        .filter_map(|word| {
            let word = word.replace('"', "");
            Some(word.strip_prefix(name)?.strip_prefix('=')?.to_owned())
        })
        .next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_is_the_first_number() {
        assert_eq!(uptime("350735.47 234388.90\n"), Ok(350_735.47));
        assert!(uptime("").is_err());
        assert!(uptime("NaN 1").is_err());
    }

    #[test]
    fn load_is_the_first_three() {
        assert_eq!(
            loadavg("0.20 0.18 0.12 1/80 11206\n"),
            Ok(Load {
                one: 0.2,
                five: 0.18,
                fifteen: 0.12
            })
        );
        assert!(loadavg("0.20 x").is_err());
    }

    #[test]
    fn arguments_are_found_whole() {
        let line = "ro xroothash=1 \"note=a roothash=2 b\" roothash=3 roothash=abc quiet\n";
        assert_eq!(argument(line, "roothash").as_deref(), Some("abc"));
        assert_eq!(argument(line, "note").as_deref(), Some("a roothash=2 b"));
        assert_eq!(argument("rootha", "roothash"), None);
        assert_eq!(argument("roothash", "roothash"), None);
    }
}
