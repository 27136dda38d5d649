"""Writes the expected outputs of the tokenizer and template tests. See README.md."""

import collections
import importlib.util
import json
import pathlib
import random
import tempfile

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.utils.chat_template_utils import render_jinja_template

HERE = pathlib.Path(__file__).parent
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
         r"|\s+(?!\S)|\s+")
QWEN = LLAMA.replace(r"\p{N}{1,3}", r"\p{N}")

WORDS = ("the pool is degraded and the disk ada3 must be replaced before the next scrub 12 345 6789 snapshot of dataset tank/home "
         "created at 03:15 error: checksum mismatch in block 0x7f2a don't you'll we've I'm it's SHE'S naïve café größe Ελλάδα Москва "
         "привет мир 世界 你好 データ 한국어 ZFS NFS Samba WireGuard {\"name\": \"list\", \"arguments\": {\"path\": \"/srv\"}} "
         "    if x == 1:\n        return True\n\n\tend  of   line    \r\n").split(" ")


def corpus(seed):
    chance = random.Random(seed)
    return [" ".join(chance.choice(WORDS) for _ in range(chance.randrange(3, 30))) for _ in range(2000)]


TEXTS = [
    "", " ", "  ", "a", " a", "a ", "Hello world", "the pool is degraded", "  two spaces", "three   in   between", "tab\tand\nline\r\nend",
    "\n\n\n", " \n \n", "trailing   ", "1", "12", "123", "1234", "12345 678 9", "3.14159", "don't DON'T you'll I'M it's we've",
    "caf\u00e9 cafe\u0301 na\u00efve", "\u00c5ngstr\u00f6m A\u030angstro\u0308m", "Ελλάδα Москва", "世界你好", "データ ベース", "한국어", "مرحبا بالعالم",
    "😀 👨‍👩‍👧‍👦 🏳️‍🌈", "a\u200bb\u00a0c\u3000d", "x\ufeffy", "\u0000\u0001\u007f", "{\"name\": \"list\", \"arguments\": {\"path\": \"/srv\"}}",
    "if x == 1:\n        return True\n", "!!! ??? ...", "a,b;c:d", "$100 + 50% = £75", "___init___ --flag -x", "http://nas.local:8100/v1?x=1&y=2",
    "①②③ ½ Ⅷ ७८९", "ǅ ﬁ ﬀ ß ẞ İ ı", "\u0327a\u0301", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 🤷🏽", "end<", "<|", "<|im_end|", "snapshot of dataset tank/home created at 03:15",
    "🙂" * 3, "e\u0301" * 3, "\u202eabc", "naïve café größe",
]


def texts(specials, seed):
    """The fixed texts, some with special tokens in them, and random ones."""
    chance = random.Random(seed)
    found = list(TEXTS)
    for special in specials:
        found += [special, f"a{special}b", f" {special} ", f"{special}{special}", f"x {special}\n y", special[:-1], special.upper()]
    letters = "ab zé世\n\t 1239'.!<|>😀\u0301" + "".join(specials)
    for _ in range(150):
        parts = [chance.choice([*specials, " ", *WORDS, *letters]) for _ in range(chance.randrange(1, 12))]
        found.append("".join(parts))
    return found


