use proptest::prelude::*;
use serde_json::json;

use super::super::tests::{accepts, strict};
use super::{Unusable, read};

#[test]
fn both_dialects_mean_the_same() {
    let dot = "[^\\n\\r\\x{2028}\\x{2029}]";
    for (pattern, expected) in [
        ("^[a-f]{2,4}$", "^[a-f]{2,4}$"),
        (r"^\d+$", "^[0-9]+$"),
        (r"\w[\d_]", "[A-Za-z0-9_][[0-9]_]"),
        ("a.c", &format!("a{dot}c")),
        (r"a\.[.]", r"a\.[.]"),
        (
            r"^\u0041\uD83D\uDC32\u{1F600}\x41$",
            r"^\x{41}\x{1f432}\u{1F600}\x41$",
        ),
        (r"[\b\0]", r"[\x08\x00]"),
        (r"\<a\>\/\-", r"<a>\/\-"),
        ("(a)(?:b)(?<stop>c)", "(?:a)(?:b)(?:c)"),
        ("[a[b&&c]", r"[a\[b\&\&c]"),
        (r"\p{L}\P{Lu}", r"\p{L}\P{Lu}"),
    ] {
        assert_eq!(
            read(pattern),
            Ok((pattern.to_owned(), expected.to_owned())),
            "{pattern}"
        );
    }
}

#[test]
fn what_has_no_form_in_both_is_refused() {
    for (pattern, reason) in [
        ("(?=a)b", "a look-around"),
        ("(?<!a)b", "a look-around"),
        (r"(a)\1", "a back reference"),
        (r"(?<n>a)\k<n>", "a back reference"),
        (r"\bword", "a word boundary"),
        ("a[]b", "an empty class"),
        ("[^]", "an empty class"),
        ("(?i:a)", "flags"),
        (r"\uD83Dx", "half of a surrogate pair"),
        (r"\uDC32", "half of a surrogate pair"),
    ] {
        assert_eq!(
            read(pattern),
            Err(Unusable::Here(
                pattern.to_owned(),
                format!("the pattern {pattern:?} has {reason}, which is not enforced")
            ))
        );
    }
    for pattern in [
        "(", "a**", r"\a", "x{2,1}", "{1}", r"\x{41}", "(?x: a)", r"a\", "[a", "(?P=n)",
    ] {
        assert_eq!(
            read(pattern),
            Err(Unusable::Anywhere(format!(
                "the pattern {pattern:?} is not a valid ECMA-262 regular expression with the flag `u`"
            )))
        );
    }
}

/// Patterns as they are written for Python, for Rust, and for ECMA-262 without flags.
#[test]
fn other_dialects_are_understood() {
    for (pattern, ecma) in [
        ("(?P<year>[0-9]{4})", "(?<year>[0-9]{4})"),
        (r"\A[a-z]+\Z", "^[a-z]+$"),
        (r"\Aa\z", "^a$"),
        (r"^[\w-.]+$", r"^[\w\-.]+$"),
        (r"^[\w.-]+]$", r"^[\w.-]+\]$"),
        ("^{[a-z]+}$", r"^\{[a-z]+\}$"),
        (r"\{{a}{2}", r"\{\{a\}{2}"),
    ] {
        assert_eq!(read(pattern).unwrap().0, ecma, "{pattern}");
    }
    // The validator knows flags; the compiler's form of them is not enforced.
    assert_eq!(
        read("(?i)^yes$"),
        Err(Unusable::Here(
            "(?i:^yes$)".into(),
            "the pattern \"(?i)^yes$\" has flags, which is not enforced".into()
        ))
    );
}

/// Patterns, common and unusual ones.
fn patterns() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        "[abc0-2 _/<>é٣-]",
        prop::sample::select(vec![
            ".",
            r"\d",
            r"\D",
            r"\w",
            r"\W",
            r"\s",
            r"\S",
            r"\.",
            r"\/",
            r"\-",
            r"\<",
            r"\>",
            r"\cJ",
            r"\t",
            r"\u0062",
            r"\x63",
            "[ab]",
            "[^ab]",
            r"[\d-]",
            r"[^\w ]",
            r"[\s\S]",
            "[a[b]",
            "[a&&b]",
            "[a~~b]",
            r"[\]a]",
            "[b-d]",
            "[--/]",
            r"\p{L}",
            r"[\p{Nd}a]",
        ])
        .prop_map(str::to_owned),
    ];
    let piece = atom.prop_recursive(3, 16, 4, |inner| {
        let several = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            several.clone().prop_map(|parts| parts.concat()),
            several.clone().prop_map(|parts| format!("({})", parts.join("|"))),
            several.prop_map(|parts| format!("(?:{})", parts.join("|"))),
            (
                inner.clone(),
                prop::sample::select(vec!["*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "+?"])
            )
                .prop_map(|(part, times)| format!("(?:{part}){times}")),
            inner.clone().prop_map(|part| format!("(^{part})")),
            inner.clone().prop_map(|part| format!("(?<stop>{part})")),
            inner.prop_map(|part| format!("(?:{part}$)")),
        ]
    });
    (
        "(\\^)?",
        prop::collection::vec(piece, 1..4),
        "(\\$)?",
        prop::bool::ANY,
    )
        .prop_map(|(start, parts, end, either)| {
            let middle = if either { parts.join("|") } else { parts.concat() };
            format!("{start}{middle}{end}")
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The allowed texts are those in which another implementation, of ECMA-262 itself, finds the pattern.
    #[test]
    fn what_is_written_matches_by_ecma_262(
        pattern in patterns(),
        texts in prop::collection::vec("[abcd0-3 _/<>&~\\[\\]é٣\u{2028}\u{feff}-]{0,6}", 1..12),
    ) {
        let Ok(constraint) = strict(&json!({"type": "string", "pattern": pattern})) else {
            return Ok(());
        };
        // Some harmless escapes are forbidden with the flag; without it `\\p` is the letter.
        let strict = regress::Regex::with_flags(&pattern, "u");
        let ecma = if strict.is_err() && !pattern.contains(r"\p") { regress::Regex::new(&pattern) } else { strict };
        let Ok(ecma) = ecma else {
            return Ok(());
        };
        for text in texts {
            let written = accepts(&constraint, &json!(text).to_string());
            prop_assert_eq!(written, ecma.find(&text).is_some(), "{:?} under {:?}", text, pattern);
        }
    }
}
