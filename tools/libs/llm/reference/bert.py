"""Sentence embeddings: transformers' `bert`, the mean over tokens, and length one, as MiniLM is used by sentence-transformers."""

import json

import numpy as np
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_model
from transformers import BertConfig, BertModel

FIXTURES = {"bert": (64, 2, 4, 128)}
VOCABULARY, POSITIONS = 256, 64


def generate(name, folder, seed):
    hidden, layers, heads, inner = FIXTURES[name]
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=POSITIONS,
        hidden_act="gelu",
        initializer_range=0.3,
        attn_implementation="eager",
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter += 0.2 * torch.randn_like(parameter)
    rng = np.random.default_rng(seed)
    expected = {}
    for n, length in enumerate([1, 7, 33, 64]):
        tokens = rng.integers(0, VOCABULARY, length).tolist()
        with torch.no_grad():
            rows = model(torch.tensor([tokens])).last_hidden_state[0]
        mean = rows.mean(0)
        expected[f"tokens.{n}"] = np.array(tokens, np.int32)
        expected[f"embedding.{n}"] = (mean / mean.norm()).numpy()
    state = {k: v.contiguous() for k, v in model.state_dict().items() if "position_ids" not in k}
    save_model(state, folder / "model.safetensors")
    keys = [
        "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
        "max_position_embeddings", "type_vocab_size", "layer_norm_eps", "hidden_act",
    ]  # fmt: skip
    text = {key: getattr(config, key) for key in keys} | {"model_type": "bert"}
    (folder / "config.json").write_text(json.dumps(text, indent=2) + "\n")
    save_file(expected, folder / "expected.safetensors")
    return True