def byte_level(name, words, compose, whole, specials, size, frame=None):
    """A byte-pair vocabulary, as tokenizer.json and as GGUF keys."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=whole))
    if compose:
        tokenizer.normalizer = normalizers.NFC()
    splits = [pre_tokenizers.Split(Regex(w), "isolated") for w in words]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(corpus(size), trainer)
    trained = json.loads(tokenizer.to_str())["model"]
    tokens = [t for t, _ in sorted(trained["vocab"].items(), key=lambda e: e[1])]
    types = [NORMAL] * len(tokens)
    for text, control in specials:
        tokenizer.add_tokens([AddedToken(text, special=control, normalized=False)])
        tokens.append(text)
        types.append(CONTROL if control else USER)
    if frame:
        begin = tokenizer.token_to_id(frame)
        tokenizer.post_processor = processors.TemplateProcessing(single=f"{frame} $A", special_tokens=[(frame, begin)])
    merges = [m if isinstance(m, str) else " ".join(m) for m in trained["merges"]]
    ids = {t: i for i, t in enumerate(tokens)}
    vocabulary = {"model": "gpt2", "pre": name, "tokens": tokens, "types": types, "merges": merges,
                  "eos": ids[[t for t, c in specials if c][-1]]}
    if frame:
        vocabulary["bos"] = ids[frame]
    return {"vocabulary": vocabulary, "tokenizer_json": json.loads(tokenizer.to_str()), **cases(tokenizer, [s for s, _ in specials], size)}


def cases(tokenizer, specials, seed):
    encoded = []
    for text in texts(specials, seed):
        tokenizer.encode_special_tokens = False
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        framed = tokenizer.encode(text).ids
        tokenizer.encode_special_tokens = True
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        encoded.append({"text": text, "ids": ids, "plain": plain, "framed": framed})
    chance = random.Random(seed + 1)
    decoded = []
    for _ in range(150):
        ids = [chance.randrange(tokenizer.get_vocab_size()) for _ in range(chance.randrange(1, 12))]
        decoded.append({"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=True),
                        "written": tokenizer.decode(ids, skip_special_tokens=False)})
    return {"encoded": encoded, "decoded": decoded}


def word_pieces():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    # The library's trainer breaks ties by chance.
    counts = collections.Counter()
    for line in corpus(7):
        counts.update(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(line)))
    words = [word for word, _ in sorted(counts.items(), key=lambda e: (-e[1], e[0]))]
    letters = sorted({c for word in words for c in word} - {"z"})
    ends = sorted({"##" + word[-n:] for word in words[:60] for n in (2, 3) if len(word) > n})
    pieces = dict.fromkeys([*specials, *letters, *("##" + c for c in letters), *ends, *words[::2]])
    vocab = {piece: number for number, piece in enumerate(pieces)}
    tokenizer.model = models.WordPiece(vocab, unk_token="[UNK]")
    tokenizer.add_special_tokens(specials)
    pair = [("[CLS]", tokenizer.token_to_id("[CLS]")), ("[SEP]", tokenizer.token_to_id("[SEP]"))]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=pair)
    described = json.loads(tokenizer.to_str())
    vocab = sorted(described["model"]["vocab"].items(), key=lambda e: e[1])
    # As the converter of llama.cpp writes them.
    tokens = [t if t in specials else t[2:] if t.startswith("##") else "\u2581" + t for t, _ in vocab]
    types = [UNKNOWN if t == "[UNK]" else CONTROL if t in specials else NORMAL for t in tokens]
    vocabulary = {"model": "bert", "tokens": tokens, "types": types, "unknown": 1, "cls": 2, "separator": 3, "padding": 0}
    result = cases(tokenizer, ["[MASK]", "[SEP]"], 7)
    # Joining word pieces to a text again is not what embedding models are asked for.
    return {"vocabulary": vocabulary, "tokenizer_json": described, "encoded": result["encoded"], "decoded": []}


def sentence_pieces():
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "corpus")
        source.write_text("\n".join(line.replace("\n", " ").replace("\r", " ") for line in corpus(8)))
        sentencepiece.SentencePieceTrainer.train(
            input=str(source), model_prefix=str(pathlib.Path(folder, "m")), vocab_size=700, model_type="bpe", byte_fallback=True,
            normalization_rule_name="identity", remove_extra_whitespaces=False, character_coverage=0.995, minloglevel=2,
            allow_whitespace_only_pieces=True, split_digits=True)
        spm = sentencepiece.SentencePieceProcessor(model_file=str(pathlib.Path(folder, "m.model")))
    count = spm.get_piece_size()
    types = [CONTROL if spm.is_control(i) else UNKNOWN if spm.is_unknown(i) else BYTE if spm.is_byte(i) else NORMAL for i in range(count)]
    vocabulary = {"model": "llama", "tokens": [spm.id_to_piece(i) for i in range(count)], "scores": [spm.get_score(i) for i in range(count)],
                  "types": types, "bos": spm.bos_id(), "eos": spm.eos_id(), "unknown": spm.unk_id()}
    encoded = []
    for text in texts([], 8):
        # The library ends a text at a zero byte.
        if "\0" not in text:
            ids = spm.encode(text)
            encoded.append({"text": text, "ids": ids, "plain": ids, "framed": [spm.bos_id(), *ids]})
    decoded = [{"ids": e["ids"], "text": spm.decode(e["ids"]), "written": spm.decode(e["ids"])} for e in encoded]
    return {"vocabulary": vocabulary, "encoded": encoded, "decoded": decoded}


def world():
    # The module alone: the package wants a deep-learning library.
    place = importlib.util.find_spec("rwkv").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("rwkv_tokenizer", pathlib.Path(place, "rwkv_tokenizer.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    chance = random.Random(9)
    words = {bytes([b]) for b in range(256)}
    for line in corpus(9):
        data = line.encode()
        for _ in range(4):
            start = chance.randrange(len(data))
            words.add(data[start:start + chance.randrange(2, 9)])
            if len(words) >= 900:
                break
    entries = sorted(words)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "vocabulary")
        path.write_text("".join(f"{i + 1} {e!r} {len(e)}\n" for i, e in enumerate(entries)))
        tokenizer = module.TRIE_TOKENIZER(str(path))
    # As the converter of llama.cpp writes them.
    tokens = ["<s>", *[repr(e)[2:-1] for e in entries]]
    vocabulary = {"model": "rwkv", "tokens": tokens, "types": [CONTROL] + [NORMAL] * len(entries), "eos": 0}
    encoded = []
    for text in texts([], 9):
        ids = tokenizer.encode(text)
        encoded.append({"text": text, "ids": ids, "plain": ids, "framed": ids})
    decoded = []
    for _ in range(150):
        ids = [chance.randrange(1, len(tokens)) for _ in range(chance.randrange(1, 12))]
        text = b"".join(entries[i - 1] for i in ids).decode("utf-8", errors="replace")
        decoded.append({"ids": ids, "text": text, "written": text})
    return {"vocabulary": vocabulary, "encoded": encoded, "decoded": decoded}


TOOLS = [
    {"type": "function", "function": {"name": "list_datasets", "description": "Lists \"datasets\" of a pool <fast>, größte zuerst & 'so'",
     "parameters": {"type": "object", "properties": {"pool": {"type": "string"}, "depth": {"type": "integer", "default": 1}, "ratio": {"type": "number", "default": 0.5, "maximum": 1e20}},
                    "required": ["pool"], "additionalProperties": False}}},
    {"type": "function", "function": {"name": "noop", "description": "", "parameters": {"type": "object", "properties": {}}, "strict": None}},
]

CALL = {"id": "c1", "type": "function", "function": {"name": "list_datasets", "arguments": {"pool": "tank", "depth": 2, "all": True, "x": None, "r": 1.0}}}
TEXT_CALL = {"id": "c2", "type": "function", "function": {"name": "noop", "arguments": "{\"a\": 1}"}}

CONVERSATIONS = {
    "one": [{"role": "user", "content": "Hello"}],
    "system": [{"role": "system", "content": "Be brief.\n"}, {"role": "user", "content": "  What is a pool?  "}],
    "turns": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nb"}, {"role": "user", "content": "c é 😀 <|im_end|>"},
              {"role": "assistant", "content": "d"}, {"role": "user", "content": "e"}],
    "tools": [{"role": "system", "content": "You have tools."}, {"role": "user", "content": "list"},
              {"role": "assistant", "content": None, "tool_calls": [CALL, TEXT_CALL]},
              {"role": "tool", "name": "list_datasets", "tool_call_id": "c1", "content": "[\"tank/home\"]"}, {"role": "tool", "tool_call_id": "c2", "content": "ok"},
              {"role": "assistant", "content": "There is one."}, {"role": "user", "content": "thanks"}],
    "parts": [{"role": "user", "content": [{"type": "text", "text": "look at "}, {"type": "text", "text": "this"}]}],
    "reasoning": [{"role": "user", "content": "2+2"}, {"role": "assistant", "content": "4", "reasoning_content": "easy\n"}],
    "alternation": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    "none": [],
}


def templates():
    import datetime

    results = []
    for path in sorted(HERE.glob("templates/*.jinja")):
        source = path.read_text()
        for name, messages in CONVERSATIONS.items():
            for tools in [None, TOOLS]:
                for prompt in [False, True]:
                    for variables in [{}, {"enable_thinking": False, "date_string": "1 Jan 2027"}]:
                        given = dict(bos_token="<s>", eos_token="</s>", **variables)
                        case = {"template": path.name, "conversation": name, "tools": tools is not None, "prompt": prompt, "variables": variables}
                        try:
                            out = render_jinja_template([messages], tools=tools, chat_template=source, add_generation_prompt=prompt, **given)
                            case["text"] = out[0][0] if isinstance(out, tuple) else out[0]
                        except Exception as error:  # What the template refuses, it must refuse here too.
                            case["error"] = str(error)
                        results.append(case)
    today = datetime.datetime.now().strftime("%d %b %Y")
    for case in results:
        if "text" in case:
            case["text"] = case["text"].replace(today, "{today}")
    return {"tools": TOOLS, "conversations": CONVERSATIONS, "cases": results}


def main():
    chat = [("<|endoftext|>", True), ("<tool_call>", False), ("</tool_call>", False), ("<|im_start|>", True), ("<|im_end|>", True)]
    llama = [("<|begin_of_text|>", True), ("<|end_of_text|>", True), ("<|eot_id|>", True)]
    outputs = {
        "qwen2": byte_level("qwen2", [QWEN], True, False, chat, 700),
        "llama-bpe": byte_level("llama-bpe", [LLAMA], False, True, llama, 650, frame="<|begin_of_text|>"),
        "gpt-2": byte_level("gpt-2", [GPT2], False, False, [("<|endoftext|>", True)], 500),
        "dbrx": byte_level("dbrx", [LLAMA], False, False, llama, 550),
        "refact": byte_level("refact", [r"\p{N}", GPT2], False, False, [("<|end_of_text|>", True)], 520),
        "word-pieces": word_pieces(),
        "sentence-pieces": sentence_pieces(),
        "world": world(),
    }
    for name, output in outputs.items():
        lines = [f'{json.dumps(key)}: ' + ("[\n" + ",\n".join(json.dumps(c) for c in value) + "\n]" if isinstance(value, list) else json.dumps(value))
                 for key, value in output.items()]
        (HERE / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    rendered = templates()
    cases_text = ",\n".join(json.dumps(c) for c in rendered.pop("cases"))
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in rendered.items()]
    (HERE / "templates.json").write_text("{\n" + ",\n".join(lines) + ',\n"cases": [\n' + cases_text + "\n]\n}\n")


if __name__ == "__main__":
    main()
