//! Bounds of numbers, in the form that the grammar compiler handles without error.
//!
//! Texts hold at most [`DIGITS`] digits, so that every reader gets the number that was written. Therefore an exclusive bound is the same as
//! an inclusive one at the next number of that many digits, and the compiler only gets inclusive ones.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use crate::guide::DIGITS;

/// No number with [`DIGITS`] digits and an exponent of two is larger.
const LARGEST_WRITTEN: f64 = 1e114;

/// The decimal exponents between which [`Decimal`] tells numbers apart. All numbers beyond them are treated alike.
const LARGE: u32 = 26;
const SMALL: u32 = 36;

/// The largest number up to which doubles represent all integers exactly (RFC 8259, section 6).
pub(super) const EXACT: u64 = 1 << 53;

/// The largest divisor, in units of its last decimal, and the most decimals. The compiler has a state for each remainder, and fails while
/// a text is written if they become too many; far beyond, its arithmetic in 32 bits overflows.
const DIVISOR: i128 = 2_000;
const DECIMALS: u32 = 8;

/// A decimal number: `units` * 10^-`scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    units: i128,
    scale: u32,
}

/// What a grammar writes for the bounds of a schema.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Numbers {
    /// The enforced keywords.
    pub(super) words: Map<String, Value>,
    /// The keywords that are not enforced.
    pub(super) loose: Vec<&'static str>,
    /// The divisor, if it is enforced.
    pub(super) multiple: Option<Decimal>,
}

/// The least or the greatest number of a schema.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    Open,
    /// The number nearest to it that can be written; `units` * 10^-`scale`.
    At(Decimal),
    /// No number on its valid side can be written.
    Beyond,
}

impl Decimal {
    /// The number that `number` is written as.
    pub(super) fn of(number: &Number) -> Decimal {
        let text = number.to_string();
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let sign = if whole.starts_with('-') { -1 } else { 1 };
        let digits: i128 = format!("{}{fraction}", whole.trim_start_matches('-'))
            .parse()
            .unwrap_or(0);
        let shift = exponent.parse::<i64>().unwrap_or(0) - i64::try_from(fraction.len()).unwrap_or(0);
        match u32::try_from(shift.unsigned_abs()).unwrap_or(u32::MAX) {
            _ if digits == 0 => Decimal { units: 0, scale: 0 },
            large if shift >= 0 && large.saturating_add(digits.ilog10()) >= LARGE => Decimal {
                units: sign * 10i128.pow(LARGE),
                scale: 0,
            },
            small if shift < 0 && small > SMALL => Decimal {
                units: sign,
                scale: SMALL,
            },
            large if shift >= 0 => Decimal {
                units: sign * digits * 10i128.pow(large),
                scale: 0,
            },
            scale => Decimal {
                units: sign * digits,
                scale,
            }
            .reduced(),
        }
    }

    fn reduced(mut self) -> Decimal {
        while self.scale > 0 && self.units % 10 == 0 {
            self.units /= 10;
            self.scale -= 1;
        }
        self
    }

    fn negated(self) -> Decimal {
        Decimal {
            units: -self.units,
            ..self
        }
    }

    /// The least decimal with [`DIGITS`] digits that is not less than this one, or greater than it.
    fn raised(self, exclusive: bool) -> Option<Decimal> {
        let whole = self.units.abs() / 10i128.pow(self.scale);
        let digits = if whole == 0 { 1 } else { whole.ilog10() + 1 };
        let scale = u32::try_from(DIGITS).ok()?.checked_sub(digits)?;
        let (units, exact) = match self.scale.checked_sub(scale) {
            None | Some(0) => (self.units * 10i128.pow(scale - self.scale), true),
            Some(more) => {
                let step = 10i128.pow(more);
                (-(-self.units).div_euclid(step), self.units.rem_euclid(step) == 0)
            }
        };
        let units = units + i128::from(exclusive && exact);
        (units.abs() < 10i128.pow(u32::try_from(DIGITS).ok()?)).then_some(Decimal { units, scale })
    }

    /// The largest whole `k` with `k * step` at most this.
    fn divided_down(self, step: Decimal) -> i128 {
        (self.units * 10i128.pow(step.scale)).div_euclid(step.units * 10i128.pow(self.scale))
    }

