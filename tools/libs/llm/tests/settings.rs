//! Settings and tensors that change the result are applied or refused by name, in GGUF files and in folders of transformers.

#![allow(clippy::unwrap_used, reason = "a failure fails the test")]
#![allow(clippy::cast_precision_loss, reason = "random numbers of 24 bits are exact")]

mod common;

use std::fs;
use std::path::Path;

use common::{path, run};
use serde_json::{Value as Json, json};
use sigmavault_gguf::{Array, TensorKind, Value, Writer};
use sigmavault_llm::checkpoint::{Checkpoint, Purpose, examine};
use sigmavault_llm::inference::Wanted;
use sigmavault_llm::model::{LoadOptions, Model};
use sigmavault_ternary::Pool;

const WIDTH: u64 = 64;
const TOKENS: [u32; 12] = [1, 5, 3, 2, 7, 7, 0, 4, 6, 1, 2, 3];

/// Numbers about zero, the same for every name.
fn numbers(name: &str, count: u64, center: f32) -> Vec<f32> {
    let mut state = name.bytes().fold(0x9e37_79b9_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            center + 0.2 * ((state >> 8) as f32 / 8_388_608.0 - 1.0)
        })
        .collect()
}

/// The tensors of a small model of the architecture, with their shapes as GGUF has them.
fn tensors(architecture: &str) -> Vec<(String, Vec<u64>)> {
    let mut all: Vec<(&str, Vec<u64>)> = vec![
        ("token_embd.weight", vec![WIDTH, 8]),
        ("output_norm.weight", vec![WIDTH]),
        ("blk.0.attn_norm.weight", vec![WIDTH]),
        ("blk.0.attn_q.weight", vec![WIDTH, WIDTH]),
        ("blk.0.attn_k.weight", vec![WIDTH, 32]),
        ("blk.0.attn_v.weight", vec![WIDTH, 32]),
        ("blk.0.attn_output.weight", vec![WIDTH, WIDTH]),
        ("blk.0.ffn_norm.weight", vec![WIDTH]),
        ("blk.0.ffn_gate.weight", vec![WIDTH, WIDTH]),
        ("blk.0.ffn_up.weight", vec![WIDTH, WIDTH]),
        ("blk.0.ffn_down.weight", vec![WIDTH, WIDTH]),
    ];
    if architecture == "qwen3" {
        all.push(("blk.0.attn_q_norm.weight", vec![32]));
        all.push(("blk.0.attn_k_norm.weight", vec![32]));
    }
    all.into_iter()
        .map(|(name, shape)| (name.to_owned(), shape))
        .collect()
}

/// Writes a small model with more keys and tensors.
fn write(file: &Path, architecture: &str, keys: &[(&str, Value)], more: &[(&str, &[u64])]) {
    let mut all = tensors(architecture);
    all.extend(
        more.iter()
            .map(|(name, shape)| ((*name).to_owned(), shape.to_vec())),
    );
    let bytes: Vec<Vec<u8>> = all
        .iter()
        .map(|(name, shape)| {
            let center = if name.contains("norm") || name.contains("freqs") {
                1.0
            } else {
                0.0
            };
            let numbers = numbers(name, shape.iter().product(), center);
            numbers.into_iter().flat_map(f32::to_le_bytes).collect()
        })
        .collect();
    let mut writer = Writer::new();
    writer.set("general.architecture", architecture);
    for (key, value) in [
        ("block_count", 1_u32),
        ("context_length", 64),
        ("embedding_length", 64),
        ("feed_forward_length", 64),
        ("attention.head_count", 2),
        ("attention.head_count_kv", 1),
    ] {
        writer.set(&format!("{architecture}.{key}"), value);
    }
    writer.set(
        &format!("{architecture}.attention.layer_norm_rms_epsilon"),
        1e-6_f32,
    );
    writer
        .set("tokenizer.ggml.model", "gpt2")
        .set("tokenizer.ggml.pre", "qwen2")
        .set(
            "tokenizer.ggml.tokens",
            ["a", "b", "c", "d", "e", "f", "g", "h"]
                .map(str::to_owned)
                .to_vec(),
        );
    for (key, value) in keys {
        writer.set(key, value.clone());
    }
    for ((name, shape), bytes) in all.iter().zip(&bytes) {
        writer.tensor(name, shape, TensorKind::F32, bytes);
    }
    writer.write(&mut fs::File::create(file).unwrap()).unwrap();
}

/// The logits of the file, or why it is refused. The verdict without loading must be the same.
fn logits(file: &Path) -> Result<Vec<f32>, String> {
    let verdict = examine(file).map_err(|error| error.to_string());
    match Checkpoint::load(file, &LoadOptions::default()) {
        Ok(Checkpoint { model, .. }) => {
            assert_eq!(verdict.unwrap(), Purpose::Text);
            Ok(run(
                &model,
                &mut model.sequence(),
                &TOKENS,
                Wanted::All,
                &Pool::new(1),
            ))
        }
        Err(error) => {
            assert_eq!(verdict.unwrap_err(), error.to_string());
            Err(error.to_string())
        }
    }
}

