import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, Memory, NotFoundError, Session } from "./case.mjs";

const { memory, user } = await connect();

test("a user is added, read and changed", async () => {
  const request = { user_id: "ann", email: "ann@example.org", first_name: "Ann", metadata: { a: { b: 1 } } };
  const added = await user.add(request);
  assert.deepEqual({ ...added, ...request }, { ...added });
  assert.deepEqual(await user.get("ann"), added);
  const changed = await user.update({ user_id: "ann", first_name: "", last_name: "Lee", metadata: { a: { c: 2 } } });
  assert.deepEqual([changed.email, changed.first_name, changed.last_name], ["ann@example.org", "Ann", "Lee"]);
  assert.deepEqual(changed.metadata, { a: { b: 1, c: 2 } });
  assert.equal((await user.update(changed)).uuid, added.uuid);
});

test("082 084 what cannot be throws", async () => {
  await user.add({ user_id: "taken" });
  await assert.rejects(user.add({ user_id: "taken" }), { code: 400, responseData: /user already exists/ });
  await assert.rejects(user.get("unknown"), NotFoundError);
  await assert.rejects(user.update({ user_id: "unknown", email: "x" }), NotFoundError);
  await assert.rejects(user.delete("unknown"), NotFoundError);
});

test("086 087 a user's sessions are listed and go with the user", async () => {
  await user.add({ user_id: "bob" });
  assert.deepEqual(await user.getSessions("bob"), []);
  for (const session_id of ["bob 1", "bob 2"]) {
    await memory.addSession(new Session({ session_id, user_id: "bob", metadata: {} }));
  }
  await memory.addMemory("bob 1", new Memory({ messages: [{ role: "human", content: "hi" }] }));
  assert.deepEqual((await user.getSessions("bob")).map((s) => s.session_id), ["bob 1", "bob 2"]);
  assert.equal(await user.delete("bob"), "OK");
  await assert.rejects(user.get("bob"), NotFoundError);
  await assert.rejects(memory.getSession("bob 1"), NotFoundError);
  assert.deepEqual((await memory.getMemory("bob 1")).messages, []);
  await memory.addSession(new Session({ session_id: "bob 1", metadata: {} }));
});
