import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { connect, Memory, Message, NotFoundError, refused, Session } from "./case.mjs";

const { memory } = await connect();
const said = (...contents) => new Memory({ messages: contents.map((content) => ({ role: "human", content })) });

test("050 what is added is remembered in order", async () => {
  const uuid = randomUUID();
  const messages = [
    new Message({ role: "human", content: "Hello", metadata: { mood: "good" }, uuid, created_at: "2024-03-01T12:00:00Z" }),
    new Message({ role: "ai", content: "你好 🙂" }),
  ];
  assert.equal(await memory.addMemory("talk", new Memory({ messages, metadata: { a: 1 } })), "OK");
  const found = await memory.getMemory("talk");
  assert.deepEqual(found.messages.map((m) => [m.role, m.content]), [["human", "Hello"], ["ai", "你好 🙂"]]);
  assert.deepEqual([found.messages[0].uuid, found.messages[0].created_at], [uuid, "2024-03-01T12:00:00Z"]);
  assert.deepEqual(found.messages.map((m) => m.metadata), [{ mood: "good" }, undefined]);
  assert.deepEqual((await memory.getMemory("talk", 1)).messages.map((m) => m.content), ["你好 🙂"]);
});

test("a whole memory can be sent back without doubling", async () => {
  await memory.addMemory("echo", said("one", "two"));
  const found = await memory.getMemory("echo");
  await memory.addMemory("echo", found);
  assert.deepEqual((await memory.getMemory("echo")).messages.map((m) => m.uuid), found.messages.map((m) => m.uuid));
});

test("060 061 without a summary there is an empty one", async () => {
  const found = await memory.getMemory("unheard of");
  assert.deepEqual(found.messages, []);
  assert.equal(found.summary.content, "");
});

test("063 066 a deleted session is gone until it is spoken to again", async () => {
  const first = await memory.addSession(new Session({ session_id: "gone", metadata: { kept: true } }));
  await memory.addMemory("gone", said("old"));
  assert.equal(await memory.deleteMemory("gone"), "OK");
  await assert.rejects(memory.deleteMemory("gone"), NotFoundError);
  await assert.rejects(memory.getSession("gone"), NotFoundError);
  await memory.addMemory("gone", said("new"));
  assert.deepEqual((await memory.getMemory("gone")).messages.map((m) => m.content), ["new"]);
  const again = await memory.getSession("gone");
  assert.deepEqual([again.uuid, again.metadata], [first.uuid, { kept: true }]);
});

test("a malformed uuid throws APIError", async () => {
  const wrong = new Memory({ messages: [{ role: "human", content: "x", uuid: "no uuid" }] });
  await assert.rejects(memory.addMemory("wrong", wrong), refused());
});
