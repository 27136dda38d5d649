"""The service as LangChain sees it: chat, streams, tools, types, embeddings.

    langchain_client.py URL
"""

import sys
from typing import Literal

import pydantic
from checks import HELLO, TOOLS, expect, holds, run, unit
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

COMMON = dict(base_url=f"{sys.argv[1]}/v1", api_key="none", model="auto", max_retries=0, timeout=120)


class Pool(pydantic.BaseModel):
    """The state of a pool."""

    full: bool
    pool: Literal["tank", "fast"]


def chat():
    model = ChatOpenAI(**COMMON, max_tokens=12, seed=5, reasoning_effort="none")
    whole = model.invoke(HELLO)
    pieces = list(model.stream(HELLO))
    expect("streamed text", "".join(piece.content for piece in pieces), whole.content)
    holds("usage", whole.usage_metadata["output_tokens"] <= 12, whole.usage_metadata)


def tools():
    model = ChatOpenAI(**COMMON, max_tokens=600).bind_tools(TOOLS, tool_choice="space", parallel_tool_calls=False)
    answer = model.invoke(HELLO)
    expect("called", [call["name"] for call in answer.tool_calls], ["space"])
    expect("arguments", sorted(answer.tool_calls[0]["args"]), ["full", "pool"])
    total = None
    for piece in model.stream(HELLO):
        total = piece if total is None else total + piece
    expect("called in a stream", [call["name"] for call in total.tool_calls], ["space"])
    result = {"role": "tool", "tool_call_id": answer.tool_calls[0]["id"], "content": "40 %"}
    ChatOpenAI(**COMMON, max_tokens=8).bind_tools(TOOLS).invoke([*HELLO, answer, result])


def types():
    for method in ("json_schema", "function_calling"):
        model = ChatOpenAI(**COMMON, max_tokens=600).with_structured_output(Pool, method=method)
        expect(f"a type by {method}", type(model.invoke(HELLO)), Pool)


def embeddings():
    # The service counts tokens itself, by its own vocabulary.
    model = OpenAIEmbeddings(**COMMON, check_embedding_ctx_length=False)
    two = model.embed_documents(["hello", "nas"])
    expect("embeddings", len(two), 2)
    unit("embeddings", two[0])


if __name__ == "__main__":
    run((chat, tools, types, embeddings))
