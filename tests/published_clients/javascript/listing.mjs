// Listings on a server that holds nothing else, in chunks as the client counts them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, range, Session } from "./case.mjs";

const { memory, user } = await connect();
const collect = async (chunks, field) => {
  const collected = [];
  for await (const chunk of chunks) collected.push(chunk.map((item) => item[field]));
  return collected;
};

test("044 047 sessions are listed in chunks", async () => {
  assert.deepEqual(await memory.listSessions(), []);
  const names = range(5).map((n) => `session ${n}`);
  for (const name of names) await memory.addSession(new Session({ session_id: name, metadata: {} }));
  assert.deepEqual((await memory.listSessions()).map((s) => s.session_id), names);
  assert.deepEqual((await memory.listSessions(2, 2)).map((s) => s.session_id), names.slice(2, 4));
  const chunks = await collect(memory.listSessionsChunked(2), "session_id");
  assert.deepEqual(chunks, [names.slice(0, 2), names.slice(2, 4), names.slice(4)]);
});

test("users are listed in chunks", async () => {
  const names = range(5).map((n) => `user ${n}`);
  for (const name of names) await user.add({ user_id: name });
  assert.deepEqual((await user.list()).map((u) => u.user_id), names);
  assert.deepEqual((await user.list(2, 2)).map((u) => u.user_id), names.slice(2, 4));
  const chunks = await collect(user.listChunked(2), "user_id");
  assert.deepEqual(chunks, [names.slice(0, 2), names.slice(2, 4), names.slice(4)]);
});
