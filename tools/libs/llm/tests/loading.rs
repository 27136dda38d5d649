//! What loading rejects, by name, and the packed file.

#![allow(clippy::unwrap_used, reason = "a failure fails the test")]

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use common::{expected, folder, load, path, run};
use safetensors::SafeTensors;
use sigmavault_gguf::support::ARCHITECTURES;
use sigmavault_gguf::{TensorKind, Writer};
use sigmavault_llm::inference::{ForwardError, State as _, Step, Wanted};
use sigmavault_llm::model::{LoadError, LoadOptions, Model};
use sigmavault_ternary::Pool;

/// The metadata of a small Qwen3; tests change one value.
fn numbers() -> Vec<(&'static str, u32)> {
    vec![
        ("block_count", 1),
        ("context_length", 64),
        ("embedding_length", 64),
        ("feed_forward_length", 64),
        ("attention.head_count", 2),
        ("attention.head_count_kv", 1),
        ("attention.key_length", 32),
    ]
}

/// Writes a Qwen3 of zeros with this metadata, without the tensor named `left_out`, and returns why it is rejected.
fn refusal(numbers: &[(&str, u32)], left_out: &str) -> String {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("model.gguf");
    let zeros = vec![0; 64 * 64 * 4];
    let mut writer = Writer::new();
    writer.set("general.architecture", "qwen3");
    writer.set("qwen3.attention.layer_norm_rms_epsilon", 1e-6_f32);
    for (key, value) in numbers {
        writer.set(&format!("qwen3.{key}"), *value);
    }
    let tensors: [(&str, &[u64]); 13] = [
        ("token_embd.weight", &[64, 8]),
        ("output_norm.weight", &[64]),
        ("blk.0.attn_norm.weight", &[64]),
        ("blk.0.attn_q.weight", &[64, 64]),
        ("blk.0.attn_k.weight", &[64, 32]),
        ("blk.0.attn_v.weight", &[64, 32]),
        ("blk.0.attn_output.weight", &[64, 64]),
        ("blk.0.attn_q_norm.weight", &[32]),
        ("blk.0.attn_k_norm.weight", &[32]),
        ("blk.0.ffn_norm.weight", &[64]),
        ("blk.0.ffn_gate.weight", &[64, 64]),
        ("blk.0.ffn_up.weight", &[64, 64]),
        ("blk.0.ffn_down.weight", &[64, 64]),
    ];
    for (name, shape) in tensors.into_iter().filter(|(name, _)| *name != left_out) {
        let bytes = usize::try_from(4 * shape.iter().product::<u64>()).unwrap();
        writer.tensor(name, shape, TensorKind::F32, &zeros[..bytes]);
    }
    writer.write(&mut fs::File::create(&file).unwrap()).unwrap();
    match Model::load(&file, &LoadOptions::default()) {
        Ok(model) => format!("loaded with {} layers", model.info().layers),
        Err(error) => error.to_string(),
    }
}

fn with(key: &str, value: u32) -> String {
    let mut numbers = numbers();
    for number in numbers.iter_mut().filter(|(name, _)| *name == key) {
        number.1 = value;
    }
    refusal(&numbers, "")
}

#[test]
fn impossible_numbers_are_refused_by_name() {
    assert_eq!(refusal(&numbers(), ""), "loaded with 1 layers");
    let says = "the model's metadata has qwen3.";
    assert_eq!(
        with("attention.head_count", 0),
        format!("{says}attention.head_count = 0: it cannot be zero")
    );
    assert_eq!(
        with("attention.head_count_kv", 3),
        format!("{says}attention.head_count_kv = 3: the query heads cannot be divided among them")
    );
    assert_eq!(
        with("attention.key_length", 33),
        format!("{says}attention.key_length = 33: heads must be even and at most 1024 large")
    );
    assert_eq!(
        with("block_count", u32::MAX),
        format!("{says}block_count = 4294967295: it is larger than any model has")
    );
    assert_eq!(
        with("block_count", 2),
        "the model has no tensor blk.1.attn_q.weight"
    );
    assert_eq!(
        with("embedding_length", 128),
        "tensor blk.0.attn_q.weight has shape [64, 64] but the metadata requires [64, 128]"
    );
    assert_eq!(
        with("feed_forward_length", 65),
        "tensor blk.0.ffn_gate.weight has shape [64, 64] but the metadata requires [65, 64]"
    );
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(
        refusal(&numbers()[1..], ""),
        "the model's metadata has no qwen3.block_count"
    );
    for tensor in [
        "token_embd.weight",
        "output_norm.weight",
        "blk.0.attn_q_norm.weight",
        "blk.0.ffn_down.weight",
    ] {
        assert_eq!(
            refusal(&numbers(), tensor),
            format!("the model has no tensor {tensor}")
        );
    }
}

