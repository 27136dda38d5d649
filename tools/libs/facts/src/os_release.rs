//! os-release(5).

use sigmavault_types::system::Os;

/// Name, id and version. What is missing takes the manual's defaults: `Linux` and `linux`.
pub fn parse(text: &str) -> Os {
    let field = |name: &str| {
        text.lines()
            .filter_map(|line| line.trim().split_once('='))
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| unquote(value))
            .next_back()
            .filter(|value| !value.is_empty())
    };
    Os {
        name: field("PRETTY_NAME").unwrap_or_else(|| "Linux".to_owned()),
        id: field("ID").unwrap_or_else(|| "linux".to_owned()),
        version_id: field("VERSION_ID"),
    }
}

/// Undoes shell quoting as far as os-release(5) allows it: one pair of quotes, backslash escapes inside.
fn unquote(value: &str) -> String {
    let inner = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value);
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_escapes_are_undone() {
        let text = "PRETTY_NAME=\"Sigma\\\"Vault NAS OS 0.1\"\n# VERSION_ID=9\nVERSION_ID='13'\nID=debian\n";
        assert_eq!(
            parse(text),
            Os {
                name: "Sigma\"Vault NAS OS 0.1".into(),
                id: "debian".into(),
                version_id: Some("13".into())
            }
        );
    }

    #[test]
    fn defaults_are_those_of_the_manual() {
        assert_eq!(
            parse(""),
            Os {
                name: "Linux".into(),
                id: "linux".into(),
                version_id: None
            }
        );
        assert_eq!(parse("ID=\"").id, "\"");
    }
}
