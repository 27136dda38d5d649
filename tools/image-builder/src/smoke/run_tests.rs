use super::*;

#[test]
fn the_tier_follows_memory_and_processor() {
    for (memory, avx512, expected) in [
        ("1G", true, "draft-350m"),
        ("15G", false, "draft-350m"),
        ("16383M", true, "draft-350m"),
        ("16G", false, "bitnet-7b"),
        ("16G", true, "bitnet-7b"),
        ("32767M", true, "bitnet-7b"),
        ("32G", false, "bitnet-7b"),
        ("32G", true, "bitnet-7b+mamba"),
        ("512G", true, "bitnet-7b+mamba"),
    ] {
        assert_eq!(
            implied_tier(memory.parse().unwrap(), avx512),
            expected,
            "{memory} {avx512}"
        );
    }
}

#[test]
fn ends_of_a_machine() {
    let journal = "[  100.1] systemd[1]: Reached target poweroff.target - System Power Off.";
    let off = Halt::PoweredOff;
    for (ended, journal, outcome, words) in [
        (Some((true, Some(off))), journal, Outcome::Pass, ""),
        (
            Some((true, Some(off))),
            "[ 99.0] smbd: bye",
            Outcome::Fail,
            "ends with \"[ 99.0] smbd: bye\"",
        ),
        (
            Some((true, Some(Halt::Reset))),
            journal,
            Outcome::Fail,
            "ended by Some(Reset)",
        ),
        (Some((true, None)), journal, Outcome::Fail, "ended by None"),
        (
            Some((false, Some(off))),
            journal,
            Outcome::Fail,
            "QEMU in failure",
        ),
        (
            None,
            journal,
            Outcome::Fail,
            "still running 120 s after the order",
        ),
    ] {
        let judged = judge_power_off(ended, journal);
        assert_eq!(judged.outcome, outcome, "{ended:?}");
        assert!(judged.reason.unwrap_or_default().contains(words), "{ended:?}");
    }
}
