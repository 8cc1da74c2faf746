import assert from "node:assert/strict";
import { test } from "node:test";
import { APIError, connect, NotFoundError, Session } from "./case.mjs";

const client = await connect();
const { memory } = client;

test("a session is added, read and changed", async () => {
  await client.user.add({ user_id: "ann" });
  const added = await memory.addSession(
    new Session({ session_id: "one", user_id: "ann", metadata: { a: { c: 2 }, z: 3 } }),
  );
  assert.equal(added.user_id, "ann");
  assert.deepEqual(added.metadata, { a: { c: 2 }, z: 3 });
  assert.deepEqual(await memory.getSession("one"), added);

  const changed = await memory.updateSession(new Session({ session_id: "one", metadata: { a: { b: 1 }, z: null } }));
  assert.deepEqual(changed.metadata, { a: { b: 1, c: 2 }, z: null });
  assert.deepEqual([changed.uuid, changed.created_at], [added.uuid, added.created_at]);
  assert.ok(changed.updated_at > added.updated_at);
});

test("a whole session can be sent back", async () => {
  const added = await memory.addSession(new Session({ session_id: "echo" }));
  const echoed = await memory.updateSession(added);
  assert.deepEqual({ ...echoed, updated_at: "" }, { ...added, updated_at: "" });
});

test("027 ids of all kinds come back as they went", async () => {
  for (const id of ["two words", "ann@example.org", "urn:x:1", "日本語 🙂", "عربى", "what?", "#1", "~!$&'()*+,;="]) {
    await memory.addSession(new Session({ session_id: id, metadata: {} }));
    assert.equal((await memory.getSession(id)).session_id, id);
    await memory.updateSession(new Session({ session_id: id, metadata: { x: 1 } }));
    assert.deepEqual((await memory.getSession(id)).metadata, { x: 1 });
  }
});

test("024 025 what cannot be added throws APIError", async () => {
  await memory.addSession(new Session({ session_id: "taken", metadata: {} }));
  await assert.rejects(memory.addSession(new Session({ session_id: "taken", metadata: {} })), (error) => {
    assert.ok(error instanceof APIError);
    assert.equal(error.code, 400);
    return assert.match(error.responseData, /session already exists/) ?? true;
  });
  const stranger = new Session({ session_id: "new", user_id: "nobody", metadata: {} });
  await assert.rejects(memory.addSession(stranger), { code: 400, responseData: /user does not exist/ });
});

test("029 041 unknown sessions throw NotFoundError", async () => {
  await assert.rejects(memory.getSession("unknown"), NotFoundError);
  await assert.rejects(memory.updateSession(new Session({ session_id: "unknown", metadata: {} })), NotFoundError);
});
