"""Qwen3 with ternary weights: transformers' `qwen3` on the dequantised weights."""

import numpy as np
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

import expected
import gguf_file

# encoding, hidden, ffn, heads, kv heads, head size, tied head
FIXTURES = {
    "qwen3-q2_0": ("q2_0", 128, 192, 4, 2, 64, True),
    "qwen3-pq2_0": ("pq2_0", 128, 256, 4, 1, 64, False),
    "qwen3-tq1_0": ("tq1_0", 256, 256, 4, 4, 64, True),
    "qwen3-tq2_0": ("tq2_0", 256, 256, 8, 2, 32, False),
    "qwen3-yarn": ("q2_0", 128, 192, 2, 1, 64, True),
}
VOCABULARY, LAYERS, BASE = 256, 2, 10000.0


def build(name, seed):
    encoding, hidden, ffn, heads, kv, size, tied = FIXTURES[name]
    weights = gguf_file.Weights(np.random.default_rng(seed), encoding)
    state = {}

    def put(target, values):
        state[target] = torch.from_numpy(values)

    put("model.embed_tokens.weight", weights.matrix("token_embd.weight", VOCABULARY, hidden, 0.5))
    for n in range(LAYERS):
        here, there = f"blk.{n}.", f"model.layers.{n}."
        put(there + "input_layernorm.weight", weights.vector(here + "attn_norm.weight", hidden))
        put(there + "self_attn.q_proj.weight", weights.matrix(here + "attn_q.weight", heads * size, hidden))
        put(there + "self_attn.k_proj.weight", weights.matrix(here + "attn_k.weight", kv * size, hidden))
        put(there + "self_attn.v_proj.weight", weights.matrix(here + "attn_v.weight", kv * size, hidden))
        put(there + "self_attn.o_proj.weight", weights.matrix(here + "attn_output.weight", hidden, heads * size, 2.0))
        put(there + "self_attn.q_norm.weight", weights.vector(here + "attn_q_norm.weight", size))
        put(there + "self_attn.k_norm.weight", weights.vector(here + "attn_k_norm.weight", size))
        put(there + "post_attention_layernorm.weight", weights.vector(here + "ffn_norm.weight", hidden))
        put(there + "mlp.gate_proj.weight", weights.matrix(here + "ffn_gate.weight", ffn, hidden))
        put(there + "mlp.up_proj.weight", weights.matrix(here + "ffn_up.weight", ffn, hidden))
        put(there + "mlp.down_proj.weight", weights.matrix(here + "ffn_down.weight", hidden, ffn, 2.0))
    put("model.norm.weight", weights.vector("output_norm.weight", hidden))
    if tied:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    else:
        put("lm_head.weight", weights.matrix("output.weight", VOCABULARY, hidden))

    rope = {"rope_type": "default", "rope_theta": BASE}
    metadata = {
        "general.architecture": "qwen3",
        "general.name": name,
        "qwen3.block_count": LAYERS,
        "qwen3.context_length": 512,
        "qwen3.embedding_length": hidden,
        "qwen3.feed_forward_length": ffn,
        "qwen3.attention.head_count": heads,
        "qwen3.attention.head_count_kv": kv,
        "qwen3.attention.key_length": size,
        "qwen3.attention.value_length": size,
        "qwen3.attention.layer_norm_rms_epsilon": 1e-6,
        "qwen3.rope.freq_base": BASE,
        "tokenizer.ggml.tokens": [f"<{i}>" for i in range(VOCABULARY)],
    }
    if name == "qwen3-yarn":
        rope = {"rope_type": "yarn", "rope_theta": BASE, "factor": 4.0, "original_max_position_embeddings": 64}
        metadata |= {
            "qwen3.rope.scaling.type": "yarn",
            "qwen3.rope.scaling.factor": 4.0,
            "qwen3.rope.scaling.original_context_length": 64,
        }
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=ffn,
        num_hidden_layers=LAYERS,
        num_attention_heads=heads,
        num_key_value_heads=kv,
        head_dim=size,
        max_position_embeddings=512,
        rms_norm_eps=1e-6,
        rope_parameters=rope,
        tie_word_embeddings=tied,
        attn_implementation="eager",
    )
    model = Qwen3ForCausalLM(config).eval()
    model.load_state_dict(state)
    return model, metadata, weights.tensors


def generate(name, folder, seed):
    model, metadata, tensors = build(name, seed)
    prompt = np.random.default_rng(seed + 1).integers(0, VOCABULARY, 24).tolist()
    text, logits = expected.greedy(expected.of_transformers(model), prompt)
    if not expected.fit(prompt, text, logits):
        return False
    gguf_file.write(folder / "model.gguf", metadata, tensors)
    expected.save(folder, prompt, text, logits)
    return True
