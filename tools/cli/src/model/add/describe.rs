//! The entry of the catalogue that a model would have, from what its own files say.

use sigmavault_catalogue::{Model, Use, id_fault};
use sigmavault_facts::terminal::printable;
use sigmavault_gguf::{Index, Metadata, Summary, Value};

/// What a file does not say.
pub const UNKNOWN: &str = "unknown";

/// Memory for the engine itself, beside weights and cache, in bytes.
const ENGINE_BYTES: u64 = 150_000_000;

/// Tokens of the cache that the memory need counts with.
const CACHE_TOKENS: u64 = 4096;

/// The longest text taken over, in characters.
const LONGEST: usize = 200;

/// What a model says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    pub name: Option<String>,
    pub publisher: Option<String>,
    pub architecture: String,
    pub licence: Option<String>,
    pub licence_url: Option<String>,
    /// In tokens; `None` for recurrent models, which have no limit.
    pub context: Option<u64>,
    /// Bytes of keys and values for each token.
    pub token_bytes: u64,
    pub embedding: bool,
}

impl Described {
    /// What the metadata of a GGUF file say.
    pub fn of_gguf(index: &Index) -> Self {
        let (metadata, summary) = (index.metadata(), Summary::of(index));
        let text = |key: &str| metadata.string(key).map(str::to_owned);
        let architecture = summary.architecture.unwrap_or_default();
        Self {
            name: summary.name.or_else(|| text("general.basename")),
            publisher: text("general.organization").or_else(|| text("general.author")),
            licence: summary.licence.or_else(|| text("general.license.name")),
            licence_url: text("general.license.link"),
            context: summary.context,
            token_bytes: token_bytes(metadata, summary.layers),
            embedding: metadata.of_architecture("pooling_type").is_some() || architecture == "bert",
            architecture,
        }
    }

    /// The entry of this id, without files, for weights of this many bytes. Texts are made safe: they come from anywhere.
    pub fn entry(&self, id: String, weight_bytes: u64) -> Model {
        let text = |text: &Option<String>| {
            let text = text.as_deref().map(|text| printable(text.trim()));
            let text = text.filter(|text| !text.is_empty());
            text.map_or_else(|| UNKNOWN.to_owned(), |text| text.chars().take(LONGEST).collect())
        };
        let licence = self.licence.as_deref().map(spdx);
        Model {
            name: self
                .name
                .as_ref()
                .map_or_else(|| id.clone(), |_| text(&self.name)),
            id,
            publisher: text(&self.publisher),
            aliases: Vec::new(),
            use_: if self.embedding { Use::Embedding } else { Use::Chat },
            architecture: text(&Some(self.architecture.clone())),
            licence: text(&licence),
            licence_url: text(&self.licence_url),
            context: self
                .context
                .map_or(u32::MAX, |tokens| u32::try_from(tokens).unwrap_or(u32::MAX)),
            memory_bytes: weight_bytes
                .saturating_add(self.token_bytes.saturating_mul(CACHE_TOKENS))
                .saturating_add(ENGINE_BYTES),
            machine_bytes: 0,
            files: Vec::new(),
        }
    }
}

/// Bytes of keys and values for each token, in 16 bits: layers, heads of keys, and the width of a head for keys and for values.
fn token_bytes(metadata: &Metadata, layers: Option<u64>) -> u64 {
    let number = |key: &str| metadata.of_architecture(key).and_then(Value::as_u64);
    let Some(heads) = number("attention.head_count").filter(|heads| *heads > 0) else {
        return 0;
    };
    // In hybrid models a number for each layer: 0 for those without attention.
    let each = metadata
        .of_architecture("attention.head_count_kv")
        .and_then(|value| match value {
            Value::Array(array) => array.to_u64s(),
            _ => None,
        });
    let kept = each.map_or_else(
        || {
            layers
                .unwrap_or(0)
                .saturating_mul(number("attention.head_count_kv").unwrap_or(heads))
        },
        |each| each.into_iter().fold(0, u64::saturating_add),
    );
    let width = number("embedding_length").unwrap_or(0) / heads;
    let keys = number("attention.key_length").unwrap_or(width);
    let values = number("attention.value_length").unwrap_or(width);
    kept.saturating_mul(keys.saturating_add(values)).saturating_mul(2)
}

