//! Where the references of a schema lead: JSON pointers, anchors, and identifiers of schemas within the document.

use std::collections::BTreeMap;

use serde_json::Value;
use sigmavault_schema::Draft;

/// The deepest nesting of schemas, so that the stack is not exhausted.
pub(super) const DEPTH: usize = 64;

/// Keywords whose values are schemas, lists of schemas, or schemas by names.
const ONE: [&str; 13] = [
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "additionalItems",
    "additionalProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
    "items",
    "contentSchema",
    "extends",
];
const LIST: [&str; 5] = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];
const NAMED: [&str; 6] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
    "dependencies",
];

/// The identifiers in a document.
#[derive(Debug, Default)]
pub(super) struct References {
    /// From the places of schemas with an identifier to their URIs. The document itself is always one of them.
    resources: BTreeMap<String, String>,
    /// From URIs to places.
    places: BTreeMap<String, String>,
    /// From the place of a resource and a name to places.
    anchors: BTreeMap<(String, String), String>,
    /// The number of dynamic anchors of each name.
    dynamic: BTreeMap<String, usize>,
}

impl References {
    pub(super) fn of(document: &Value, draft: Draft) -> References {
        let mut found = References::default();
        found.resources.insert("#".into(), String::new());
        found.collect(document, "#", "#", draft, 0);
        found
    }

    fn collect(&mut self, schema: &Value, place: &str, resource: &str, draft: Draft, depth: usize) {
        let Some(object) = schema.as_object().filter(|_| depth <= DEPTH) else {
            return;
        };
        let text = |word: &str| object.get(word).and_then(Value::as_str);
        let id = text("$id").or_else(|| text("id").filter(|_| draft == Draft::Four));
        // Draft 7 and those before ignore what stands beside a reference.
        let id = id.filter(|_| !(draft <= Draft::Seven && object.contains_key("$ref")));
        let mut resource = resource;
        if let Some(id) = id {
            let (uri, fragment) = id.split_once('#').unwrap_or((id, ""));
            if !uri.is_empty() {
                let base = self.resources.get(resource).map_or("", String::as_str);
                let whole = join(base, uri);
                self.resources.insert(place.into(), whole.clone());
                self.places.insert(whole, place.into());
                resource = place;
            }
            if !fragment.is_empty() && !fragment.starts_with('/') {
                self.anchors
                    .insert((resource.into(), fragment.into()), place.into());
            }
        }
        for word in ["$anchor", "$dynamicAnchor"] {
            if let Some(name) = text(word) {
                self.anchors.insert((resource.into(), name.into()), place.into());
            }
        }
        if let Some(name) = text("$dynamicAnchor") {
            *self.dynamic.entry(name.into()).or_default() += 1;
        }
        if object.get("$recursiveAnchor") == Some(&Value::Bool(true)) {
            *self.dynamic.entry("#".into()).or_default() += 1;
        }
        for (word, value) in object {
            let here = child(place, word);
            match value {
                Value::Object(_) if ONE.contains(&word.as_str()) => {
                    self.collect(value, &here, resource, draft, depth + 1);
                }
                Value::Object(named) if NAMED.contains(&word.as_str()) => {
                    for (name, schema) in named {
                        self.collect(schema, &child(&here, name), resource, draft, depth + 1);
                    }
                }
                Value::Array(list) if LIST.contains(&word.as_str()) => {
                    for (at, schema) in list.iter().enumerate() {
                        self.collect(schema, &format!("{here}/{at}"), resource, draft, depth + 1);
                    }
                }
                _ => {}
            }
        }
    }

    /// The innermost schema with an identifier around a place.
    fn resource(&self, place: &str) -> &str {
        let mut around = place;
        while !self.resources.contains_key(around) {
            around = around.rsplit_once('/').map_or("#", |(before, _)| before);
        }
        self.resources.get_key_value(around).map_or("#", |(key, _)| key)
    }

