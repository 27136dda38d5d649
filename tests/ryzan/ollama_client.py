"""The service as Ollama's own Python client sees it: models, chat, streams, tools, formats, texts, embeddings, errors.

    ollama_client.py URL
"""

import json
import sys

import ollama
from checks import HELLO, SCHEMA, TOOLS, expect, holds, refused, run, unit

OPTIONS = {"num_predict": 12, "seed": 5}


class Forced(ollama.Client):
    """A client that asks for a call: Ollama leaves it to the model, and a small one does not make any."""

    def _request(self, *args, **kwargs):
        kwargs["json"] |= {"tool_choice": "required", "parallel_tool_calls": False}
        return super()._request(*args, **kwargs)


def models(client):
    names = [model.model for model in client.list().models]
    holds("models", "little" in names and "auto" in names, names)
    shown = client.show("little")
    expect("context", shown.modelinfo["qwen3.context_length"], 512)
    holds("capabilities", "completion" in shown.capabilities, shown.capabilities)


def chat(client):
    whole = client.chat("little", HELLO, options=OPTIONS, think=False)
    holds("why it ended", whole.done and whole.done_reason in ("stop", "length"), whole)
    holds("counts", whole.eval_count <= 12 and whole.prompt_eval_count > 0, whole)
    holds("durations", whole.total_duration >= whole.eval_duration > 0, whole)
    pieces = list(client.chat("little", HELLO, options=OPTIONS, think=False, stream=True))
    expect("streamed text", "".join(piece.message.content for piece in pieces), whole.message.content)
    expect("streamed count", pieces[-1].eval_count, whole.eval_count)


def tools(client):
    client.chat("little", HELLO, tools=TOOLS, options=OPTIONS)
    forced = Forced(host=sys.argv[1])
    ask = dict(tools=TOOLS, options={"num_predict": 600, "seed": 1}, think=False)
    answer = forced.chat("little", HELLO, **ask)
    call = answer.message.tool_calls[0].function
    expect("called", call.name, "space")
    expect("arguments", sorted(call.arguments), ["full", "pool"])
    pieces = list(forced.chat("little", HELLO, stream=True, **ask))
    calls = [call for piece in pieces for call in piece.message.tool_calls or []]
    expect("called in a stream", [call.function.name for call in calls], ["space"])
    result = {"role": "tool", "content": "40 %", "tool_name": "space"}
    client.chat("little", [*HELLO, answer.message, result], tools=TOOLS, options=OPTIONS)


def formats(client):
    answer = client.chat("little", HELLO, format=SCHEMA, options={"num_predict": 300})
    holds("schema", isinstance(json.loads(answer.message.content)["full"], bool), answer)


def texts(client):
    ask = dict(model="little", prompt="Once", options={"num_predict": 6, "seed": 1})
    whole = client.generate(**ask)
    pieces = client.generate(**ask, stream=True)
    expect("streamed text", "".join(piece.response for piece in pieces), whole.response)


def embeddings(client):
    two = client.embed("bert", ["hello", "nas"])
    expect("embeddings", len(two.embeddings), 2)
    unit("embeddings", two.embeddings[0])


def errors(client):
    refused("unknown model", ollama.ResponseError, 404, lambda: client.chat("nothing", HELLO))
    picture = [{"role": "user", "content": "What is this?", "images": [b"\x89PNG"]}]
    refused("a picture", ollama.ResponseError, 400, lambda: client.chat("little", picture))


if __name__ == "__main__":
    run((models, chat, tools, formats, texts, embeddings, errors), ollama.Client(host=sys.argv[1]))
