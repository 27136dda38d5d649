//! A vocabulary prepared once for all constraints: the trie that `llguidance` walks, and the tokens that affect the length of numbers.

mod grammars;
mod numbers;

pub(crate) use grammars::{Grammars, Lexicon};
pub(crate) use numbers::{DIGITS, Numbers};
