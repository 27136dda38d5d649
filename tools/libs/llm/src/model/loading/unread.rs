//! What a loader did not read of a model file: refused, unless it is known to change no result.
//!
//! A setting that is not applied, or a tensor that is not used, gives answers that look right and are not. So the tables below name what is
//! harmless, and why; everything else that is left over refuses the model by name.

use serde_json::Value as Json;
use sigmavault_gguf::{Metadata, Value};

use super::keys::Ledger;
use super::weights::Weights;
use crate::model::error::LoadError;
use crate::tokenizer;

/// Namespaces of GGUF whose keys describe the file, its origin and how it was made.
const DESCRIPTIONS: [&str; 8] = [
    "general",
    "split",
    "quantize",
    "imatrix",
    "mradermacher",
    "unsloth",
    "bartowski",
    "ollama",
];

/// Keys `tokenizer.*` of GGUF that concern neither the encoding of a text nor what ends one.
const TOKENIZER: [&str; 16] = [
    // Another form of what the other keys say.
    "tokenizer.huggingface.json",
    "tokenizer.rwkv.world",
    // Roles of tokens in requests that the engine does not offer: masks, text between two parts, code of several files.
    "tokenizer.ggml.mask_token_id",
    "tokenizer.ggml.prefix_token_id",
    "tokenizer.ggml.suffix_token_id",
    "tokenizer.ggml.middle_token_id",
    "tokenizer.ggml.fim_pre_token_id",
    "tokenizer.ggml.fim_suf_token_id",
    "tokenizer.ggml.fim_mid_token_id",
    "tokenizer.ggml.fim_pad_token_id",
    "tokenizer.ggml.fim_rep_token_id",
    "tokenizer.ggml.fim_sep_token_id",
    // Pairs of texts, which are not embedded.
    "tokenizer.ggml.add_sep_token",
    "tokenizer.ggml.token_type_count",
    // The templates are read by their own loader.
    "tokenizer.chat_template",
    "tokenizer.chat_templates",
];

/// Keys of an architecture in GGUF that tensors or other keys say as well, or that only concern training.
const GGUF: [&str; 8] = [
    // The rows of the embedding.
    "vocab_size",
    // How the file was converted.
    "tensor_data_layout",
    // Needed by YaRN alone, which reads it.
    "rope.scaling.original_context_length",
    "rope.scaling.finetuned",
    // The shapes of the tensors.
    "attention.decay_lora_rank",
    "attention.iclr_lora_rank",
    "attention.value_residual_mix_lora_rank",
    "attention.gate_lora_rank",
];

/// The same for one architecture. Granite 4 H may be without attention, positions or experts, whose settings are then of no use.
const OF_ONE: [(&str, &[&str]); 3] = [
    // The settings of pooling.
    ("bert", &["word_embedding_dimension", "include_prompt"]),
    (
        "granitehybrid",
        &[
            "attention.head_count",
            "attention.key_length",
            "attention.value_length",
            "rope.freq_base",
            "rope.dimension_count",
            "expert_used_count",
        ],
    ),
    (
        "granitemoehybrid",
        &[
            "num_attention_heads",
            "num_key_value_heads",
            "position_embedding_type",
            "rope_theta",
            "rope_scaling",
            "rope_parameters",
            "num_experts_per_tok",
            "intermediate_size",
            "shared_intermediate_size",
        ],
    ),
];

/// Keys of a `config.json` that tensors or other keys say as well, or that concern training, generation or the library.
const JSON: [&str; 66] = [
    "architectures",
    "auto_map",
    "model_type",
    "_name_or_path",
    "name_or_path",
    "transformers_version",
    "transformers.js_config",
    "torch_dtype",
    "dtype",
    "torchscript",
    "use_bfloat16",
    "attn_implementation",
    "_attn_implementation",
    "_attn_implementation_autoset",
    "unsloth_fixed",
    "unsloth_version",
    "is_llama_config",
    "tokenizer_class",
    "vocab_size",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "sep_token_id",
    "unk_token_id",
    "decoder_start_token_id",
    "id2label",
    "label2id",
    "problem_type",
    "task_specific_params",
    "finetuning_task",
    "return_dict",
    "output_attentions",
    "output_hidden_states",
    "output_router_logits",
    "router_aux_loss_coef",
    "chunk_size_feed_forward",
    "use_cache",
    "gradient_checkpointing",
    "pretraining_tp",
    "initializer_range",
    "init_method",
    "attention_dropout",
    "attention_probs_dropout_prob",
    "hidden_dropout_prob",
    "hidden_dropout",
    "classifier_dropout",
    "resid_pdrop",
    "embd_pdrop",
    "rescale_prenorm_residual",
    // Sizes of Mamba that follow from others, the initial values of its training, and which program computes it.
    "expand",
    "mamba_expand",
    "chunk_size",
    "mamba_chunk_size",
    "residual_in_fp32",
    "fused_add_norm",
    "time_step_init_scheme",
    "time_step_min",
    "time_step_max",
    "time_step_floor",
    "time_step_scale",
    "use_mambapy",
    "use_associative_scan",
    "temperature",
    "top_k",
    "top_p",
    "do_sample",
];