fn with(architecture: &str, keys: &[(&str, Value)], more: &[(&str, &[u64])]) -> Result<Vec<f32>, String> {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("model.gguf");
    write(&file, architecture, keys, more);
    logits(&file)
}

#[test]
fn what_is_applied_changes_the_logits() {
    for architecture in ["llama", "qwen2", "qwen3"] {
        let plain = with(architecture, &[], &[]).unwrap();
        let key = |name: &str| format!("{architecture}.{name}");
        let (scale, window, base) = (
            key("attention.scale"),
            key("attention.sliding_window"),
            key("rope.freq_base"),
        );
        let (linear, old) = (key("rope.scaling.factor"), key("rope.scale_linear"));
        let keys: [(&str, Value); 5] = [
            (&scale, Value::F32(0.9)),
            (&window, Value::U32(3)),
            (&base, Value::F32(7.0)),
            (&linear, Value::F32(9.0)),
            (&old, Value::F32(9.0)),
        ];
        for one in keys {
            let name = one.0.to_owned();
            assert_ne!(with(architecture, &[one], &[]).unwrap(), plain, "{name}");
        }
        for (name, shape) in [
            ("blk.0.attn_q.bias", [WIDTH]),
            ("blk.0.attn_k.bias", [32]),
            ("blk.0.attn_v.bias", [32]),
            ("blk.0.attn_output.bias", [WIDTH]),
            ("rope_freqs.weight", [16]),
        ] {
            assert_ne!(
                with(architecture, &[], &[(name, &shape)]).unwrap(),
                plain,
                "{name}"
            );
        }
        // What says the same as before changes nothing.
        let none = key("rope.scaling.type");
        let same = [
            (scale.as_str(), Value::F32(1.0 / 32_f32.sqrt())),
            (&none, Value::String("none".into())),
        ];
        assert!(with(architecture, &same, &[]).unwrap() == plain);
    }
}

#[test]
fn what_is_not_applied_is_refused_by_name() {
    for architecture in ["llama", "qwen2", "qwen3"] {
        let key = |name: &str| format!("{architecture}.{name}");
        let unread = |name: &str, value: &str| {
            format!(
                "the model's metadata has {name} = {value}, which the engine does not apply to models of architecture \
                 {architecture:?}; without it the answers would be wrong"
            )
        };
        for (name, value, shown) in [
            ("attn_logit_softcapping", Value::F32(50.0), "50"),
            ("logit_scale", Value::F32(0.25), "0.25"),
            (
                "rope.dimension_sections",
                Value::Array(Array::I32(vec![1, 2])),
                "a list",
            ),
            ("attention.clamp_kqv", Value::F32(8.0), "8"),
            ("use_parallel_residual", Value::Bool(true), "true"),
            ("feed_forward_act", Value::String("gelu".into()), "\"gelu\""),
        ] {
            let name = key(name);
            let error = with(architecture, &[(&name, value)], &[]).unwrap_err();
            assert_eq!(error, unread(&name, shown));
        }
        let error = with(architecture, &[("xielu.beta", Value::F32(1.0))], &[]).unwrap_err();
        assert_eq!(error, unread("xielu.beta", "1"));
        let error = with(
            architecture,
            &[("tokenizer.ggml.precompiled_charsmap", Value::U32(1))],
            &[],
        )
        .unwrap_err();
        assert_eq!(error, unread("tokenizer.ggml.precompiled_charsmap", "1"));
        for (name, value, says) in [
            (
                "expert_count",
                Value::U32(8),
                "8: experts are not supported in models of this architecture",
            ),
            (
                "rope.dimension_count",
                Value::U32(16),
                "16: heads that are turned in part are not supported",
            ),
            (
                "attention.causal",
                Value::Bool(false),
                "false: tokens that see later ones are not supported",
            ),
            ("pooling_type", Value::U32(3), "3: this is a model for embeddings"),
            (
                "rope.scaling.type",
                Value::String("longrope".into()),
                "longrope: this scaling is not supported",
            ),
            (
                "attention.scale",
                Value::String("1".into()),
                "something else: a finite number was expected",
            ),
        ] {
            let name = key(name);
            let error = with(architecture, &[(&name, value)], &[]).unwrap_err();
            assert_eq!(error, format!("the model's metadata has {name} = {says}"));
        }
        let error = with(
            architecture,
            &[],
            &[("blk.0.ffn_up.bias", &[WIDTH]), ("blk.1.ffn_up.bias", &[WIDTH])],
        );
        assert_eq!(
            error.unwrap_err(),
            format!(
                "the model has a tensor blk.0.ffn_up.bias and 1 more, which the engine does not use in models of architecture \
                 {architecture:?}; without it the answers would be wrong"
            )
        );
    }
    // Qwen3's normalisations in a model that has none.
    let error = with("llama", &[], &[("blk.0.attn_q_norm.weight", &[32])]).unwrap_err();
    assert!(
        error.starts_with("the model has a tensor blk.0.attn_q_norm.weight, which"),
        "{error}"
    );
}