/// A licence as SPDX writes it; model files have it in lower case.
pub fn spdx(licence: &str) -> String {
    const KNOWN: [&str; 12] = [
        "Apache-2.0",
        "MIT",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC-BY-4.0",
        "CC-BY-SA-4.0",
        "CC-BY-NC-4.0",
        "CC0-1.0",
        "GPL-3.0",
        "AGPL-3.0",
        "MPL-2.0",
        "Unlicense",
    ];
    let known = KNOWN
        .iter()
        .find(|known| known.eq_ignore_ascii_case(licence.trim()));
    known.map_or_else(|| licence.trim().to_owned(), |known| (*known).to_owned())
}

/// An id from a name: lower case, everything else than letters, digits and dots as `-`.
pub fn id_of(name: &str) -> Option<String> {
    let mut id = String::new();
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_alphanumeric() || (c == '.' && !id.ends_with('.')) {
            id.push(c);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
        if id.len() == 64 {
            break;
        }
    }
    let id = id.trim_matches(['-', '.']).to_owned();
    id_fault(&id).is_none().then_some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sigmavault_gguf::{TensorKind, Writer};

    use super::*;

    fn described(change: impl FnOnce(&mut Writer<'_>)) -> Described {
        let mut writer = Writer::new();
        writer
            .set("general.architecture", "qwen3")
            .set("qwen3.context_length", 32768_u32)
            .set("qwen3.block_count", 28_u32)
            .set("qwen3.embedding_length", 2048_u32)
            .set("qwen3.attention.head_count", 16_u32)
            .set("qwen3.attention.head_count_kv", 8_u32)
            .set("qwen3.attention.key_length", 128_u32)
            .set("qwen3.attention.value_length", 128_u32);
        change(&mut writer);
        writer.tensor("a", &[4], TensorKind::F32, &[0; 16]);
        let mut bytes = Vec::new();
        writer.write(&mut bytes).unwrap();
        Described::of_gguf(&Index::parse(&bytes).unwrap())
    }

    #[test]
    fn a_file_says_what_it_is() {
        let found = described(|writer| {
            writer
                .set("general.name", "Qwen3 1.7B\u{1b}[2J")
                .set("general.organization", "Qwen")
                .set("general.license", "apache-2.0");
        });
        let entry = found.entry("qwen3-1.7b".into(), 1_000_000_000);
        assert_eq!(entry.name, "Qwen3 1.7B\\u{1b}[2J");
        assert_eq!(
            (entry.publisher.as_str(), entry.licence.as_str()),
            ("Qwen", "Apache-2.0")
        );
        assert_eq!((entry.context, entry.use_), (32768, Use::Chat));
        // 28 layers, 8 heads, 128 for keys and values each, 16 bits: 112 KiB a token.
        assert_eq!(found.token_bytes, 114_688);
        assert_eq!(entry.memory_bytes, 1_000_000_000 + 4096 * 114_688 + 150_000_000);
    }

    #[test]
    fn what_it_does_not_say_is_unknown() {
        let entry = described(|_| ()).entry("x".into(), 0);
        assert_eq!(
            [entry.name, entry.publisher, entry.licence, entry.licence_url],
            ["x", UNKNOWN, UNKNOWN, UNKNOWN]
        );
        let hybrid = described(|writer| {
            writer.set("qwen3.attention.head_count_kv", vec![0_u32, 4, 0, 4]);
        });
        assert_eq!(hybrid.token_bytes, 8 * 256 * 2);
        let recurrent = described(|writer| {
            writer.set("general.architecture", "rwkv7");
        });
        assert_eq!((recurrent.token_bytes, recurrent.context), (0, None));
        assert_eq!(recurrent.entry("x".into(), 0).context, u32::MAX);
    }

    #[test]
    fn ids_are_made_of_names() {
        for (name, id) in [
            ("SmolLM2 135M Instruct", Some("smollm2-135m-instruct")),
            ("Qwen3-1.7B", Some("qwen3-1.7b")),
            ("../../etc", Some("etc")),
            ("a..b", Some("a.-b")),
            ("___", None),
            ("", None),
        ] {
            assert_eq!(id_of(name).as_deref(), id, "{name}");
        }
        assert_eq!(spdx("apache-2.0"), "Apache-2.0");
        assert_eq!(spdx(" llama3.2 "), "llama3.2");
    }

    proptest! {
        #[test]
        fn whatever_the_name_the_id_is_valid(name in any::<String>()) {
            if let Some(id) = id_of(&name) {
                prop_assert_eq!(id_fault(&id), None);
            }
        }
    }
}
