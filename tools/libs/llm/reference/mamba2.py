"""Mamba-2: transformers' `mamba2`, from GGUF in F16 and Q8_0 and from safetensors."""

import json

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import Mamba2Config, Mamba2ForCausalLM

import expected
import gguf_file

# encoding, hidden, groups, heads, state
FIXTURES = {
    "mamba2-f16": ("f16", 64, 1, 4, 32),
    "mamba2-q8_0": ("q8_0", 96, 2, 6, 16),
    "mamba2-safetensors": ("safetensors", 32, 1, 4, 16),
}
VOCABULARY, LAYERS, KERNEL, EPSILON = 256, 2, 4, 1e-5


def dense(weights, name, rows, cols, gain, encoding):
    """A matrix of normal numbers, rounded to what the encoding keeps."""
    values = (gain / np.sqrt(cols) * weights.rng.standard_normal((rows, cols))).astype(np.float32)
    if encoding == "f16":
        stored = values.astype(np.float16)
        weights.tensors.append((name, (rows, cols), gguf_file.F16, stored.tobytes()))
        return torch.from_numpy(stored.astype(np.float32))
    if encoding == "q8_0":
        stored = gguf_file.quantize(values, gguf_file.Q.Q8_0)
        weights.tensors.append((name, (rows, cols), gguf_file.Q8_0, stored.tobytes()))
        return torch.from_numpy(gguf_file.dequantize(stored, gguf_file.Q.Q8_0).reshape(rows, cols))
    return torch.from_numpy(values)


def build(name, seed):
    encoding, hidden, groups, heads, size = FIXTURES[name]
    inner = 2 * hidden
    channels = inner + 2 * groups * size
    weights = gguf_file.Weights(np.random.default_rng(seed), encoding)
    state = {"backbone.embeddings.weight": dense(weights, "token_embd.weight", VOCABULARY, hidden, 2.0, encoding)}
    for n in range(LAYERS):
        here, there = f"blk.{n}.", f"backbone.layers.{n}."

        def vector(ours, theirs, shape, mean, spread, stored=lambda v: v):
            """Ours is what GGUF keeps of theirs."""
            values = (mean + spread * weights.rng.standard_normal(shape)).astype(np.float32)
            state[there + theirs] = torch.from_numpy(values)
            kept = np.ascontiguousarray(stored(values), dtype=np.float32)
            weights.tensors.append((here + ours, kept.shape, gguf_file.F32, kept.tobytes()))

        vector("attn_norm.weight", "norm.weight", hidden, 1, 0.2)
        state[there + "mixer.in_proj.weight"] = dense(
            weights, here + "ssm_in.weight", inner + channels + heads, hidden, 1.0, encoding
        )
        vector("ssm_conv1d.weight", "mixer.conv1d.weight", (channels, 1, KERNEL), 0, 0.5, lambda v: v[:, 0])
        vector("ssm_conv1d.bias", "mixer.conv1d.bias", channels, 0, 0.2)
        vector("ssm_dt.bias", "mixer.dt_bias", heads, -1, 1)
        vector("ssm_a", "mixer.A_log", heads, 0, 0.7, lambda v: -np.exp(v)[:, None])
        vector("ssm_d", "mixer.D", heads, 1, 0.3, lambda v: v[:, None])
        vector("ssm_norm.weight", "mixer.norm.weight", inner, 1, 0.2, lambda v: v.reshape(groups, -1))
        state[there + "mixer.out_proj.weight"] = dense(
            weights, here + "ssm_out.weight", hidden, inner, 3.0, encoding
        )
    state["backbone.norm_f.weight"] = torch.from_numpy(weights.vector("output_norm.weight", hidden))
    tied = encoding == "f16"
    state["lm_head.weight"] = (
        state["backbone.embeddings.weight"] if tied else dense(weights, "output.weight", VOCABULARY, hidden, 1.0, encoding)
    )
    config = Mamba2Config(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        num_hidden_layers=LAYERS,
        num_heads=heads,
        head_dim=inner // heads,
        state_size=size,
        n_groups=groups,
        conv_kernel=KERNEL,
        expand=2,
        chunk_size=32,
        layer_norm_epsilon=EPSILON,
        use_bias=False,
        use_conv_bias=True,
        tie_word_embeddings=tied,
    )
    model = Mamba2ForCausalLM(config).eval()
    model.load_state_dict(state)
    return model, config, weights, state


def generate(name, folder, seed):
    model, config, weights, state = build(name, seed)
    encoding, hidden, groups, heads, size = FIXTURES[name]
    prompt = np.random.default_rng(seed + 1).integers(0, VOCABULARY, 24).tolist()
    text, logits = expected.greedy(expected.of_transformers(model), prompt)
    if not expected.fit(prompt, text, logits):
        return False
    if encoding == "safetensors":
        save_file({k: v.contiguous() for k, v in state.items()}, folder / "model.safetensors")
        keys = [
            "vocab_size", "hidden_size", "num_hidden_layers", "num_heads", "head_dim", "state_size", "n_groups",
            "conv_kernel", "expand", "layer_norm_epsilon", "use_bias", "use_conv_bias", "tie_word_embeddings",
        ]  # fmt: skip
        text_of = {key: getattr(config, key) for key in keys} | {"model_type": "mamba2"}
        (folder / "config.json").write_text(json.dumps(text_of, indent=2) + "\n")
    else:
        metadata = {
            "general.architecture": "mamba2",
            "general.name": name,
            "mamba2.block_count": LAYERS,
            "mamba2.context_length": 1048576,
            "mamba2.embedding_length": hidden,
            "mamba2.feed_forward_length": 0,
            "mamba2.attention.head_count": 0,
            "mamba2.attention.layer_norm_rms_epsilon": EPSILON,
            "mamba2.ssm.conv_kernel": KERNEL,
            "mamba2.ssm.inner_size": 2 * hidden,
            "mamba2.ssm.state_size": size,
            "mamba2.ssm.time_step_rank": heads,
            "mamba2.ssm.group_count": groups,
        }
        gguf_file.write(folder / "model.gguf", metadata, weights.tensors)
    expected.save(folder, prompt, text, logits)
    return True
