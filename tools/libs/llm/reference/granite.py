"""Granite 4 H: transformers' `granitemoehybrid`, dense and with experts, from GGUF as `granitehybrid` and from safetensors."""

import json

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import GraniteMoeHybridConfig, GraniteMoeHybridForCausalLM

import expected
import gguf_file

# encoding, hidden, layers (m: Mamba-2, a: attention), mamba heads, expansion, groups, heads, kv heads, (experts, used, size),
# shared size, rope
FIXTURES = {
    "granite-q8_0": ("q8_0", 64, "mmam", 4, 2, 1, 4, 2, None, 96, False),
    "granite-rope-f16": ("f16", 64, "ama", 4, 2, 2, 4, 1, None, 96, True),
    "granite-experts-q8_0": ("q8_0", 64, "mam", 4, 2, 1, 2, 1, (6, 2, 32), 64, False),
    "granite-experts-k": ("k", 256, "ma", 4, 1, 1, 4, 2, (3, 2, 32), 256, False),
    "granite-experts-safetensors": ("safetensors", 32, "ama", 2, 2, 1, 2, 2, (5, 3, 32), 48, True),
}
VOCABULARY, KERNEL, STATES, EPSILON, BASE = 256, 4, 16, 1e-5, 10000.0
FACTORS = {"embedding": 6.0, "residual": 0.6, "attention": 0.2, "logits": 4.0}
# Logits of K-quants are off by the rounding of activations, so their greedy text needs a wider lead.
LEAD = {"k": 6e-3}