/// The last tensors' names that are computed anew, or used in training only.
const TENSORS: [&str; 2] = [".rotary_emb.inv_freq", ".position_ids"];

/// Refuses a GGUF file with keys that were neither read nor harmless.
pub fn refuse_gguf(metadata: &Metadata, read: &Ledger, architecture: &str) -> Result<(), LoadError> {
    let own = of_one(architecture);
    for (key, value) in metadata.iter() {
        // Architectures may have a dot in their names.
        let of_architecture = key
            .strip_prefix(architecture)
            .and_then(|rest| rest.strip_prefix('.'));
        let harmless = match key.split_once('.') {
            _ if of_architecture.is_some_and(|rest| GGUF.contains(&rest) || own.contains(&rest)) => true,
            Some(("tokenizer", _)) => {
                tokenizer::GGUF_KEYS
                    .iter()
                    .any(|name| key.strip_prefix("tokenizer.ggml.") == Some(name))
                    || TOKENIZER.contains(&key)
                    || key.starts_with("tokenizer.chat_template.")
            }
            Some((prefix, _)) => DESCRIPTIONS.contains(&prefix),
            None => false,
        };
        if !harmless && !read.has(key) {
            return Err(left_over(key, &shown(value), architecture));
        }
    }
    match metadata.u64("general.quantization_version") {
        None | Some(2) => Ok(()),
        Some(version) => Err(left_over(
            "general.quantization_version",
            &version.to_string(),
            architecture,
        )),
    }
}

/// Refuses a `config.json` with keys that were neither read nor harmless.
pub fn refuse_json(config: &Json, read: &Ledger, architecture: &str) -> Result<(), LoadError> {
    let own = of_one(architecture);
    for (key, value) in config.as_object().into_iter().flatten() {
        if value.is_null() || JSON.contains(&key.as_str()) {
            continue;
        }
        if !read.has(key) {
            if own.contains(&key.as_str()) {
                continue;
            }
            return Err(left_over(key, &value.to_string(), architecture));
        }
        // The objects that are read are read key by key.
        for (inner, value) in value.as_object().into_iter().flatten() {
            let name = format!("{key}.{inner}");
            if !value.is_null() && !read.has(&name) {
                return Err(left_over(&name, &value.to_string(), architecture));
            }
        }
    }
    Ok(())
}

/// Refuses a file with tensors that were neither used nor harmless.
pub fn refuse_tensors(weights: &Weights, architecture: &str) -> Result<(), LoadError> {
    let mut left = weights.names();
    left.retain(|name| !weights.read().has(name) && !TENSORS.iter().any(|end| name.ends_with(end)));
    match left.first() {
        None => Ok(()),
        Some(first) => Err(LoadError::UnusedTensor {
            name: first.clone(),
            count: left.len(),
            architecture: architecture.to_owned(),
        }),
    }
}

fn of_one(architecture: &str) -> &'static [&'static str] {
    OF_ONE
        .iter()
        .find(|(name, _)| *name == architecture)
        .map_or(&[], |(_, keys)| keys)
}

fn left_over(key: &str, value: &str, architecture: &str) -> LoadError {
    LoadError::UnreadKey {
        key: key.to_owned(),
        value: value.to_owned(),
        architecture: architecture.to_owned(),
    }
}

/// A value in an error message.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
        Value::Array(_) => "a list".to_owned(),
        Value::Bool(value) => value.to_string(),
        _ => value
            .as_i64()
            .map(|n| n.to_string())
            .or_else(|| value.as_f32().map(|n| n.to_string()))
            .unwrap_or_else(|| "a number".to_owned()),
    }
}