    fn is_multiple(self, step: Decimal) -> bool {
        let value = self.reduced();
        value.scale <= step.scale && value.units * 10i128.pow(step.scale - value.scale) % step.units == 0
    }

    fn times(self, factor: i128) -> Decimal {
        Decimal {
            units: self.units * factor,
            scale: self.scale,
        }
    }

    /// The value for the compiler, which prints it with the same digits.
    fn value(self) -> Value {
        let reduced = self.reduced();
        if reduced.scale == 0
            && let Ok(whole) = i64::try_from(reduced.units)
        {
            return whole.into();
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "at most 15 digits, and powers of ten up to 10^22, are exact"
        )]
        let quotient = reduced.units as f64 / 10f64.powi(reduced.scale.cast_signed());
        quotient.into()
    }

    /// Whether the compiler reads the same divisor.
    fn is_divisor(self, number: &Number) -> bool {
        let mut value = number.as_f64().unwrap_or(f64::NAN);
        let mut scale = 0;
        while value.fract() != 0.0 && scale <= DECIMALS {
            value *= 10.0;
            scale += 1;
        }
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let same = self.units < DIVISOR && value.total_cmp(&(self.units as f64)).is_eq();
        same && scale == self.scale && scale <= DECIMALS
    }
}

/// Whether it is an integer that doubles do not represent exactly, so that the compiler would write another.
pub(super) fn too_large(number: &Number) -> bool {
    let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    magnitude.is_some_and(|magnitude| magnitude > EXACT)
}

/// Whether the least common multiple of any of these divisors is one that the compiler handles.
pub(super) fn combine(divisors: &[Decimal]) -> bool {
    let scale = divisors.iter().map(|d| d.scale).max().unwrap_or(0);
    let mut distinct: Vec<i128> = divisors
        .iter()
        .map(|d| d.units * 10i128.pow(scale - d.scale))
        .collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
        .into_iter()
        .try_fold(1, i128::checked_mul)
        .is_some_and(|product| product <= DIVISOR)
}

/// The bounds of a schema, whose values are numbers. `divide` is false if its divisor cannot be enforced together with others.
pub(super) fn numbers(schema: &Map<String, Value>, divide: bool) -> Numbers {
    let number = |word: &str| match schema.get(word) {
        Some(Value::Number(number)) => Some(number),
        _ => None,
    };
    let mut found = Numbers {
        words: Map::new(),
        loose: Vec::new(),
        multiple: None,
    };
    let least = bound(number("minimum"), number("exclusiveMinimum"), false);
    let most = bound(number("maximum"), number("exclusiveMaximum"), true);
    let mut step = None;
    if let Some(given) = number("multipleOf") {
        let divisor = Decimal::of(given);
        if divide && divisor.is_divisor(given) {
            step = Some(divisor);
        } else {
            found.loose.push("multipleOf");
        }
    }
    if is_empty(schema) {
        // No number is valid, and the compiler says the same of these.
        found.words.insert("minimum".into(), 1.into());
        found.words.insert("maximum".into(), 0.into());
        return found;
    }
    let low = number("minimum").map_or("exclusiveMinimum", |_| "minimum");
    let high = number("maximum").map_or("exclusiveMaximum", |_| "maximum");
    match (least, most) {
        (Bound::Beyond, _) => found.loose.push(low),
        (_, Bound::Beyond) => found.loose.push(high),
        _ => {}
    }
    if let (Some(least), Some(most)) = (number("minimum"), number("maximum"))
        && least.as_f64() == most.as_f64()
    {
        // One number, with as many digits as it has.
        let large = [least, most].iter().any(|n| too_large(n));
        let none = step.is_some_and(|step| !Decimal::of(least).is_multiple(step));
        found.loose.retain(|word| *word == "multipleOf");
        if large {
            found.loose.push("minimum");
        } else {
            let (least, most) = if none {
                (1.into(), 0.into())
            } else {
                (least.clone(), most.clone())
            };
            found.words.insert("minimum".into(), Value::Number(least));
            found.words.insert("maximum".into(), Value::Number(most));
        }
    } else if let Some(step) = step {
        multiples(step, least, most, &mut found, low);
    } else if found.loose.iter().all(|word| *word == "multipleOf") {
        if let (Bound::At(least), Bound::At(most)) = (least, most)
            && order(least) > order(most)
        {
            // There are numbers between them, with more digits.
            found.loose.push(low);
            return found;
        }
        for (word, bound) in [("minimum", least), ("maximum", most)] {
            if let Bound::At(bound) = bound {
                found.words.insert(word.into(), bound.value());
            }
        }
    }
    found
}

