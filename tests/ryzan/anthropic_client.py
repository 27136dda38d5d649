"""The service as Anthropic's own Python client sees it: models, messages, streams, tools, counts, errors.

    anthropic_client.py URL
"""

import sys

import anthropic
from checks import HELLO, SCHEMA, expect, holds, refused, run

TOOLS = [{"name": "space", "description": "Space of a pool", "input_schema": SCHEMA}]
NAMED = {"type": "tool", "name": "space", "disable_parallel_tool_use": True}


def models(client):
    names = [model.id for model in client.models.list()]
    holds("models", "auto" in names, names)
    expect("model", client.models.retrieve("auto").type, "model")


def messages(client):
    # The client has no argument for it; the same text comes twice only without chance.
    greedy = {"temperature": 0}
    ask = dict(model="auto", messages=HELLO, max_tokens=12, system="Be brief.", extra_body=greedy)
    whole = client.messages.create(**ask)
    holds("why it ended", whole.stop_reason in ("end_turn", "max_tokens"), whole.stop_reason)
    text = "".join(block.text for block in whole.content)
    with client.messages.stream(**ask) as stream:
        streamed = "".join(stream.text_stream)
        final = stream.get_final_message()
    expect("streamed text", streamed, text)
    expect("why the stream ended", final.stop_reason, whole.stop_reason)
    expect("streamed usage", final.usage.output_tokens, whole.usage.output_tokens)
    asked = {name: ask[name] for name in ("model", "messages", "system")}
    counted = client.messages.count_tokens(**asked).input_tokens
    expect("counted tokens", counted, whole.usage.input_tokens + whole.usage.cache_read_input_tokens)


def tools(client):
    ask = dict(model="auto", messages=HELLO, max_tokens=600, tools=TOOLS, tool_choice=NAMED)
    answer = client.messages.create(**ask)
    expect("why it ended", answer.stop_reason, "tool_use")
    call = answer.content[-1]
    expect("called", call.name, "space")
    expect("arguments", sorted(call.input), ["full", "pool"])
    with client.messages.stream(**ask) as stream:
        streamed = stream.get_final_message().content[-1]
    expect("called in a stream", streamed.name, "space")
    expect("arguments in a stream", sorted(streamed.input), ["full", "pool"])
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "40 %"}
    more = [*HELLO, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    client.messages.create(model="auto", messages=more, max_tokens=8, tools=TOOLS)


def errors(client):
    create = client.messages.create
    refused(
        "unknown model", anthropic.NotFoundError, 404,
        lambda: create(model="nothing", messages=HELLO, max_tokens=1),
    )
    picture = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    error = refused(
        "a picture", anthropic.BadRequestError, 400,
        lambda: create(model="auto", messages=[{"role": "user", "content": [picture]}], max_tokens=1),
    )
    expect("type", error.body["error"]["type"], "invalid_request_error")


if __name__ == "__main__":
    given = anthropic.Anthropic(base_url=sys.argv[1], api_key="none", max_retries=0, timeout=120)
    run((models, messages, tools, errors), given)
