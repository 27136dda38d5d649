//! A tokenizer's vocabulary as `llguidance` wants it.

use std::fmt;
use std::sync::Arc;

use llguidance::ParserFactory;
use llguidance::toktrie::{TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};

use super::numbers::Words;
use crate::tokenizer::Core;

/// The vocabulary as a trie, and what is computed once for all constraints.
pub(crate) struct Grammars {
    factory: ParserFactory,
    numbers: Words,
}

impl fmt::Debug for Grammars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grammars").finish_non_exhaustive()
    }
}

struct Vocabulary {
    core: Arc<Core>,
    trie: TokTrie,
}

impl TokenizerEnv for Vocabulary {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| {
            self.core
                .encode(text, false)
                .unwrap_or_else(|_| self.trie.greedy_tokenize(text.as_bytes()))
        })
    }

    fn tokenize_is_canonical(&self) -> bool {
        self.core.encodes_parts_alike()
    }
}

impl Grammars {
    pub(crate) fn new(core: Arc<Core>) -> Result<Grammars, String> {
        let ends = core.roles().ends.clone();
        let &end = ends.first().ok_or("it has no token that ends a text")?;
        let count = u32::try_from(core.len()).map_err(|_| "its vocabulary is too large")?;
        let words: Vec<Vec<u8>> = (0..count)
            .map(|id| match (core.is_control(id), core.bytes(id)) {
                (_, []) => Vec::new(),
                // No vocabulary has such, and the trie is walked by recursion.
                (_, bytes) if bytes.len() > 1000 => Vec::new(),
                // The marker that tells a control token from the same text.
                (true, bytes) => [&[TokTrie::SPECIAL_TOKEN_MARKER], bytes].concat(),
                (false, bytes) => bytes.to_vec(),
            })
            .collect();
        let info = TokRxInfo::new(count, end);
        let trie = TokTrie::from(&info, &words).with_eos_tokens(&ends);
        let environment: TokEnv = Arc::new(Vocabulary { core, trie });
        let mut factory = ParserFactory::new_simple(&environment).map_err(|e| e.to_string())?;
        factory.quiet();
        factory.limits_mut().verbose_errors = false;
        let numbers = Words::of(environment.tok_trie());
        Ok(Grammars { factory, numbers })
    }

    pub(crate) fn factory(&self) -> &ParserFactory {
        &self.factory
    }

    /// The tokens that matter for how long numbers are.
    pub(super) fn numbers(&self) -> &Words {
        &self.numbers
    }

    pub(super) fn trie(&self) -> &TokTrie {
        self.factory.tok_env().tok_trie()
    }
}