/// The multiples of `step` between two bounds, which are put on multiples themselves.
fn multiples(step: Decimal, least: Bound, most: Bound, found: &mut Numbers, low: &'static str) {
    // Integers of 15 digits, and fewer before a fraction.
    let furthest = Decimal {
        units: 10i128.pow(u32::try_from(DIGITS).unwrap_or(15) - step.scale) - 1,
        scale: 0,
    };
    let clamp = |bound: Bound, sign: i128| match bound {
        Bound::At(at) if order(at).abs() <= order(furthest) => Some(at),
        Bound::At(at) if (order(at) < 0) == (sign < 0) => Some(furthest.times(sign)),
        Bound::Open => Some(furthest.times(sign)),
        _ => None,
    };
    let range = clamp(least, -1)
        .zip(clamp(most, 1))
        .map(|(least, most)| (-(least.negated().divided_down(step)), most.divided_down(step)));
    match range {
        Some((from, to)) if from < to => {
            found.words.insert("minimum".into(), step.times(from).value());
            found.words.insert("maximum".into(), step.times(to).value());
            found.words.insert("multipleOf".into(), step.value());
            found.multiple = Some(step);
        }
        Some((from, to)) if from == to => {
            found.words.insert("minimum".into(), step.times(from).value());
            found.words.insert("maximum".into(), step.times(from).value());
        }
        Some(_) => {
            found.words.insert("minimum".into(), 1.into());
            found.words.insert("maximum".into(), 0.into());
        }
        None => {
            if !found.loose.contains(&low) {
                found.loose.push(low);
            }
        }
    }
}

/// A number by which decimals of at most 15 digits are ordered.
fn order(decimal: Decimal) -> i128 {
    decimal.units * 10i128.pow(20 - decimal.scale.min(20))
}

/// A bound, from the inclusive and the exclusive keyword; the upper ones `mirrored`.
fn bound(inclusive: Option<&Number>, exclusive: Option<&Number>, mirrored: bool) -> Bound {
    let sides = [(inclusive, false), (exclusive, true)].into_iter();
    let mut tightest = Bound::Open;
    for (number, exclusive) in sides.filter_map(|(number, exclusive)| Some((number?, exclusive))) {
        let far = number.as_f64().is_some_and(|value| {
            let value = if mirrored { -value } else { value };
            value <= -LARGEST_WRITTEN
        });
        if far {
            continue;
        }
        let decimal = Decimal::of(number);
        let lower = if mirrored { decimal.negated() } else { decimal };
        let at = match lower.raised(exclusive) {
            Some(at) => Bound::At(at),
            // Numbers with an exponent have no bound.
            None if lower.units < 0 => Bound::At(Decimal {
                units: 1 - 10i128.pow(u32::try_from(DIGITS).unwrap_or(15)),
                scale: 0,
            }),
            None => Bound::Beyond,
        };
        tightest = match (tightest, at) {
            (Bound::At(a), Bound::At(b)) if order(a) >= order(b) => Bound::At(a),
            (Bound::Beyond, _) => Bound::Beyond,
            (_, at) => at,
        };
    }
    match tightest {
        Bound::At(at) if mirrored => Bound::At(at.negated()),
        other => other,
    }
}

