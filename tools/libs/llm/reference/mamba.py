"""Mamba: transformers' `mamba`, from GGUF in F16 and Q8_0 and from safetensors."""

import json

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import MambaConfig, MambaForCausalLM

import expected
import gguf_file
from mamba2 import dense

# encoding, hidden, states, rank of time steps
FIXTURES = {
    "mamba-f16": ("f16", 56, 16, 4),
    "mamba-q8_0": ("q8_0", 64, 8, 32),
    "mamba-safetensors": ("safetensors", 32, 16, 2),
}
VOCABULARY, LAYERS, KERNEL, EPSILON = 256, 2, 4, 1e-5


def build(name, seed):
    encoding, hidden, size, rank = FIXTURES[name]
    inner = 2 * hidden
    weights = gguf_file.Weights(np.random.default_rng(seed), encoding)
    state = {"backbone.embeddings.weight": dense(weights, "token_embd.weight", VOCABULARY, hidden, 2.0, encoding)}
    for n in range(LAYERS):
        here, there = f"blk.{n}.", f"backbone.layers.{n}."

        def matrix(ours, theirs, rows, cols, gain):
            state[there + theirs] = dense(weights, here + ours, rows, cols, gain, encoding)

        def vector(ours, theirs, shape, mean, spread, stored=lambda v: v):
            """Ours is what GGUF keeps of theirs."""
            values = (mean + spread * weights.rng.standard_normal(shape)).astype(np.float32)
            state[there + theirs] = torch.from_numpy(values)
            kept = np.ascontiguousarray(stored(values), dtype=np.float32)
            weights.tensors.append((here + ours, kept.shape, gguf_file.F32, kept.tobytes()))

        vector("attn_norm.weight", "norm.weight", hidden, 1, 0.2)
        matrix("ssm_in.weight", "mixer.in_proj.weight", 2 * inner, hidden, 1.0)
        vector("ssm_conv1d.weight", "mixer.conv1d.weight", (inner, 1, KERNEL), 0, 0.5, lambda v: v[:, 0])
        vector("ssm_conv1d.bias", "mixer.conv1d.bias", inner, 0, 0.2)
        matrix("ssm_x.weight", "mixer.x_proj.weight", rank + 2 * size, inner, 2.0)
        matrix("ssm_dt.weight", "mixer.dt_proj.weight", inner, rank, 1.0)
        vector("ssm_dt.bias", "mixer.dt_proj.bias", inner, -1, 1)
        vector("ssm_a", "mixer.A_log", (inner, size), 0, 0.7, lambda v: -np.exp(v))
        vector("ssm_d", "mixer.D", inner, 1, 0.3)
        matrix("ssm_out.weight", "mixer.out_proj.weight", hidden, inner, 3.0)
    state["backbone.norm_f.weight"] = torch.from_numpy(weights.vector("output_norm.weight", hidden))
    tied = encoding == "f16"
    state["lm_head.weight"] = (
        state["backbone.embeddings.weight"] if tied else dense(weights, "output.weight", VOCABULARY, hidden, 1.0, encoding)
    )
    config = MambaConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        num_hidden_layers=LAYERS,
        intermediate_size=inner,
        state_size=size,
        time_step_rank=rank,
        conv_kernel=KERNEL,
        expand=2,
        layer_norm_epsilon=EPSILON,
        use_bias=False,
        use_conv_bias=True,
        tie_word_embeddings=tied,
    )
    model = MambaForCausalLM(config).eval()
    model.load_state_dict(state)
    return model, config, weights, state


def generate(name, folder, seed):
    model, config, weights, state = build(name, seed)
    encoding, hidden, size, rank = FIXTURES[name]
    prompt = np.random.default_rng(seed + 1).integers(0, VOCABULARY, 24).tolist()
    text, logits = expected.greedy(expected.of_transformers(model), prompt)
    if not expected.fit(prompt, text, logits):
        return False
    if encoding == "safetensors":
        save_file({k: v.contiguous() for k, v in state.items()}, folder / "model.safetensors")
        keys = [
            "vocab_size", "hidden_size", "num_hidden_layers", "intermediate_size", "state_size", "time_step_rank",
            "conv_kernel", "expand", "layer_norm_epsilon", "use_bias", "use_conv_bias", "tie_word_embeddings",
        ]  # fmt: skip
        text_of = {key: getattr(config, key) for key in keys} | {"model_type": "mamba"}
        (folder / "config.json").write_text(json.dumps(text_of, indent=2) + "\n")
    else:
        metadata = {
            "general.architecture": "mamba",
            "general.name": name,
            "mamba.block_count": LAYERS,
            "mamba.context_length": 1048576,
            "mamba.embedding_length": hidden,
            "mamba.feed_forward_length": 0,
            "mamba.attention.head_count": 0,
            "mamba.attention.layer_norm_rms_epsilon": EPSILON,
            "mamba.ssm.conv_kernel": KERNEL,
            "mamba.ssm.inner_size": 2 * hidden,
            "mamba.ssm.state_size": size,
            "mamba.ssm.time_step_rank": rank,
            "mamba.ssm.dt_b_c_rms": False,
        }
        gguf_file.write(folder / "model.gguf", metadata, weights.tensors)
    expected.save(folder, prompt, text, logits)
    return True
