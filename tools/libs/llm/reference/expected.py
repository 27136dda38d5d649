"""Greedy text and logits of a reference model, and whether a seed is fit to be a fixture."""

import numpy as np
import torch
from safetensors.numpy import save_file

NEW = 64


def greedy(logits_of, prompt):
    """Takes the best token NEW times. `logits_of(tokens)` gives the logits at every position, without a cache."""
    tokens = list(prompt)
    for _ in range(NEW):
        tokens.append(int(np.argmax(logits_of(tokens)[-1])))
    logits = logits_of(tokens[:-1])
    return tokens[len(prompt) :], logits


def margin(logits, first):
    """The least lead of the best logit over the second, relative to the largest, from position `first` on."""
    top = np.sort(logits[first:], axis=-1)
    return float(np.min((top[:, -1] - top[:, -2]) / np.abs(logits[first:]).max(axis=-1)))


def fit(prompt, text, logits, lead=2e-3):
    return margin(logits, len(prompt) - 1) > lead and len(set(text)) >= 12


def save(folder, prompt, text, logits):
    save_file(
        {
            "prompt": np.array(prompt, np.int32),
            "greedy": np.array(text, np.int32),
            "logits": np.ascontiguousarray(logits, dtype=np.float32),
        },
        folder / "expected.safetensors",
    )


def of_transformers(model):
    """`logits_of` for a transformers causal model."""

    def run(tokens):
        with torch.no_grad():
            return model(torch.tensor([tokens]), use_cache=False).logits[0].double().numpy()

    return run