/// Whether the bounds exclude each other.
fn is_empty(schema: &Map<String, Value>) -> bool {
    let number = |word: &str| schema.get(word).and_then(Value::as_f64);
    let lows = [("minimum", false), ("exclusiveMinimum", true)];
    let highs = [("maximum", false), ("exclusiveMaximum", true)];
    lows.iter().any(|(low, open)| {
        highs
            .iter()
            .any(|(high, closed)| match (number(low), number(high)) {
                (Some(low), Some(high)) => match low.partial_cmp(&high) {
                    Some(Ordering::Equal) => *open || *closed,
                    order => order == Some(Ordering::Greater),
                },
                _ => false,
            })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(schema: &Value) -> (Value, Vec<&'static str>) {
        let found = numbers(schema.as_object().unwrap(), true);
        (Value::Object(found.words), found.loose)
    }

    #[test]
    fn bounds_become_inclusive() {
        for (schema, expected) in [
            (
                json!({"exclusiveMinimum": 0, "maximum": 0.1}),
                json!({"minimum": 1e-14, "maximum": 0.1}),
            ),
            (json!({"exclusiveMaximum": 0}), json!({"maximum": -1e-14})),
            (
                json!({"exclusiveMinimum": -10, "exclusiveMaximum": 10}),
                json!({"minimum": -9.999_999_999_999_9, "maximum": 9.999_999_999_999_9}),
            ),
            (
                json!({"minimum": 5, "exclusiveMinimum": 3}),
                json!({"minimum": 5}),
            ),
            (
                json!({"minimum": 5, "exclusiveMinimum": 5}),
                json!({"minimum": 5.000_000_000_000_01}),
            ),
            (json!({"minimum": 1e-300}), json!({"minimum": 1e-14})),
            (json!({"minimum": -1e-300}), json!({"minimum": 0})),
            (json!({"minimum": -1e300, "maximum": 1e300}), json!({})),
            (
                json!({"minimum": -1e100}),
                json!({"minimum": -999_999_999_999_999_i64}),
            ),
            (
                json!({"minimum": 0.300_000_000_000_000_04}),
                json!({"minimum": 0.300_000_000_000_01}),
            ),
            (
                json!({"multipleOf": 0.5, "exclusiveMinimum": 1, "maximum": 2.7}),
                json!({"minimum": 1.5, "maximum": 2.5, "multipleOf": 0.5}),
            ),
            (
                json!({"multipleOf": 0.1, "minimum": 0.25, "maximum": 0.35}),
                json!({"minimum": 0.3, "maximum": 0.3}),
            ),
            (
                json!({"multipleOf": 7, "minimum": 1, "maximum": 6}),
                json!({"minimum": 1, "maximum": 0}),
            ),
            (
                json!({"minimum": 2, "exclusiveMaximum": 2}),
                json!({"minimum": 1, "maximum": 0}),
            ),
            (
                json!({"minimum": 0.07, "maximum": 0.07, "multipleOf": 0.5}),
                json!({"minimum": 1, "maximum": 0}),
            ),
            (
                json!({"minimum": 1.234_567_890_123_456_7e-11}),
                json!({"minimum": 1.235e-11}),
            ),
        ] {
            assert_eq!(words(&schema), (expected, vec![]), "{schema}");
        }
    }

    #[test]
    fn what_has_no_number_of_fifteen_digits_is_told() {
        for (schema, loose) in [
            (json!({"minimum": 1e16}), vec!["minimum"]),
            (
                json!({"minimum": 9_007_199_254_740_993_u64, "maximum": 9_007_199_254_740_993_u64}),
                vec!["minimum"],
            ),
            (json!({"exclusiveMaximum": -1e120}), vec!["exclusiveMaximum"]),
            (
                json!({"minimum": 0.123_456_789_012_345_1, "maximum": 0.123_456_789_012_345_9}),
                vec!["minimum"],
            ),
            (json!({"multipleOf": 1e-12}), vec!["multipleOf"]),
            (json!({"multipleOf": 65_537}), vec!["multipleOf"]),
        ] {
            assert_eq!(words(&schema), (json!({}), loose), "{schema}");
        }
    }

    #[test]
    fn divisors_are_combined_as_far_as_32_bits_go() {
        let divisors = |numbers: &[f64]| -> Vec<Decimal> {
            numbers
                .iter()
                .map(|n| Decimal::of(&Number::from_f64(*n).unwrap()))
                .collect()
        };
        assert!(combine(&divisors(&[30.0, 7.0])));
        assert!(combine(&divisors(&[900.0, 900.0, 900.0])));
        assert!(!combine(&divisors(&[70_001.0, 90_001.0])));
        assert!(!combine(&divisors(&[0.0001, 900_001.0])));
    }
}
