// Searching memory, on a server that embeds.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, Memory, MemorySearchPayload, refused, until } from "./case.mjs";

const { memory } = await connect();
const talk = [
  ["I adopted a puppy and named him Biscuit.", "pets"],
  ["My sister moved to Iceland to study volcanoes.", "travel"],
  ["Our little dog has learned to fetch the newspaper.", "pets"],
  ["The espresso machine at the office is broken again.", "work"],
];
const messages = talk.map(([content, topic]) => ({ role: "human", content, metadata: { topic } }));
await memory.addMemory("talk", new Memory({ messages }));
const search = (payload, limit) => memory.searchMemory("talk", new MemorySearchPayload(payload), limit);
const contents = async (payload, limit) => (await search(payload, limit)).map((result) => result.message.content);
await until(async () => (await search({ text: "anything" })).length === talk.length);

test("092 the nearest come first", async () => {
  const found = await search({ text: talk[0][0] });
  assert.deepEqual(found.slice(0, 2).map((result) => result.message.content), [talk[0][0], talk[2][0]]);
  assert.ok(found[0].dist > 0.998);
  assert.equal(found[0].summary, undefined);
});

test("090 094 limits and filters", async () => {
  assert.equal((await search({ text: "dogs" }, 3)).length, 3);
  const pets = { where: { jsonpath: "$[*] ? (@.topic == 'pets')" } };
  assert.deepEqual(await contents({ text: "dogs and cats", metadata: pets }, 1), [talk[2][0]]);
  assert.deepEqual(await contents({ metadata: pets }), [talk[2][0], talk[0][0]]);
});

test("097 diverse results", async () => {
  const diverse = await contents({ text: "dogs", search_type: "mmr", mmr_lambda: 0.1 }, 2);
  assert.equal(diverse.length, 2);
  assert.notDeepEqual(diverse, await contents({ text: "dogs" }, 2));
});

test("088 099 there may be nothing, but for nothing nobody can look", async () => {
  assert.deepEqual(await search({ text: "dogs", search_scope: "summary" }), []);
  assert.deepEqual(await memory.searchMemory("unknown", new MemorySearchPayload({ text: "dogs" })), []);
  await assert.rejects(search({}), refused());
});