#[test]
fn what_is_harmless_is_named_and_changes_nothing() {
    let plain = with("llama", &[], &[]).unwrap();
    let keys = [
        ("general.file_type", Value::U32(7)),
        ("general.quantization_version", Value::U32(2)),
        ("general.sampling.temp", Value::F32(0.6)),
        ("quantize.imatrix.file", Value::String("x".into())),
        ("split.count", Value::U16(1)),
        ("llama.vocab_size", Value::U32(8)),
        ("llama.expert_count", Value::U32(0)),
        ("llama.rope.dimension_count", Value::U32(32)),
        ("tokenizer.ggml.fim_pre_token_id", Value::U32(1)),
        ("tokenizer.chat_template.tool_use", Value::String("x".into())),
    ];
    assert!(with("llama", &keys, &[]).unwrap() == plain);
    let old = [("general.quantization_version", Value::U32(1))];
    assert!(
        with("llama", &old, &[])
            .unwrap_err()
            .contains("general.quantization_version = 1")
    );
}

/// A fixture in a folder, with a changed `config.json`.
fn changed(name: &str, change: impl FnOnce(&mut Json)) -> Result<Vec<f32>, String> {
    let place = tempfile::tempdir().unwrap();
    fs::copy(
        path(name).join("model.safetensors"),
        place.path().join("model.safetensors"),
    )
    .unwrap();
    let mut config: Json =
        serde_json::from_slice(&fs::read(path(name).join("config.json")).unwrap()).unwrap();
    change(&mut config);
    fs::write(place.path().join("config.json"), config.to_string()).unwrap();
    let model = Model::load(place.path(), &LoadOptions::default()).map_err(|error| error.to_string())?;
    let tokens: Vec<u32> = (0..40).collect();
    Ok(run(
        &model,
        &mut model.sequence(),
        &tokens,
        Wanted::All,
        &Pool::new(1),
    ))
}

#[test]
fn settings_of_transformers_are_applied_or_refused() {
    let set = |key: &'static str, value: Json| move |config: &mut Json| config[key] = value;
    let plain = changed("llama-safetensors", |_| ()).unwrap();
    let theta = json!({"rope_type": "default", "rope_theta": 10.0});
    assert_ne!(
        changed("llama-safetensors", set("rope_parameters", theta)).unwrap(),
        plain
    );
    assert_ne!(
        changed("mistral-safetensors", set("sliding_window", json!(5))),
        changed("mistral-safetensors", |_| ())
    );
    for (key, value, says) in [
        (
            "attention_bias",
            json!(false),
            "the model has a tensor model.layers.0.self_attn.k_proj.bias and 7 more, which",
        ),
        (
            "attention_bias",
            json!("true"),
            "the model's metadata has attention_bias = \"true\": true or false was expected",
        ),
        (
            "hidden_act",
            json!("gelu"),
            "the model's metadata has hidden_act = gelu: only silu is supported",
        ),
        (
            "mlp_bias",
            json!(true),
            "the model's metadata has mlp_bias = true: feed-forward parts with a bias are not supported",
        ),
        (
            "final_logit_softcapping",
            json!(30.0),
            "the model's metadata has final_logit_softcapping = 30.0, which",
        ),
        (
            "quantization_config",
            json!({"quant_method": "gptq"}),
            "the model's metadata has quantization_config = {",
        ),
        (
            "rope_parameters",
            json!({"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}),
            "the model's metadata has rope_parameters.partial_rotary_factor = 0.5: heads that are turned in part are not supported",
        ),
        (
            "rope_parameters",
            json!({"rope_type": "yarn", "rope_theta": 1e4, "factor": 2.0, "original_max_position_embeddings": 64, "mscale": 0.7}),
            "the model's metadata has rope_parameters.mscale = 0.7, which",
        ),
    ] {
        let error = changed("llama-safetensors", set(key, value)).unwrap_err();
        assert!(error.starts_with(says), "{error}");
    }
    let error = changed(
        "qwen2-safetensors",
        set("layer_types", json!(["full_attention", "chunked_attention"])),
    );
    assert_eq!(
        error.unwrap_err(),
        "the model's metadata has layer_types = chunked_attention: layers of this type are not supported"
    );
    for name in [
        "mamba-safetensors",
        "mamba2-safetensors",
        "granite-experts-safetensors",
    ] {
        let error = changed(name, set("hidden_act", json!("gelu"))).unwrap_err();
        assert!(error.ends_with("only silu is supported"), "{name}: {error}");
        let error = changed(name, set("time_step_limit", json!([0.0, 0.1]))).unwrap_err();
        assert!(
            error.ends_with("limits of the time step are not supported"),
            "{name}: {error}"
        );
        let error = changed(name, set("sub_norm", json!(true))).unwrap_err();
        assert!(
            error.contains("sub_norm = true, which the engine does not apply"),
            "{name}: {error}"
        );
    }
    let linear =
        json!({"quant_method": "bitnet", "linear_class": "bitlinear", "quantization_mode": "offline"});
    let error = changed("bitnet-packed", set("quantization_config", linear)).unwrap_err();
    assert!(
        error.contains("quantization_config.linear_class = bitlinear"),
        "{error}"
    );
}
