//! From text to token ids and back.
//!
//! A [`Tokenizer`] is loaded from the metadata of a GGUF file ([`Vocabulary`]) or from a `tokenizer.json`. It uses one of four
//! algorithms: byte-level byte-pair encoding and `WordPiece` (from the `tokenizers` crate), `SentencePiece`'s score-driven merging
//! ([`spm`]), and the longest match of the RWKV world vocabulary ([`world`]).
//!
//! Special tokens are cut out of the text before the algorithm runs ([`added`]), so that `<|im_end|>` in user input can be encoded as
//! plain text ([`provenance`]). Long texts are encoded in parts ([`cuts`]) within limits ([`bounds`]).

mod added;
mod bounds;
mod codec;
mod cuts;
mod error;
mod handle;
mod json;
mod pipeline;
mod provenance;
mod roles;
mod spm;
mod stream;
mod table;
mod vocabulary;
mod world;

pub use bounds::Bounds;
pub use error::TokenizerError;
pub(crate) use handle::Identity;
pub use handle::Tokenizer;
pub use provenance::{Controls, Provenance};
pub(crate) use roles::READ_TAGS;
pub use roles::Roles;
pub use stream::Decoder;
pub(crate) use vocabulary::GGUF_KEYS;
pub use vocabulary::{TokenKind, Vocabulary};
