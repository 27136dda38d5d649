//! Formats as patterns. A pattern may be narrower than its standard (lengths, rare forms), and never wider: whatever matches it is valid.

/// Which texts of a format are written.
pub(super) enum Format {
    /// Those that the grammar compiler knows under the same name, as the standard defines them.
    Known,
    /// Those that match this pattern.
    Pattern(String),
    /// All texts. The validator checks the format afterwards, or nobody does.
    Unenforced,
    /// All texts: the format is none of JSON Schema's, so it is an annotation (draft 2020-12, validation, section 7.2.3).
    Annotation,
}

const DATE: &str = "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))\
                    |([0-9]{2}(0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)-02-29";

const TIME: &str =
    "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";

const DOMAIN: &str = "([A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?\\.){1,4}[A-Za-z]{2,12}";

/// A character of a path (RFC 3986, section 3.3).
const PATH: &str = "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";

/// User, host and port.
const AUTHORITY: &str = "([A-Za-z0-9._~-]{1,30}@)?[A-Za-z0-9]([A-Za-z0-9-]{0,60}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,60}[A-Za-z0-9])?){0,6}(:[1-9][0-9]{0,3})?";

/// The formats whose texts the grammar enforces.
pub(super) const ENFORCED: &str = "date-time, date, time, duration, email, hostname, ipv4, ipv6, json-pointer, relative-json-pointer, uri, \
                                   uri-reference, uuid";

/// The treatment of a format.
pub(super) fn format(name: &str) -> Format {
    let rest = || format!("(\\?({PATH}|[/?])*)?(#({PATH}|[/?])*)?");
    let uri = || {
        format!(
            "[A-Za-z][A-Za-z0-9+.-]{{0,20}}:(//{AUTHORITY}(/{PATH}*)*|///{PATH}+(/{PATH}*)*|/?{PATH}+(/{PATH}*)*){}",
            rest()
        )
    };
    let pointer = "(/([^~/]|~[01])*)*";
    Format::Pattern(match name {
        "duration" | "ipv4" | "ipv6" | "uuid" => return Format::Known,
        "date-time" => format!("^({DATE})T({TIME})$"),
        "date" => format!("^({DATE})$"),
        "time" => format!("^({TIME})$"),
        "hostname" => format!("^{DOMAIN}$"),
        "email" => format!("^[A-Za-z0-9_+-]{{1,30}}(\\.[A-Za-z0-9_+-]{{1,30}})?@{DOMAIN}$"),
        "uri" => format!("^{}$", uri()),
        // Without a scheme, the first segment has no colon.
        "uri-reference" => format!(
            "^({}|/?([A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{{2}})+(/{PATH}*)*{})$",
            uri(),
            rest()
        ),
        "json-pointer" => format!("^{pointer}$"),
        "relative-json-pointer" => format!("^(0|[1-9][0-9]{{0,5}})(#|{pointer})$"),
        // Pydantic's names for the versions of RFC 9562.
        "uuid1" | "uuid3" | "uuid4" | "uuid5" | "uuid6" | "uuid7" | "uuid8" => format!(
            "^[0-9a-f]{{8}}-[0-9a-f]{{4}}-{}[0-9a-f]{{3}}-[89ab][0-9a-f]{{3}}-[0-9a-f]{{12}}$",
            &name[4..]
        ),
        "regex" | "iri" | "iri-reference" | "uri-template" | "idn-email" | "idn-hostname" => {
            return Format::Unenforced;
        }
        _ => return Format::Annotation,
    })
}
