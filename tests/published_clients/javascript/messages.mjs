import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { connect, Memory, NotFoundError, range, refused } from "./case.mjs";

const client = await connect();
const { message } = client;
const sent = range(25).map((n) => ({ role: "human", content: `message ${n}`, metadata: { n } }));
await client.memory.addMemory("long", new Memory({ messages: sent }));
const contents = async (...page) => (await message.getSessionMessages("long", ...page)).map((m) => m.content);

test("071 072 messages come page by page", async () => {
  assert.deepEqual(await contents(), sent.map((m) => m.content));
  assert.deepEqual(await contents(10, 2), range(10).map((n) => `message ${n + 10}`));
  assert.deepEqual(await contents(10, 4), []);
});

test("073 an unknown session has no messages", async () => {
  assert.deepEqual(await message.getSessionMessages("unknown"), []);
});

test("075 one message is read by its uuid", async () => {
  const listed = (await message.getSessionMessages("long"))[7];
  assert.deepEqual(await message.getSessionMessage("long", listed.uuid), listed);
  await assert.rejects(message.getSessionMessage("long", randomUUID()), NotFoundError);
  await assert.rejects(message.getSessionMessage("long", "no uuid"), refused());
});

test("080 metadata is merged, though the client calls its JSON plain text", async () => {
  const before = (await message.getSessionMessages("long"))[0];
  const changed = await message.updateSessionMessageMetadata("long", before.uuid, { k: { deep: 1 } });
  assert.deepEqual(changed.metadata, { n: 0, k: { deep: 1 } });
  assert.deepEqual([changed.content, changed.token_count], [before.content, before.token_count]);
  await assert.rejects(message.updateSessionMessageMetadata("long", randomUUID(), { k: 1 }), NotFoundError);
});
