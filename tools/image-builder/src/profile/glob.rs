//! Shell patterns: `*`, `?` and sets like `[0-9A]`, as profiles and the kernel's tables of aliases have them.

/// Whether a shell pattern matches a text. A `[` that is never closed stands for itself.
pub fn matches(pattern: &str, text: &str) -> bool {
    // Most of a kernel's thousands of aliases differ at once.
    let literal = pattern.split(['*', '?', '[']).next().unwrap_or_default();
    if !text.starts_with(literal) {
        return false;
    }
    let pattern = parts(pattern);
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut in_text) = (0, 0);
    // Behind the last star: where the pattern goes on, and the first place in the text not yet tried.
    let mut retry: Option<(usize, usize)> = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some(Part::Star) => {
                retry = Some((at + 1, in_text + 1));
                at += 1;
            }
            Some(part) if part.takes(text[in_text]) => {
                at += 1;
                in_text += 1;
            }
            _ => {
                let Some((after, from)) = retry else {
                    return false;
                };
                (at, in_text) = (after, from);
                retry = Some((after, from + 1));
            }
        }
    }
    pattern[at..].iter().all(|part| *part == Part::Star)
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Star,
    Any,
    Char(char),
    /// Ranges, both ends included.
    Set(Vec<(char, char)>),
}

impl Part {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => true,
            Self::Char(own) => *own == c,
            Self::Set(ranges) => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)),
        }
    }
}

fn parts(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        parts.push(match c {
            '*' => Part::Star,
            '?' => Part::Any,
            '[' => match rest.as_str().split_once(']') {
                Some((set, after)) => {
                    rest = after.chars();
                    Part::Set(ranges(set))
                }
                None => Part::Char('['),
            },
            c => Part::Char(c),
        });
    }
    parts
}

fn ranges(set: &str) -> Vec<(char, char)> {
    let mut ranges = Vec::new();
    let mut rest = set.chars();
    while let Some(low) = rest.next() {
        let mut ahead = rest.clone();
        let high = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(high)) => {
                rest = ahead;
                high
            }
            _ => low,
        };
        ranges.push((low, high));
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, text, expected) in [
            ("usr", "usr", true),
            ("us?", "usr", true),
            ("u*", "usr", true),
            ("*", "", true),
            ("*r*", "usr", true),
            ("*a*b", "aabab", true),
            ("usr?", "usr", false),
            ("*x", "usr", false),
            ("", "usr", false),
            ("usr", "", false),
            ("d01[0-2]*", "d0115", true),
            ("d01[0-2]*", "d013", false),
            ("d[0-9A]x", "dAx", true),
            ("d[0-9A]x", "dBx", false),
            ("a[-z]", "a-", true),
            ("a[", "a[", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_makes_it_panic(pattern in "[a-c*?\\[\\]-]{0,12}", text in "[a-c\\[-]{0,12}") {
            matches(&pattern, &text);
        }
    }
}
