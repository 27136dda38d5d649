"""The service as OpenAI's own client sees it: chat, streams, tools, schemas, models, embeddings,
responses, errors.

    openai_client.py URL

URL is where the service answers, such as http://127.0.0.1:8100. Exits with 1 when anything is not as expected.
"""

import datetime
import json
import sys

import checks
import openai
import pydantic
from checks import HELLO, SCHEMA, TOOLS, expect


def refused(what, error, status, code, call):
    raised = checks.refused(what, error, status, call)
    expect(f"{what}, code", raised.code, code)
    return raised


def models(client):
    names = [model.id for model in client.models.list()]
    if "auto" not in names:
        sys.exit(f"models: auto is not among {names}")
    expect("model", client.models.retrieve("auto").id, "auto")
    refused("unknown model", openai.NotFoundError, 404, "model_not_found", lambda: client.models.retrieve("gpt-4"))


def chat(client):
    whole = client.chat.completions.create(
        model="auto", messages=HELLO, max_tokens=12, seed=5, logprobs=True, top_logprobs=3, reasoning_effort="none"
    )
    choice = whole.choices[0]
    if choice.finish_reason not in ("stop", "length"):
        sys.exit(f"chat: finish reason {choice.finish_reason}")
    expect("usage", whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens)
    for token in choice.logprobs.content or []:
        expect("top_logprobs", len(token.top_logprobs), 3)
    stream = client.chat.completions.create(
        model="auto", messages=HELLO, max_tokens=12, seed=5, reasoning_effort="none",
        stream=True, stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    expect("streamed text", text, choice.message.content or "")
    expect("streamed usage", chunks[-1].usage.completion_tokens, whole.usage.completion_tokens)


def schema(client):
    form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}}
    answer = client.chat.completions.create(model="auto", messages=HELLO, max_tokens=300, response_format=form)
    value = json.loads(answer.choices[0].message.content)
    if value["pool"] not in ("tank", "fast") or not isinstance(value["full"], bool):
        sys.exit(f"schema: {value}")


def tools(client):
    named = {"type": "function", "function": {"name": "space"}}
    ask = dict(model="auto", messages=HELLO, max_tokens=600, tools=TOOLS, tool_choice=named, parallel_tool_calls=False)
    answer = client.chat.completions.create(**ask)
    expect("finish reason with tools", answer.choices[0].finish_reason, "tool_calls")
    call = answer.choices[0].message.tool_calls[0]
    expect("called", call.function.name, "space")
    expect("arguments", sorted(json.loads(call.function.arguments)), ["full", "pool"])
    with client.chat.completions.stream(**ask) as stream:
        pieces = sum(event.type == "tool_calls.function.arguments.delta" for event in stream)
        final = stream.get_final_completion()
    expect("arguments come as they are written", pieces > 1, True)
    streamed = final.choices[0].message.tool_calls[0].function
    expect("called in a stream", streamed.name, "space")
    expect("arguments in a stream", sorted(json.loads(streamed.arguments)), ["full", "pool"])
    message = answer.choices[0].message.model_dump(exclude_none=True)
    result = {"role": "tool", "tool_call_id": call.id, "content": "40 %"}
    client.chat.completions.create(model="auto", messages=[*HELLO, message, result], tools=TOOLS, max_tokens=8)


class Disk(pydantic.BaseModel):
    serial: str = pydantic.Field(pattern=r"^\d{4}$")
    bays: list[int] = pydantic.Field(max_length=2)


class Pool(pydantic.BaseModel):
    """A type made of types: its schema has references within itself."""

    first: Disk
    second: Disk | None
    since: datetime.date


def typed(client):
    ask = dict(model="auto", messages=HELLO, max_tokens=900, temperature=0, seed=3)
    answer = client.chat.completions.parse(response_format=Pool, **ask)
    expect("a parsed answer", type(answer.choices[0].message.parsed), Pool)
    named = {"type": "function", "function": {"name": "Pool"}}
    tool = openai.pydantic_function_tool(Pool)
    answer = client.chat.completions.parse(tools=[tool, openai.pydantic_function_tool(Disk)], tool_choice=named, parallel_tool_calls=False, **ask)
    expect("parsed arguments", type(answer.choices[0].message.tool_calls[0].function.parsed_arguments), Pool)


