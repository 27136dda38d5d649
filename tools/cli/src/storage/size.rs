//! Sizes on the command line.

/// What a size with a fraction is rounded down to: volumes are made of such pieces.
const PIECE: u128 = 16 << 10;

/// A size in binary units, such as `10G`, `1.5T` or `512`. One with a fraction is rounded down to 16 KiB, so that a volume can have it.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is no size: write bytes or binary units, such as 10G or 1.5T");
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        "t" | "tib" => 40,
        "p" | "pib" => 50,
        "kb" | "mb" | "gb" | "tb" | "pb" => {
            return Err(format!(
                "'{unit}' could be decimal: units are binary, write {number}{}",
                &unit[..1]
            ));
        }
        _ => return Err(wrong()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.is_empty() || part.bytes().all(|byte| byte.is_ascii_digit());
    // More digits of a fraction are less than a byte.
    let exact = !whole.is_empty() && digits(fraction) && fraction.len() <= 18;
    if !exact || (number.contains('.') && (fraction.is_empty() || shift == 0)) {
        return Err(wrong());
    }
    let whole: u128 = whole.parse().map_err(|_| wrong())?;
    let mut bytes = whole
        .checked_mul(1 << shift)
        .ok_or_else(|| format!("'{text}' is more than any disk holds"))?;
    if !fraction.is_empty() {
        let parts: u128 = fraction.parse().map_err(|_| wrong())?;
        bytes += (parts << shift) / 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| wrong())?);
        if bytes > PIECE {
            bytes -= bytes % PIECE;
        }
    }
    u64::try_from(bytes).map_err(|_| format!("'{text}' is more than any disk holds"))
}

/// A size, or 0 for `none`.
pub fn limit(text: &str) -> Result<u64, String> {
    if text == "none" { Ok(0) } else { size(text) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_a_size_or_refused(text in r"\PC*|[0-9.]{0,30}[kKmMgGtTpPiIbB]{0,3}") {
            let _ = size(&text);
        }

        #[test]
        fn bytes_are_themselves(bytes: u64) {
            prop_assert_eq!(size(&bytes.to_string()), Ok(bytes));
        }

        #[test]
        fn a_fraction_lies_between_whole_numbers(whole in 0_u64..1000, fraction in "[0-9]{1,18}") {
            let between = size(&format!("{whole}.{fraction}G")).unwrap();
            prop_assert!(between >= whole << 30 && between < (whole + 1) << 30);
        }
    }

    #[test]
    fn units_are_binary() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("1k", 1024),
            ("10G", 10 << 30),
            ("10GiB", 10 << 30),
            ("1.5T", 3 << 39),
            ("1.5t", 3 << 39),
            ("0.5K", 512),
            ("16383P", 16383 << 50),
            // 1.3 * 2^40 is 1 429 365 116 108.8 bytes: 87 241 523 whole pieces.
            ("1.3T", 87_241_523 * 16_384),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size() {
        for text in [
            "", "G", "-1", "+1", "1 G", "1,5T", "1.", ".5T", "1.5", "1..5T", "1x", "½T", "1é",
        ] {
            assert_eq!(
                size(text),
                Err(format!(
                    "'{text}' is no size: write bytes or binary units, such as 10G or 1.5T"
                )),
                "{text}"
            );
        }
        assert_eq!(
            size("10GB"),
            Err("'GB' could be decimal: units are binary, write 10G".to_owned())
        );
        for text in ["16384P", "99999999999999999999999999999P"] {
            assert_eq!(size(text), Err(format!("'{text}' is more than any disk holds")));
        }
    }

    #[test]
    fn no_limit_is_zero() {
        assert_eq!((limit("none"), limit("1M")), (Ok(0), Ok(1 << 20)));
    }
}
