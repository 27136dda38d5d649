//! A vocabulary prepared for `llguidance`.

use std::fmt;
use std::sync::Arc;

use llguidance::ParserFactory;
use llguidance::toktrie::{InferenceCapabilities, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};

use super::numbers::Words;

/// Tokens that are allowed or forbidden together: those within a JSON string. Each further slice would take two more tries, several
/// megabytes each.
const SLICES: [&str; 1] = [r#"[^"\\\x00-\x1F\x7F]+"#];

/// The most states of a lexer. Each takes one or two kilobytes, and a short pattern can have any number of them.
const LEXER_STATES: usize = 20_000;

/// A vocabulary, as constraints need it.
pub(crate) trait Lexicon: Send + Sync + 'static {
    /// The number of ids.
    fn len(&self) -> usize;
    /// The bytes that a token stands for.
    fn bytes(&self, id: u32) -> &[u8];
    /// Whether a token is a control token rather than text.
    fn is_control(&self, id: u32) -> bool;
    /// The tokens that end a text.
    fn ends(&self) -> &[u32];
    /// Encodes a text, with control tokens as plain text; `None` if it cannot be encoded.
    fn encode(&self, text: &str) -> Option<Vec<u32>>;
    /// Whether a part of a text is encoded the same as at the beginning of a text.
    fn encodes_parts_alike(&self) -> bool;
}

/// The vocabulary as a trie, with everything that is computed once for all constraints.
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
    lexicon: Arc<dyn Lexicon>,
    trie: TokTrie,
}

impl TokenizerEnv for Vocabulary {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| {
            self.lexicon
                .encode(text)
                .unwrap_or_else(|| self.trie.greedy_tokenize(text.as_bytes()))
        })
    }

    fn tokenize_is_canonical(&self) -> bool {
        self.lexicon.encodes_parts_alike()
    }
}

impl Grammars {
    pub(crate) fn new(lexicon: Arc<dyn Lexicon>) -> Result<Grammars, String> {
        let ends = lexicon.ends().to_vec();
        let &end = ends.first().ok_or("it has no token that ends a text")?;
        let count = u32::try_from(lexicon.len()).map_err(|_| "its vocabulary is too large")?;
        let words: Vec<Vec<u8>> = (0..count)
            .map(|id| match (lexicon.is_control(id), lexicon.bytes(id)) {
                (_, []) => Vec::new(),
                // No vocabulary has such long tokens, and the trie is walked recursively.
                (_, bytes) if bytes.len() > 1000 => Vec::new(),
                // The marker that tells a control token from the same text.
                (true, bytes) => [&[TokTrie::SPECIAL_TOKEN_MARKER], bytes].concat(),
                (false, bytes) => bytes.to_vec(),
            })
            .collect();
        let info = TokRxInfo::new(count, end);
        let trie = TokTrie::from(&info, &words).with_eos_tokens(&ends);
        let environment: TokEnv = Arc::new(Vocabulary { lexicon, trie });
        let mut factory = ParserFactory::new(
            &environment,
            InferenceCapabilities::default(),
            &SLICES.map(str::to_owned),
        )
        .map_err(|e| e.to_string())?;
        factory.quiet();
        factory.limits_mut().max_lexer_states = LEXER_STATES;
        factory.limits_mut().verbose_errors = false;
        let numbers = Words::of(environment.tok_trie());
        Ok(Grammars { factory, numbers })
    }

    pub(crate) fn factory(&self) -> &ParserFactory {
        &self.factory
    }

    /// The tokens that affect the length of numbers.
    pub(crate) fn numbers(&self) -> &Words {
        &self.numbers
    }

    pub(crate) fn trie(&self) -> &TokTrie {
        self.factory.tok_env().tok_trie()
    }
}
