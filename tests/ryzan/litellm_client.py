"""The service as litellm sees it, over each of the interfaces that it speaks: chat, streams, tools, embeddings.

    litellm_client.py URL
"""

import json
import os
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm
from checks import HELLO, TOOLS, expect, holds, run, unit

litellm.telemetry = False
URL = sys.argv[1]
NAMED = {"type": "function", "function": {"name": "space"}}
INTERFACES = [
    dict(model="openai/auto", api_base=f"{URL}/v1", api_key="none"),
    dict(model="ollama_chat/little", api_base=URL),
    dict(model="anthropic/auto", api_base=URL, api_key="none"),
]


def chat():
    for interface in INTERFACES:
        ask = dict(**interface, messages=HELLO, max_tokens=12, temperature=0, timeout=120, num_retries=0)
        whole = litellm.completion(**ask)
        holds("why it ended", whole.choices[0].finish_reason in ("stop", "length"), whole)
        pieces = litellm.completion(**ask, stream=True)
        text = "".join(piece.choices[0].delta.content or "" for piece in pieces)
        expect(f"{interface['model']}: streamed text", text, whole.choices[0].message.content or "")


def tools():
    for interface in INTERFACES:
        if interface["model"].startswith("ollama"):
            # There is no way to ask for a call, and a small model makes none.
            litellm.completion(**interface, messages=HELLO, max_tokens=12, tools=TOOLS)
            continue
        ask = dict(**interface, messages=HELLO, max_tokens=600, tools=TOOLS, tool_choice=NAMED, parallel_tool_calls=False)
        whole = litellm.completion(**ask)
        call = whole.choices[0].message.tool_calls[0].function
        expect("called", call.name, "space")
        expect("arguments", sorted(json.loads(call.arguments)), ["full", "pool"])
        built = litellm.stream_chunk_builder(list(litellm.completion(**ask, stream=True)))
        streamed = built.choices[0].message.tool_calls[0].function
        expect("called in a stream", streamed.name, "space")
        expect("arguments in a stream", sorted(json.loads(streamed.arguments)), ["full", "pool"])


def embeddings():
    two = litellm.embedding(model="openai/auto", input=["hello", "nas"], api_base=f"{URL}/v1", api_key="none")
    expect("embeddings", len(two.data), 2)
    unit("embeddings", two.data[0]["embedding"])
    one = litellm.embedding(model="ollama/bert", input=["hello"], api_base=URL)
    holds("the same by Ollama's interface", max(
        abs(a - b) for a, b in zip(one.data[0]["embedding"], two.data[0]["embedding"])
    ) < 1e-4, one)


if __name__ == "__main__":
    run((chat, tools, embeddings))
