"""Llama, Mistral and Qwen2 in the quantisations of files in the wild: transformers on the dequantised weights."""

import json

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM

import expected
import gguf_file
from granite import straight

# family, hidden, ffn, heads, kv heads, head size, tied head, encodings of matrices, and what is special
FIXTURES = {
    # As SmolLM2-135M: rows that are no blocks of 256, an embedding in Q8_0.
    "llama-q4_1": ("llama", 96, 160, 3, 1, 32, True, ["Q4_1"], ""),
    # As Llama 3.1: frequencies stretched by a tensor, a head of its own, a head size that is not hidden / heads.
    "llama-k": ("llama", 256, 256, 4, 1, 128, False, ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "F16"], "factors"),
    "llama-q4_0": ("llama", 128, 192, 4, 2, 32, True, ["Q4_0", "BF16", "F32"], "linear"),
    "llama-window": ("mistral", 64, 96, 2, 1, 32, True, ["F16"], "window"),
    "mistral-safetensors": ("mistral", 64, 96, 2, 2, 48, False, ["F32"], "window"),
    "llama-safetensors": ("llama", 64, 96, 2, 1, 32, False, ["F32"], "biases"),
    "qwen2-q5": ("qwen2", 128, 192, 4, 2, 32, False, ["Q5_0", "Q5_1", "IQ4_NL", "Q8_0"], ""),
    "qwen2-safetensors": ("qwen2", 64, 96, 2, 1, 32, True, ["F32"], ""),
}
VOCABULARY, LAYERS, BASE, EPSILON, WINDOW = 256, 2, 10000.0, 1e-5, 20
FACTORS = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
# Logits of these are off by the rounding of activations, so their greedy text needs a wider lead.
LEAD = {"qwen2-q5": 1e-2}
CLASSES = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "mistral": (MistralConfig, MistralForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
}
# Their blocks are made as they are stored: ggml's own quantiser is not in the package. Bytes of a block, and where fp16 numbers are.
BLOCKS = {"Q2_K": (84, [80, 82]), "Q3_K": (110, [108]), "Q4_K": (144, [0, 2]), "Q5_K": (176, [0, 2]), "Q6_K": (210, [208]), "IQ4_NL": (18, [0])}


