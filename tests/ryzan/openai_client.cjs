// The service as OpenAI's own client for JavaScript sees it: chat, streams, tools, embeddings, errors.
//
//     openai_client.cjs URL
"use strict";
const assert = require("node:assert/strict");
const OpenAI = require("openai");

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: "none", maxRetries: 0, timeout: 120_000 });
const messages = [{ role: "user", content: "Hello" }];
const parameters = {
  type: "object",
  properties: { full: { type: "boolean" }, pool: { enum: ["tank", "fast"] } },
  required: ["full", "pool"],
  additionalProperties: false,
};
const tools = [{ type: "function", function: { name: "space", description: "Space of a pool", parameters } }];

async function models() {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert(names.includes("auto"), `auto is not among ${names}`);
}

async function chat() {
  const ask = { model: "auto", messages, max_tokens: 12, seed: 5, reasoning_effort: "none" };
  const whole = await client.chat.completions.create(ask);
  let text = "";
  for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
    text += chunk.choices[0]?.delta?.content ?? "";
  }
  assert.equal(text, whole.choices[0].message.content ?? "");
}

async function calls() {
  const tool_choice = { type: "function", function: { name: "space" } };
  const ask = { model: "auto", messages, max_tokens: 600, tools, tool_choice, parallel_tool_calls: false };
  const whole = await client.chat.completions.create(ask);
  assert.equal(whole.choices[0].finish_reason, "tool_calls");
  const called = whole.choices[0].message.tool_calls[0].function;
  assert.equal(called.name, "space");
  assert.deepEqual(Object.keys(JSON.parse(called.arguments)).sort(), ["full", "pool"]);
  const final = await client.chat.completions.stream(ask).finalChatCompletion();
  const streamed = final.choices[0].message.tool_calls[0].function;
  assert.equal(streamed.name, "space");
  assert.deepEqual(Object.keys(JSON.parse(streamed.arguments)).sort(), ["full", "pool"]);
}

async function responses() {
  const ask = { model: "auto", input: "Hello", max_output_tokens: 12, reasoning: { effort: "none" }, temperature: 0 };
  const whole = await client.responses.create(ask);
  let text = "";
  for await (const event of await client.responses.create({ ...ask, stream: true })) {
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  assert.equal(text, whole.output_text);
}

async function embeddings() {
  const two = await client.embeddings.create({ model: "auto", input: ["hello", "nas"] });
  assert.equal(two.data.length, 2);
  const length = two.data[0].embedding.reduce((sum, value) => sum + value * value, 0);
  assert(Math.abs(length - 1) < 1e-3, `a vector is ${length} long`);
}

async function errors() {
  const unknown = client.chat.completions.create({ model: "gpt-4", messages });
  await assert.rejects(unknown, (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found");
}

(async () => {
  for (const part of [models, chat, calls, responses, embeddings, errors]) {
    await part();
    console.log(`${part.name}: as expected`);
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
