"""BitNet b1.58 2B4T: transformers' `bitnet` with its own quantised layers (`autobitlinear`, offline)."""

import json

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import BitNetConfig, BitNetForCausalLM
from transformers.integrations.bitnet import AutoBitLinear, pack_weights, replace_with_bitnet_linear
from transformers.utils.quantization_config import BitNetQuantConfig

import expected
import gguf_file

# encoding, layers, hidden, ffn, heads, kv heads. Few layers where rows are long: each int8 value must keep off a rounding edge.
FIXTURES = {
    "bitnet-i2_s": ("i2_s", 2, 128, 256, 4, 2),
    "bitnet-tq1_0": ("tq1_0", 1, 256, 256, 4, 2),
    "bitnet-tq2_0": ("tq2_0", 1, 256, 256, 4, 1),
    "bitnet-packed": ("packed", 2, 128, 192, 2, 1),
}
VOCABULARY, BASE, EPSILON = 256, 500000.0, 1e-5
MATRICES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
NORMS = {
    "attn_norm": "input_layernorm",
    "attn_sub_norm": "self_attn.attn_sub_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_sub_norm": "mlp.ffn_sub_norm",
}


def build(name, seed):
    encoding, layers, hidden, ffn, heads, kv = FIXTURES[name]
    config = BitNetConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=ffn,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv,
        max_position_embeddings=512,
        rms_norm_eps=EPSILON,
        hidden_act="relu2",
        rope_parameters={"rope_type": "default", "rope_theta": BASE},
        tie_word_embeddings=True,
        attn_implementation="eager",
        bos_token_id=0,
        eos_token_id=1,
    )
    model = BitNetForCausalLM(config)
    how = BitNetQuantConfig(linear_class="autobitlinear", quantization_mode="offline", modules_to_not_convert=["lm_head"])
    replace_with_bitnet_linear(model, ["lm_head"], how)
    model = model.to_empty(device="cpu").float().eval()
    # Buffers that are computed, not loaded.
    model.model.rotary_emb.__init__(config)

    weights = Bits(np.random.default_rng(seed), encoding)
    state = {"model.embed_tokens.weight": weights.embedding(hidden)}
    sizes = {
        "attn_q": (hidden, hidden),
        "attn_k": (hidden // heads * kv, hidden),
        "attn_v": (hidden // heads * kv, hidden),
        "attn_output": (hidden, hidden),
        "ffn_gate": (ffn, hidden),
        "ffn_up": (ffn, hidden),
        "ffn_down": (hidden, ffn),
    }
    for n in range(layers):
        for ours, theirs in NORMS.items():
            size = ffn if ours == "ffn_sub_norm" else hidden
            state[f"model.layers.{n}.{theirs}.weight"] = torch.from_numpy(weights.vector(f"blk.{n}.{ours}.weight", size))
        for ours, theirs in MATRICES.items():
            signs, scale = weights.signs(f"blk.{n}.{ours}.weight", *sizes[ours])
            state[f"model.layers.{n}.{theirs}.weight"] = torch.from_numpy(signs)
            state[f"model.layers.{n}.{theirs}.weight_scale"] = torch.tensor([scale])
    state["model.norm.weight"] = torch.from_numpy(weights.vector("output_norm.weight", hidden))
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state)
    return model, config, weights, state


class Bits(gguf_file.Weights):
    """Ternary matrices with one scale each, as BitNet has them."""

    def embedding(self, hidden):
        if self.encoding != "packed":
            return torch.from_numpy(self.half("token_embd.weight", VOCABULARY, hidden, 0.3))
        values = 0.3 / np.sqrt(hidden) * self.rng.standard_normal((VOCABULARY, hidden))
        return torch.from_numpy(values).bfloat16().float()

    def signs(self, name, rows, cols):
        codes = self.rng.choice(3, size=(rows, cols), p=[0.3, 0.4, 0.3])
        scale = np.float32(np.float16(1.3 / np.sqrt(cols) * self.rng.uniform(0.8, 1.2)))
        signs = (codes - 1).astype(np.float32)
        if self.encoding == "i2_s":
            self.tensors.append((name, (rows, cols), gguf_file.I2_S, gguf_file.i2_s(codes, scale)))
        elif self.encoding != "packed":
            kind, which = {
                "tq1_0": (gguf_file.TQ1_0, gguf_file.Q.TQ1_0),
                "tq2_0": (gguf_file.TQ2_0, gguf_file.Q.TQ2_0),
            }[self.encoding]
            self.tensors.append((name, (rows, cols), kind, gguf_file.quantize(signs * scale, which).tobytes()))
        return signs, scale


def steady(model, tokens, logits):
    """Whether noise of the size of rounding errors leaves every int8 value as it is."""
    noise = torch.Generator().manual_seed(1)

    def disturb(_, inputs):
        x = inputs[0]
        return (x + 2e-7 * x.square().mean().sqrt() * torch.randn(x.shape, generator=noise),)

    hooks = [m.register_forward_pre_hook(disturb) for m in model.modules() if isinstance(m, AutoBitLinear)]
    run = expected.of_transformers(model)
    same = all(np.abs(run(tokens) - logits).max() < 1e-4 * np.abs(logits).max() for _ in range(2))
    for hook in hooks:
        hook.remove()
    return same


def generate(name, folder, seed):
    model, config, weights, state = build(name, seed)
    encoding, layers, hidden, ffn, heads, kv = FIXTURES[name]
    prompt = np.random.default_rng(seed + 1).integers(0, VOCABULARY, 24).tolist()
    text, logits = expected.greedy(expected.of_transformers(model), prompt)
    if not expected.fit(prompt, text, logits) or not steady(model, prompt + text[:-1], logits):
        return False
    if encoding == "packed":
        write_packed(folder, config, state)
    else:
        metadata = {
            "general.architecture": "bitnet-b1.58",
            "general.name": name,
            "bitnet-b1.58.block_count": layers,
            "bitnet-b1.58.context_length": 512,
            "bitnet-b1.58.embedding_length": hidden,
            "bitnet-b1.58.feed_forward_length": ffn,
            "bitnet-b1.58.attention.head_count": heads,
            "bitnet-b1.58.attention.head_count_kv": kv,
            "bitnet-b1.58.attention.layer_norm_rms_epsilon": EPSILON,
            "bitnet-b1.58.rope.freq_base": BASE,
            "bitnet-b1.58.rope.dimension_count": hidden // heads,
            "bitnet-b1.58.vocab_size": VOCABULARY,
        }
        gguf_file.write(folder / "model.gguf", metadata, weights.tensors)
    expected.save(folder, prompt, text, logits)
    return True


def write_packed(folder, config, state):
    """The form of the published checkpoint: four rows in a byte, a scale beside, the rest in bfloat16 or float32."""
    out = {}
    for name, tensor in state.items():
        if name == "lm_head.weight":
            continue
        if name + "_scale" in state:
            tensor = pack_weights(tensor.clone())
        elif name == "model.embed_tokens.weight":
            tensor = tensor.bfloat16()
        out[name] = tensor.contiguous()
    save_file(out, folder / "model.safetensors")
    keys = [
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "max_position_embeddings",
        "rms_norm_eps",
        "hidden_act",
        "tie_word_embeddings",
    ]
    text = {key: getattr(config, key) for key in keys}
    text |= {"model_type": "bitnet", "rope_theta": BASE, "torch_dtype": "bfloat16"}
    text["quantization_config"] = {"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "offline"}
    (folder / "config.json").write_text(json.dumps(text, indent=2) + "\n")
