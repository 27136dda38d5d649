//! Where references lead.

use std::collections::HashMap;

use serde_json::Value;

use super::super::error::{SchemaError, refuse};
use super::Walk;

impl Walk<'_> {
    /// The place that a reference leads to.
    pub(super) fn reference(
        &self,
        word: &str,
        value: &Value,
        place: &str,
        here: &str,
    ) -> Result<String, SchemaError> {
        let Some(reference) = value.as_str() else {
            return refuse(here, "this must be a text");
        };
        let target = if word == "$ref" {
            self.references.target(reference, place)
        } else {
            self.references.dynamic_target(reference, place)
        };
        let Some(target) = target else {
            let why = match word {
                "$ref" if !reference.starts_with('#') => {
                    format!("the reference {value} leads outside the document")
                }
                "$ref" => format!("the reference `{reference}` does not lead to a schema in this document"),
                _ => format!("`{word}` is not supported where it may lead to several schemas"),
            };
            return refuse(here, why);
        };
        match self.target(&target) {
            Some(Value::Object(_) | Value::Bool(_)) => Ok(target),
            _ => refuse(
                here,
                format!("the reference `{reference}` does not lead to a schema in this document"),
            ),
        }
    }

    /// The number of the definition for a place.
    pub(super) fn number(&mut self, target: String) -> usize {
        let next = self.targets.len();
        let number = *self.numbers.entry(target.clone()).or_insert(next);
        if number == next {
            self.targets.push(target);
        }
        number
    }

    /// Finds a schema that leads back to itself without descending into the value: it is meaningless, and following it never ends.
    pub(super) fn circle(&self) -> Option<&str> {
        let mut next: HashMap<&str, Vec<&str>> = HashMap::new();
        for (from, to) in &self.same_value {
            next.entry(from).or_default().push(to);
        }
        // Depth first; a schema is open while those that it leads to are visited.
        let mut open: HashMap<&str, bool> = HashMap::new();
        for (start, _) in &self.same_value {
            let mut path = vec![(start.as_str(), 0)];
            while let Some((place, at)) = path.pop() {
                if at == 0 {
                    match open.get(place) {
                        Some(true) => return Some(place),
                        Some(false) => continue,
                        None => {
                            open.insert(place, true);
                        }
                    }
                }
                match next.get(place).and_then(|targets| targets.get(at)) {
                    Some(target) => path.extend([(place, at + 1), (*target, 0)]),
                    None => {
                        open.insert(place, false);
                    }
                }
            }
        }
        None
    }
}