#[test]
fn other_architectures_are_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("model.gguf");
    for (name, base, reason) in [
        (
            "gpt2",
            1e4_f32,
            "models of architecture \"gpt2\" are not supported",
        ),
        ("bitnet", 1e4, "this is one of the first BitNet models"),
    ] {
        let mut writer = Writer::new();
        writer
            .set("general.architecture", name)
            .set(&format!("{name}.rope.freq_base"), base);
        writer.tensor("token_embd.weight", &[4, 4], TensorKind::F32, &[0; 64]);
        writer.write(&mut fs::File::create(&file).unwrap()).unwrap();
        let error = Model::load(&file, &LoadOptions::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert!(Model::load(Path::new("/nowhere.gguf"), &LoadOptions::default()).is_err());
}

/// The reported obstacles of a file agree with what the loader rejects.
#[test]
fn the_architectures_that_are_listed_are_known() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("model.gguf");
    for (name, _) in ARCHITECTURES {
        let mut writer = Writer::new();
        writer
            .set("general.architecture", name)
            .set(&format!("{name}.rope.freq_base"), 5e5_f32);
        writer.tensor("token_embd.weight", &[4, 4], TensorKind::F32, &[0; 64]);
        writer.write(&mut fs::File::create(&file).unwrap()).unwrap();
        let error = Model::load(&file, &LoadOptions::default()).unwrap_err();
        assert!(
            !matches!(error, LoadError::Architecture { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn packed_weights_are_used_again_and_give_the_same() {
    let pool = Pool::new(1);
    for name in ["qwen3-q2_0", "qwen3-tq1_0", "bitnet-i2_s", "bitnet-packed"] {
        let place = tempfile::tempdir().unwrap();
        let panels = place.path().join("model.panels");
        let text = expected(name).prompt;
        let logits = |options: &LoadOptions| {
            let model = load(name, options);
            run(&model, &mut model.sequence(), &text, Wanted::All, &pool)
        };
        let options = LoadOptions {
            panels: Some(panels.clone()),
            ..LoadOptions::default()
        };
        let first = logits(&options);
        // A new file exists beside the old one until it takes its name, so its inode differs.
        let number = || fs::metadata(&panels).unwrap().ino();
        let written = number();
        assert!(first == logits(&options), "{name}: from the packed file");
        assert_eq!(number(), written, "{name} was packed twice");
        assert!(
            first == logits(&LoadOptions::default()),
            "{name}: packed in memory"
        );
        let other = LoadOptions {
            hash: Some([7; 32]),
            ..options.clone()
        };
        assert!(first == logits(&other), "{name}: packed again for another key");
        assert_ne!(number(), written);
    }
}

/// Whoever could exchange the packed file would answer in the model's name.
#[test]
fn packed_weights_that_were_exchanged_are_not_used() {
    let pool = Pool::new(1);
    let name = "qwen3-q2_0";
    let place = tempfile::tempdir().unwrap();
    let options = |file: &str| LoadOptions {
        panels: Some(place.path().join(file)),
        ..LoadOptions::default()
    };
    let logits = |file: &str| {
        let model = load(name, &options(file));
        run(
            &model,
            &mut model.sequence(),
            &expected(name).prompt,
            Wanted::All,
            &pool,
        )
    };
    let first = logits("a.panels");
    let packed = fs::read(place.path().join("a.panels")).unwrap();
    let digest = fs::read_to_string(place.path().join("a.panels.sha256")).unwrap();
    // Header and directory stay, the weights in between are others: every code is valid.
    let mut other = packed.clone();
    for byte in &mut other[4096..5120] {
        *byte ^= 0x55;
    }
    for (file, content, digest) in [
        ("exchanged.panels", &other, Some(&digest)),
        ("unknown.panels", &other, None),
        ("damaged.panels", &other, Some(&digest[..9].to_owned())),
        ("good.panels", &packed, Some(&digest)),
    ] {
        let path = place.path().join(file);
        fs::write(&path, content).unwrap();
        if let Some(digest) = digest {
            fs::write(path.with_added_extension("sha256"), digest).unwrap();
        }
        let before = fs::metadata(&path).unwrap().ino();
        assert!(first == logits(file), "{file}");
        let again = fs::metadata(&path).unwrap().ino() != before;
        assert_eq!(again, file != "good.panels", "{file}");
        assert!(fs::read(&path).unwrap() == packed, "{file}");
    }
    // Also when this process has seen the good one.
    fs::write(place.path().join("a.panels"), &other).unwrap();
    assert!(first == logits("a.panels"));
}

/// A folder whose tensors are split among files gives the same result as a single file.
#[test]
fn files_that_an_index_names_are_one_model() {
    let pool = Pool::new(1);
    let name = "granite-experts-safetensors";
    let whole = fs::read(path(name).join("model.safetensors")).unwrap();
    let whole = SafeTensors::deserialize(&whole).unwrap();
    let place = tempfile::tempdir().unwrap();
    let mut map = serde_json::Map::new();
    for (part, file) in ["1-of-2.safetensors", "2-of-2.safetensors"].iter().enumerate() {
        let (at, mut all) = (part * whole.len() / 2, whole.tensors());
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let end = if part == 0 { whole.len() / 2 } else { all.len() };
        let tensors = &all[at..end];
        map.extend(tensors.iter().map(|(name, _)| (name.clone(), (*file).into())));
        let tensors = tensors.iter().map(|(name, view)| (name, view));
        safetensors::serialize_to_file(tensors, None, &place.path().join(file)).unwrap();
    }
    fs::copy(path(name).join("config.json"), place.path().join("config.json")).unwrap();
    let index = serde_json::json!({ "weight_map": map }).to_string();
    fs::write(place.path().join("model.safetensors.index.json"), index).unwrap();
    let logits = |model: &Model| {
        run(
            model,
            &mut model.sequence(),
            &expected(name).prompt,
            Wanted::All,
            &pool,
        )
    };
    let divided = Model::load(place.path(), &LoadOptions::default()).unwrap();
    assert!(logits(&divided) == logits(&load(name, &LoadOptions::default())));
    fs::remove_file(place.path().join("2-of-2.safetensors")).unwrap();
    let error = Model::load(place.path(), &LoadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("2-of-2.safetensors"), "{error}");
}

#[test]
fn weights_that_cannot_be_kept_are_packed_in_memory() {
    let nowhere = Path::new("/nowhere/model.panels").to_owned();
    let options = LoadOptions {
        panels: Some(nowhere),
        ..LoadOptions::default()
    };
    assert_eq!(load("qwen3-q2_0", &options).info().layers, 2);
}

#[test]
fn steps_that_cannot_be_are_refused_and_change_nothing() {
    let pool = Pool::new(1);
    let model = load(
        "qwen3-q2_0",
        &LoadOptions {
            context: Some(40),
            ..LoadOptions::default()
        },
    );
    let mut sequence = model.sequence();
    run(&model, &mut sequence, &[1; 30], Wanted::None, &pool);
    let mut out = Vec::new();
    let mut refused = |tokens: &[u32]| {
        let step = Step {
            sequence: &mut sequence,
            tokens,
            logits: Wanted::Last,
            out: &mut out,
        };
        let error = model.forward(&mut [step], &pool).unwrap_err();
        assert_eq!(sequence.len(), 30);
        error
    };
    assert_eq!(
        refused(&[1; 11]),
        ForwardError::Context {
            length: 41,
            context: 40
        }
    );
    assert_eq!(
        refused(&[256]),
        ForwardError::Token {
            token: 256,
            vocabulary: 256
        }
    );
    let mut foreign = load("mamba2-f16", &LoadOptions::default()).sequence();
    let step = Step {
        sequence: &mut foreign,
        tokens: &[1],
        logits: Wanted::Last,
        out: &mut out,
    };
    assert_eq!(
        model.forward(&mut [step], &pool).unwrap_err(),
        ForwardError::ForeignSequence
    );
}

/// Every prefix of a model file, and the file with one byte changed, loads or is rejected; nothing panics.
#[test]
fn damaged_files_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("model.gguf");
    let whole = fs::read(path("mamba2-f16")).unwrap();
    for cut in (0..whole.len()).step_by(whole.len() / 40) {
        fs::write(&file, &whole[..cut]).unwrap();
        assert!(
            Model::load(&file, &LoadOptions::default()).is_err(),
            "cut at {cut}"
        );
    }
    for at in (0..4000).step_by(13) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&file, &damaged).unwrap();
        let _refused_or_not = Model::load(&file, &LoadOptions::default());
    }
    assert!(Model::load(&folder("nothing"), &LoadOptions::default()).is_err());
}