def completions(client):
    both = client.completions.create(model="auto", prompt=["Once", "Twice"], max_tokens=4, echo=True)
    expect("several prompts", [choice.index for choice in both.choices], [0, 1])
    expect("an echo", both.choices[1].text[:5], "Twice")
    text = client.completions.create(model="auto", prompt="Once", max_tokens=6, seed=1)
    pieces = client.completions.create(model="auto", prompt="Once", max_tokens=6, seed=1, stream=True)
    expect("streamed completion", "".join(piece.choices[0].text for piece in pieces), text.choices[0].text)
    texts = ["", ""]
    for piece in client.completions.create(model="auto", prompt=["Once", "Once"], max_tokens=6, seed=1, stream=True):
        texts[piece.choices[0].index] += piece.choices[0].text
    expect("streams of several prompts", texts, [text.choices[0].text] * 2)
    scored = client.completions.create(model="auto", prompt="Once upon", max_tokens=0, echo=True, logprobs=1).choices[0]
    expect("a scored prompt", (scored.text, scored.logprobs.token_logprobs[0]), ("Once upon", None))
    expect("scores", all(score <= 0 for score in scored.logprobs.token_logprobs[1:]), True)


def embeddings(client):
    # The client asks for base64 by itself when nothing is said, and gives back numbers.
    two = client.embeddings.create(model="auto", input=["hello", "nas"])
    expect("embeddings", [item.index for item in two.data], [0, 1])
    length = sum(value * value for value in two.data[0].embedding)
    if abs(length - 1) > 1e-3:
        sys.exit(f"embeddings: a vector is {length} long")
    same = client.embeddings.create(model="auto", input="hello", encoding_format="float")
    if max(abs(a - b) for a, b in zip(same.data[0].embedding, two.data[0].embedding)) > 1e-4:
        sys.exit("embeddings: the two encodings differ")


def responses(client):
    whole = client.responses.create(
        model="auto", input="Hello", max_output_tokens=12, reasoning={"effort": "none"}, temperature=0
    )
    if whole.status not in ("completed", "incomplete"):
        sys.exit(f"responses: status {whole.status}")
    with client.responses.stream(
        model="auto", input="Hello", max_output_tokens=12, reasoning={"effort": "none"}, temperature=0
    ) as stream:
        events = list(stream)
    expect("first event", events[0].type, "response.created")
    expect("last event", events[-1].type, f"response.{whole.status}")
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    expect("streamed response", text, whole.output_text)
    tool = {"type": "function", "name": "space", "parameters": SCHEMA, "strict": True}
    called = client.responses.create(
        model="auto", input="Hello", tools=[tool], tool_choice={"type": "function", "name": "space"},
        parallel_tool_calls=False, max_output_tokens=600,
    )
    expect("item", called.output[-1].type, "function_call")
    expect("its function", called.output[-1].name, "space")


def errors(client):
    create = client.chat.completions.create
    error = refused(
        "two answers", openai.BadRequestError, 400, "unsupported_parameter",
        lambda: create(model="auto", messages=HELLO, n=2),
    )
    expect("param", error.param, "n")
    expect("type", error.type, "invalid_request_error")
    create(model="auto", messages=HELLO, max_tokens=1, extra_body={"colour": "red"})
    refused(
        "a field that would change the answer", openai.BadRequestError, 400, "unsupported_parameter",
        lambda: create(model="auto", messages=HELLO, extra_body={"grammar": "root ::= [a-z]"}),
    )
    refused(
        "a schema that cannot be enforced", openai.BadRequestError, 400, None,
        lambda: create(
            model="auto", messages=HELLO,
            response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "nothing"}}},
        ),
    )
    refused("unknown model", openai.NotFoundError, 404, "model_not_found", lambda: create(model="gpt-4", messages=HELLO))
    refused(
        "too long", openai.BadRequestError, 400, "context_length_exceeded",
        lambda: client.completions.create(model="auto", prompt="a " * 200_000),
    )


def main():
    client = openai.OpenAI(base_url=f"{sys.argv[1]}/v1", api_key="none", max_retries=0, timeout=120)
    for part in (models, chat, schema, tools, typed, completions, embeddings, responses, errors):
        part(client)
        print(f"{part.__name__}: as expected")


if __name__ == "__main__":
    main()
