//! Which letters layouts give.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::layout::XkbLayout;

/// Which letters the keys of a layout give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Letters {
    /// All of a to z, by single keys.
    Latin,
    /// Not all of a to z.
    Other,
    /// None: the console has no keymap for it, for this reason.
    Unusable(String),
}

/// The letters of those layouts that were asked about: there are hundreds, and each takes a part of a second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KnownLetters(BTreeMap<String, Letters>);

impl KnownLetters {
    /// Adds what is known elsewhere.
    pub fn add(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Those of a layout; nothing when nobody asked about it.
    pub fn of(&self, layout: &XkbLayout) -> Option<&Letters> {
        self.0.get(&layout.to_string())
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(XkbLayout, Letters)> for KnownLetters {
    fn from_iter<T: IntoIterator<Item = (XkbLayout, Letters)>>(pairs: T) -> Self {
        let pairs = pairs.into_iter();
        Self(
            pairs
                .map(|(layout, letters)| (layout.to_string(), letters))
                .collect(),
        )
    }
}