class Weights(gguf_file.Weights):
    """Matrices of about normal numbers, as an encoding keeps them."""

    def dense(self, name, shape, gain, kind):
        """Numbers of this shape as they are read back, and the tensor for GGUF."""
        cols = shape[-1]
        values = (gain / np.sqrt(cols) * self.rng.standard_normal(shape)).astype(np.float32)
        if kind == "f16":
            values = values.astype(np.float16)
            which, data = gguf_file.F16, values.tobytes()
        elif kind == "q8_0":
            stored = gguf_file.quantize(values, gguf_file.Q.Q8_0)
            values = gguf_file.dequantize(stored, gguf_file.Q.Q8_0).reshape(shape)
            which, data = gguf_file.Q8_0, stored.tobytes()
        elif kind in ("q4_k", "q6_k"):
            which = {"q4_k": gguf_file.Q4_K, "q6_k": gguf_file.Q6_K}[kind]
            blocks = gguf_file.k_blocks(self.rng, values.size // 256, gain / np.sqrt(cols), which)
            values = gguf_file.dequantize(blocks, gguf_file.Q(which)).reshape(shape)
            data = blocks.tobytes()
        else:
            which, data = gguf_file.F32, values.tobytes()
        self.tensors.append((name, shape, which, data))
        return values.astype(np.float32)


def straight(values, heads):
    """The rows of query or key heads as transformers has them: GGUF files have elements side by side that turn together."""
    rows, cols = values.shape
    return values.reshape(heads, rows // heads // 2, 2, cols).swapaxes(1, 2).reshape(rows, cols)


def kind_of(encoding, name, cols):
    """Which type a matrix has. The mixtures of K-quants have Q6_K for what weighs most, and Q8_0 where blocks do not fit."""
    if encoding != "k":
        return encoding
    if cols % 256:
        return "q8_0"
    return "q6_k" if name in ("token_embd", "attn_v", "ffn_down_shexp") else "q4_k"


def build(name, seed):
    encoding, hidden, kinds, mamba_heads, expand, groups, heads, kv, experts, shared, rope = FIXTURES[name]
    weights = Weights(np.random.default_rng(seed), encoding)
    inner, size = expand * hidden, hidden // heads
    channels = inner + 2 * groups * STATES
    state = {}

    def matrix(theirs, ours, shape, gain, change=lambda v: v):
        short = ours.split(".")[2] if ours.startswith("blk.") else ours.split(".")[0]
        values = weights.dense(ours, shape, gain, kind_of(encoding, short, shape[-1]))
        state[theirs] = torch.from_numpy(np.ascontiguousarray(change(values)))

    def vector(theirs, ours, shape, mean, spread, stored=lambda v: v):
        values = (mean + spread * weights.rng.standard_normal(shape)).astype(np.float32)
        state[theirs] = torch.from_numpy(values)
        kept = np.ascontiguousarray(stored(values), dtype=np.float32)
        weights.tensors.append((ours, kept.shape, gguf_file.F32, kept.tobytes()))

    matrix("model.embed_tokens.weight", "token_embd.weight", (VOCABULARY, hidden), 1.0)
    for n, kind in enumerate(kinds):
        here, there = f"blk.{n}.", f"model.layers.{n}."
        vector(there + "input_layernorm.weight", here + "attn_norm.weight", hidden, 1, 0.2)
        if kind == "m":
            mamba = there + "mamba."
            matrix(mamba + "in_proj.weight", here + "ssm_in.weight", (inner + channels + mamba_heads, hidden), 1.0)
            vector(mamba + "conv1d.weight", here + "ssm_conv1d.weight", (channels, 1, KERNEL), 0, 0.5, lambda v: v[:, 0])
            vector(mamba + "conv1d.bias", here + "ssm_conv1d.bias", channels, 0, 0.2)
            vector(mamba + "dt_bias", here + "ssm_dt.bias", mamba_heads, -1, 1)
            vector(mamba + "A_log", here + "ssm_a", mamba_heads, 0, 0.7, lambda v: -np.exp(v)[:, None])
            vector(mamba + "D", here + "ssm_d", mamba_heads, 1, 0.3, lambda v: v[:, None])
            vector(mamba + "norm.weight", here + "ssm_norm.weight", inner, 1, 0.2, lambda v: v.reshape(groups, -1))
            matrix(mamba + "out_proj.weight", here + "ssm_out.weight", (hidden, inner), 2.0)
        else:
            attention = there + "self_attn."
            in_file = straight if encoding != "safetensors" else lambda v, _: v
            matrix(attention + "q_proj.weight", here + "attn_q.weight", (hidden, hidden), 2.0, lambda v: in_file(v, heads))
            matrix(attention + "k_proj.weight", here + "attn_k.weight", (kv * size, hidden), 2.0, lambda v: in_file(v, kv))
            matrix(attention + "v_proj.weight", here + "attn_v.weight", (kv * size, hidden), 1.0)
            matrix(attention + "o_proj.weight", here + "attn_output.weight", (hidden, hidden), 2.0)
        vector(there + "post_attention_layernorm.weight", here + "ffn_norm.weight", hidden, 1, 0.2)
        ending = ""
        if experts:
            count, _, inside = experts
            moe = there + "block_sparse_moe."
            vector(moe + "router.weight", here + "ffn_gate_inp.weight", (count, hidden), 0, 2 / np.sqrt(hidden))
            matrix("gate", here + "ffn_gate_exps.weight", (count, inside, hidden), 1.0)
            matrix("up", here + "ffn_up_exps.weight", (count, inside, hidden), 1.0)
            matrix(moe + "experts.down_proj", here + "ffn_down_exps.weight", (count, hidden, inside), 2.0)
            state[moe + "experts.gate_up_proj"] = torch.cat([state.pop("gate"), state.pop("up")], 1)
            ending = "_shexp"
        matrix("gate", here + f"ffn_gate{ending}.weight", (shared, hidden), 1.0)
        matrix("up", here + f"ffn_up{ending}.weight", (shared, hidden), 1.0)
        matrix(there + "shared_mlp.output_linear.weight", here + f"ffn_down{ending}.weight", (hidden, shared), 2.0)
        state[there + "shared_mlp.input_linear.weight"] = torch.cat([state.pop("gate"), state.pop("up")], 0)
    state["model.norm.weight"] = torch.from_numpy(weights.vector("output_norm.weight", hidden))
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    config = GraniteMoeHybridConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=experts[2] if experts else shared,
        shared_intermediate_size=shared,
        num_hidden_layers=len(kinds),
        layer_types=["linear_attention" if kind == "m" else "full_attention" for kind in kinds],
        num_attention_heads=heads,
        num_key_value_heads=kv,
        max_position_embeddings=512,
        rms_norm_eps=EPSILON,
        position_embedding_type="rope" if rope else None,
        rope_parameters={"rope_type": "default", "rope_theta": BASE},
        embedding_multiplier=FACTORS["embedding"],
        residual_multiplier=FACTORS["residual"],
        attention_multiplier=FACTORS["attention"],
        logits_scaling=FACTORS["logits"],
        num_local_experts=experts[0] if experts else 0,
        num_experts_per_tok=experts[1] if experts else 0,
        mamba_n_heads=mamba_heads,
        mamba_d_head=inner // mamba_heads,
        mamba_n_groups=groups,
        mamba_d_state=STATES,
        mamba_d_conv=KERNEL,
        mamba_expand=expand,
        mamba_chunk_size=32,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=1,
        attn_implementation="eager",
    )
    model = GraniteMoeHybridForCausalLM(config).eval()
    model.load_state_dict(state)
    return model, config, weights


def generate(name, folder, seed):
    model, config, weights = build(name, seed)
    encoding = FIXTURES[name][0]
    prompt = np.random.default_rng(seed + 1).integers(0, VOCABULARY, 24).tolist()
    text, logits = expected.greedy(expected.of_transformers(model), prompt)
    if not expected.fit(prompt, text, logits, LEAD.get(encoding, 2e-3)):
        return False
    if encoding == "safetensors":
        write_safetensors(folder, model, config)
    else:
        gguf_file.write(folder / "model.gguf", metadata(name, config), weights.tensors)
    expected.save(folder, prompt, text, logits)
    return True


def metadata(name, config):
    """The keys that llama.cpp's converter writes."""
    keys = {
        "block_count": config.num_hidden_layers,
        "context_length": 1048576,
        "embedding_length": config.hidden_size,
        "feed_forward_length": config.intermediate_size,
        "attention.head_count": config.num_attention_heads,
        "attention.head_count_kv": [
            config.num_key_value_heads if kind == "full_attention" else 0 for kind in config.layer_types
        ],
        "attention.layer_norm_rms_epsilon": EPSILON,
        "attention.scale": FACTORS["attention"],
        "embedding_scale": FACTORS["embedding"],
        "residual_scale": FACTORS["residual"],
        "logit_scale": FACTORS["logits"],
        "expert_count": config.num_local_experts,
        "expert_used_count": config.num_experts_per_tok,
        "expert_shared_feed_forward_length": config.shared_intermediate_size,
        "vocab_size": VOCABULARY,
        "rope.dimension_count": config.hidden_size // config.num_attention_heads,
        "rope.freq_base": BASE,
        "rope.scaling.finetuned": config.position_embedding_type == "rope",
        "ssm.conv_kernel": KERNEL,
        "ssm.state_size": STATES,
        "ssm.group_count": config.mamba_n_groups,
        "ssm.inner_size": config.mamba_expand * config.hidden_size,
        "ssm.time_step_rank": config.mamba_n_heads,
    }
    return {"general.architecture": "granitehybrid", "general.name": name} | {
        f"granitehybrid.{key}": value for key, value in keys.items()
    }


def write_safetensors(folder, model, config):
    """The tensor names and the keys of the published checkpoints."""
    names = {
        "experts.gate_up_proj": "input_linear.weight",
        "experts.down_proj": "output_linear.weight",
        "router.weight": "router.layer.weight",
    }
    out = {}
    for name, tensor in model.state_dict().items():
        for ours, theirs in names.items():
            name = name.replace("block_sparse_moe." + ours, "block_sparse_moe." + theirs)
        if name != "lm_head.weight":
            out[name] = tensor.contiguous()
    save_file(out, folder / "model.safetensors")
    keys = [
        "vocab_size", "hidden_size", "intermediate_size", "shared_intermediate_size", "num_hidden_layers",
        "num_attention_heads", "num_key_value_heads", "max_position_embeddings", "rms_norm_eps", "hidden_act",
        "position_embedding_type", "embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling",
        "num_local_experts", "num_experts_per_tok", "mamba_n_heads", "mamba_d_head", "mamba_n_groups", "mamba_d_state",
        "mamba_d_conv", "mamba_expand", "mamba_conv_bias", "mamba_proj_bias", "attention_bias", "tie_word_embeddings",
    ]  # fmt: skip
    text = {key: getattr(config, key) for key in keys}
    text |= {"model_type": "granitemoehybrid", "rope_theta": BASE}
    text["layer_types"] = ["attention" if kind == "full_attention" else "mamba" for kind in config.layer_types]
    (folder / "config.json").write_text(json.dumps(text, indent=2) + "\n")