    /// The place that a reference at `place` leads to; `None` if it is outside of the document.
    pub(super) fn target(&self, reference: &str, place: &str) -> Option<String> {
        let (uri, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let resource = if uri.is_empty() {
            self.resource(place)
        } else {
            let base = self.resources.get(self.resource(place))?;
            self.places.get(&join(base, uri))?
        };
        let fragment = decoded(fragment)?;
        if fragment.is_empty() || fragment.starts_with('/') {
            Some(format!("{resource}{fragment}"))
        } else {
            self.anchors.get(&(resource.to_owned(), fragment)).cloned()
        }
    }

    /// The place that a dynamic reference leads to, if it can only be one.
    pub(super) fn dynamic_target(&self, reference: &str, place: &str) -> Option<String> {
        let name = reference.split_once('#').map_or("", |(_, name)| name);
        let name = if name.is_empty() { "#" } else { name };
        (self.dynamic.get(name).is_none_or(|count| *count <= 1) && self.resources.len() == 1)
            .then(|| self.target(reference, place))?
    }
}

/// The place of a member of an object (RFC 6901).
pub(super) fn child(place: &str, name: &str) -> String {
    format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// A URI reference, resolved against a base (RFC 3986, section 5.2, without the segments `.` and `..`).
fn join(base: &str, reference: &str) -> String {
    let scheme_end = |text: &str| {
        let end = text.find(':')?;
        text[..end]
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
            .then_some(end)
    };
    if scheme_end(reference).is_some() {
        return reference.to_owned();
    }
    let scheme = scheme_end(base).map_or(0, |end| end + 1);
    let root = if base[scheme..].starts_with("//") {
        base[scheme + 2..]
            .find('/')
            .map_or(base.len(), |at| scheme + 2 + at)
    } else {
        scheme
    };
    if reference.starts_with("//") {
        format!("{}{reference}", &base[..scheme])
    } else if reference.starts_with('/') {
        format!("{}{reference}", &base[..root])
    } else {
        let folder = base[root..].rfind('/').map_or("", |at| &base[root..=root + at]);
        let slash = if folder.is_empty() && root > scheme {
            "/"
        } else {
            ""
        };
        format!("{}{folder}{slash}{reference}", &base[..root])
    }
}

/// A fragment without percent encoding.
fn decoded(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_lead_to_pointers_anchors_and_identifiers() {
        let document = json!({
            "$id": "https://example.org/schemas/tool.json",
            "$defs": {
                "size": {"$anchor": "size"},
                "a/b": {},
                "unit": {"$id": "unit.json", "$defs": {"x": {"$anchor": "x"}}, "items": {}},
                "other": {"$id": "urn:other"}
            }
        });
        let references = References::of(&document, Draft::Of2020);
        for (reference, place, target) in [
            ("#", "#/properties/a", Some("#")),
            ("#/$defs/size", "#/properties/a", Some("#/$defs/size")),
            ("#size", "#/properties/a", Some("#/$defs/size")),
            ("#/%24defs/a~1b", "#", Some("#/$defs/a~1b")),
            ("unit.json", "#", Some("#/$defs/unit")),
            ("unit.json#x", "#", Some("#/$defs/unit/$defs/x")),
            ("/schemas/unit.json", "#", Some("#/$defs/unit")),
            ("//example.org/schemas/unit.json", "#", Some("#/$defs/unit")),
            ("#/$defs/x", "#/$defs/unit/items", Some("#/$defs/unit/$defs/x")),
            ("tool.json#size", "#/$defs/unit/items", Some("#/$defs/size")),
            ("urn:other", "#", Some("#/$defs/other")),
            ("#x", "#", None),
            ("https://example.org/elsewhere", "#", None),
            ("#/%zz", "#", None),
        ] {
            assert_eq!(
                references.target(reference, place).as_deref(),
                target,
                "{reference} at {place}"
            );
        }
    }

    #[test]
    fn uris_are_joined() {
        for (base, reference, whole) in [
            ("", "a.json", "a.json"),
            ("http://h/a/b", "c", "http://h/a/c"),
            ("http://h", "c", "http://h/c"),
            ("http://h/a", "/c", "http://h/c"),
            ("http://h/a", "//i/c", "http://i/c"),
            ("http://h/a", "urn:x:y", "urn:x:y"),
        ] {
            assert_eq!(join(base, reference), whole, "{base} {reference}");
        }
    }
}