def stored(rng, encoding, rows, cols, spread):
    """A random matrix as an encoding keeps it: its numbers, its type and its bytes."""
    kind = gguf_file.Q[encoding]
    if encoding not in BLOCKS:
        values = (spread * rng.standard_normal((rows, cols))).astype(np.float32)
        data = gguf_file.quantize(values, kind)
        return gguf_file.dequantize(data, kind).reshape(rows, cols).astype(np.float32), kind, data.tobytes()
    size, halves = BLOCKS[encoding]
    numbers = 32 if encoding == "IQ4_NL" else 256
    data = rng.integers(0, 256, (rows * cols // numbers, size), np.uint8)
    for scale in (1.0, None):
        # Once with scales of one, to know how wide the numbers are; then with those that make them as wide as they should be.
        if scale is None:
            wide = gguf_file.dequantize(data, kind).std()
            scale = spread / wide
        for half in halves:
            # The step of the offsets is half of the codes' range, so that numbers are about zero.
            factor = scale * (0.5 if encoding in ("Q2_K", "Q4_K", "Q5_K") and half == halves[1] else 1.0)
            column = (factor * rng.uniform(0.9, 1.1, (len(data), 1))).astype(np.float16)
            data[:, half : half + 2] = column.view(np.uint8)
    return gguf_file.dequantize(data, kind).reshape(rows, cols).astype(np.float32), kind, data.tobytes()


def build(name, seed):
    family, hidden, ffn, heads, kv, size, tied, encodings, special = FIXTURES[name]
    folder = name.endswith("safetensors")
    rng = np.random.default_rng(seed)
    state, tensors, turn = {}, [], iter(range(1000))

    def matrix(theirs, ours, rows, cols, gain=1.0, change=lambda v: v, encoding=None):
        encoding = encoding or encodings[next(turn) % len(encodings)]
        values, kind, data = stored(rng, encoding, rows, cols, gain / np.sqrt(cols))
        tensors.append((ours, (rows, cols), int(kind), data))
        state[theirs] = torch.from_numpy(np.ascontiguousarray(change(values)))

    def vector(theirs, ours, length, mean, spread, change=lambda v: v):
        values = (mean + spread * rng.standard_normal(length)).astype(np.float32)
        tensors.append((ours, (length,), gguf_file.F32, values.tobytes()))
        state[theirs] = torch.from_numpy(np.ascontiguousarray(change(values)))

    def in_file(count):
        # GGUF files of Llama have elements side by side that turn together.
        return (lambda v: straight(v.reshape(len(v), -1), count).reshape(v.shape)) if family != "qwen2" and not folder else (lambda v: v)

    ends = "Q8_0" if encodings == ["Q4_1"] else "Q6_K" if "Q6_K" in encodings else None
    matrix("model.embed_tokens.weight", "token_embd.weight", VOCABULARY, hidden, 0.5 if tied else np.sqrt(hidden), encoding=ends)
    for n in range(LAYERS):
        here, there = f"blk.{n}.", f"model.layers.{n}."
        vector(there + "input_layernorm.weight", here + "attn_norm.weight", hidden, 1, 0.2)
        for letter, rows, gain, change in [("q", heads * size, 2.0, in_file(heads)), ("k", kv * size, 2.0, in_file(kv)), ("v", kv * size, 1.0, lambda v: v)]:
            matrix(there + f"self_attn.{letter}_proj.weight", here + f"attn_{letter}.weight", rows, hidden, gain, change)
            if family == "qwen2" or special == "biases":
                vector(there + f"self_attn.{letter}_proj.bias", here + f"attn_{letter}.bias", rows, 0, 0.5, change)
        matrix(there + "self_attn.o_proj.weight", here + "attn_output.weight", hidden, heads * size, 2.0)
        if special == "biases":
            vector(there + "self_attn.o_proj.bias", here + "attn_output.bias", hidden, 0, 0.5)
        vector(there + "post_attention_layernorm.weight", here + "ffn_norm.weight", hidden, 1, 0.2)
        matrix(there + "mlp.gate_proj.weight", here + "ffn_gate.weight", ffn, hidden)
        matrix(there + "mlp.up_proj.weight", here + "ffn_up.weight", ffn, hidden)
        matrix(there + "mlp.down_proj.weight", here + "ffn_down.weight", hidden, ffn, 2.0)
    vector("model.norm.weight", "output_norm.weight", hidden, 1, 0.2)
    if tied:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    else:
        matrix("lm_head.weight", "output.weight", VOCABULARY, hidden, encoding=ends)

    rope = {"rope_type": "default"}
    prefix = "qwen2" if family == "qwen2" else "llama"
    metadata = {
        "general.architecture": prefix,
        "general.name": name,
        "general.file_type": 3,
        "general.quantization_version": 2,
        f"{prefix}.block_count": LAYERS,
        f"{prefix}.context_length": 512,
        f"{prefix}.embedding_length": hidden,
        f"{prefix}.feed_forward_length": ffn,
        f"{prefix}.attention.head_count": heads,
        f"{prefix}.attention.head_count_kv": kv,
        f"{prefix}.attention.layer_norm_rms_epsilon": EPSILON,
        f"{prefix}.rope.freq_base": BASE,
        f"{prefix}.rope.dimension_count": size,
        f"{prefix}.vocab_size": VOCABULARY,
    }
    if size != hidden // heads:
        metadata |= {f"{prefix}.attention.key_length": size, f"{prefix}.attention.value_length": size}
    more = {}
    if special == "factors":
        rope = FACTORS
    if special == "linear":
        rope = {"rope_type": "linear", "factor": 4.0}
        metadata |= {f"{prefix}.rope.scaling.type": "linear", f"{prefix}.rope.scaling.factor": 4.0}
    if special == "window":
        more["sliding_window"] = WINDOW
        metadata[f"{prefix}.attention.sliding_window"] = WINDOW
    if special == "biases":
        more["attention_bias"] = True
    config_class, model_class = CLASSES[family]
    if family != "qwen2":
        more["head_dim"] = size
    config = config_class(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=ffn,
        num_hidden_layers=LAYERS,
        num_attention_heads=heads,
        num_key_value_heads=kv,
        max_position_embeddings=512,
        rms_norm_eps=EPSILON,
        rope_parameters=rope | {"rope_theta": BASE},
        tie_word_embeddings=tied,
        attn_implementation="eager",
        **more,
    )
    model = model_class(config).eval()
    model.load_state_dict(state)
    if special == "factors":
        plain = 1.0 / BASE ** (np.arange(0, size, 2) / size)
        factors = (plain / model.model.rotary_emb.inv_freq.numpy()).astype(np.float32)
        tensors.append(("rope_freqs.weight", factors.shape, gguf_file.F32, factors.tobytes()))
    return model, config, state, metadata, tensors


def generate(name, folder, seed):
    model, config, state, metadata, tensors = build(name, seed)
    prompt = np.random.default_rng(seed + 1).integers(0, VOCABULARY, 24).tolist()
    text, logits = expected.greedy(expected.of_transformers(model), prompt)
    if not expected.fit(prompt, text, logits, LEAD.get(name, 2e-3)):
        return False
    if name.endswith("safetensors"):
        if config.tie_word_embeddings:
            state.pop("lm_head.weight")
        save_file({k: v.clone() for k, v in state.items()}, folder / "model.safetensors")
        # As the library writes it, with all that it writes.
        (folder / "config.json").write_text(json.dumps(config.to_dict(), indent=2, default=str) + "\n")
    else:
        gguf_file.write(folder / "model.gguf", metadata, tensors)
    expected.save(folder, prompt, text, logits)
    return True
