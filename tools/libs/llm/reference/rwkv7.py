"""RWKV-7: the `rwkv` package, from GGUF in F16 and Q8_0 and from safetensors under the names of the published files."""

import os
import tempfile
from pathlib import Path

os.environ["RWKV_V7_ON"] = "1"
os.environ["RWKV_JIT_ON"] = "0"
os.environ["RWKV_CUDA_ON"] = "0"

import numpy as np
import torch
from rwkv.model import RWKV
from safetensors.torch import save_file

import expected
import gguf_file
from mamba2 import dense

# encoding, hidden, head size
FIXTURES = {
    "rwkv7-f16": ("f16", 64, 32),
    "rwkv7-q8_0": ("q8_0", 64, 64),
    "rwkv7-safetensors": ("safetensors", 32, 16),
}
VOCABULARY, LAYERS = 256, 2
RANKS = {"w": 32, "a": 32, "v": 32, "g": 64}


def build(name, seed):
    encoding, hidden, size = FIXTURES[name]
    weights = gguf_file.Weights(np.random.default_rng(seed), encoding)
    rng, state = weights.rng, {}

    def matrix(ours, theirs, rows, cols, gain=1.0, turned=False):
        values = dense(weights, ours, rows, cols, gain, encoding)
        state[theirs] = values.t().contiguous() if turned else values

    def vector(ours, theirs, mean, spread, shape=(hidden,)):
        values = (mean + spread * rng.standard_normal(shape)).astype(np.float32)
        state[theirs] = torch.from_numpy(values)
        if ours:
            flat = values.reshape(-1)
            weights.tensors.append((ours, flat.shape, gguf_file.F32, flat.tobytes()))
        return values

    def norm(ours, theirs):
        vector(ours + ".weight", theirs + ".weight", 1, 0.2)
        vector(ours + ".bias", theirs + ".bias", 0, 0.1)

    matrix("token_embd.weight", "emb.weight", VOCABULARY, hidden, 1.0)
    norm("token_embd_norm", "blocks.0.ln0")
    for n in range(LAYERS):
        here, there = f"blk.{n}.", f"blocks.{n}."
        norm(here + "attn_norm", there + "ln1")
        norm(here + "attn_norm_2", there + "ln2")
        mixed = [vector(None, there + f"att.x_{c}", 0.5, 0.2, (1, 1, hidden)) for c in "rwkvag"]
        mixed = np.stack(mixed).reshape(6, 1, 1, hidden)
        weights.tensors.append((here + "time_mix_lerp_fused.weight", mixed.shape, gguf_file.F32, mixed.tobytes()))
        for c, rank in RANKS.items():
            if c == "v" and n == 0:
                continue
            if c != "g":
                vector(here + f"time_mix_{c}0.weight", there + f"att.{c}0", 0, 0.5, (1, 1, hidden))
            matrix(here + f"time_mix_{c}1.weight", there + f"att.{c}1", rank, hidden, 1.0, turned=True)
            matrix(here + f"time_mix_{c}2.weight", there + f"att.{c}2", hidden, rank, 1.0, turned=True)
        vector(here + "time_mix_k_k.weight", there + "att.k_k", 0.8, 0.2, (1, 1, hidden))
        vector(here + "time_mix_k_a.weight", there + "att.k_a", 1.0, 0.2, (1, 1, hidden))
        vector(here + "time_mix_r_k.weight", there + "att.r_k", 0.0, 0.3, (hidden // size, size))
        for ours, theirs in [("receptance", "receptance"), ("key", "key"), ("value", "value"), ("output", "output")]:
            matrix(here + f"time_mix_{ours}.weight", there + f"att.{theirs}.weight", hidden, hidden)
        norm(here + "time_mix_ln", there + "att.ln_x")
        vector(here + "channel_mix_lerp_k.weight", there + "ffn.x_k", 0.5, 0.2, (1, 1, hidden))
        matrix(here + "channel_mix_key.weight", there + "ffn.key.weight", 4 * hidden, hidden)
        matrix(here + "channel_mix_value.weight", there + "ffn.value.weight", hidden, 4 * hidden)
    norm("output_norm", "ln_out")
    matrix("output.weight", "head.weight", VOCABULARY, hidden)
    return state, weights


def generate(name, folder, seed):
    encoding, hidden, size = FIXTURES[name]
    state, weights = build(name, seed)
    with tempfile.TemporaryDirectory() as place:
        # The package looks for these of the first layer too, and ignores them.
        ignored = {f"blocks.0.att.v{i}": torch.zeros(1) for i in range(3)}
        torch.save(state | ignored, Path(place) / "model.pth")
        model = RWKV(model=str(Path(place) / "model"), strategy="cpu fp32")

    def logits_of(tokens):
        logits, _ = model.forward([int(t) for t in tokens], None, full_output=True)
        return logits.double().numpy()

    prompt = np.random.default_rng(seed + 1).integers(0, VOCABULARY, 24).tolist()
    text, logits = expected.greedy(logits_of, prompt)
    if not expected.fit(prompt, text, logits):
        return False
    if encoding == "safetensors":
        save_file({k: v.contiguous() for k, v in state.items()}, folder / "model.safetensors")
    else:
        metadata = {
            "general.architecture": "rwkv7",
            "general.name": name,
            "rwkv7.block_count": LAYERS,
            "rwkv7.context_length": 1048576,
            "rwkv7.embedding_length": hidden,
            "rwkv7.feed_forward_length": 4 * hidden,
            "rwkv7.attention.head_count": 0,
            "rwkv7.attention.layer_norm_epsilon": 1e-5,
            "rwkv7.attention.decay_lora_rank": RANKS["w"],
            "rwkv7.attention.iclr_lora_rank": RANKS["a"],
            "rwkv7.attention.value_residual_mix_lora_rank": RANKS["v"],
            "rwkv7.attention.gate_lora_rank": RANKS["g"],
            "rwkv7.wkv.head_size": size,
        }
        gguf_file.write(folder / "model.gguf", metadata, weights.tensors)
    expected.save(folder, prompt, text, logits)
    return True
