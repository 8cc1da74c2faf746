import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import {
  BadRequest,
  Memory,
  MemorySearchPayload,
  Message,
  NotFoundError,
  Session,
  Summary,
  ZepClient,
} from "recollect";
import { address, answer, collect, connect, misbehaving, newName, range } from "./case.mjs";

const client = await connect();
const { memory, message, user } = client;
const SAID = ["We are going to Lisbon in May.", "My sister is allergic to shellfish.", "The hotel is near the castle."];
// What the server found in messages itself is its own, and comes when it comes.
const mine = ({ system, ...metadata } = {}) => metadata;
const texts = (messages) => messages.map(({ uuid, role, content }) => ({ uuid, role, content }));
const remember = async (name) =>
  assert.equal(
    await memory.addMemory(name, { messages: SAID.map((content) => ({ role: "Ana", content })) }, { wait: 30 }),
    "OK",
  );

test("a session goes through its whole life, and each answer tells its state", async () => {
  const name = newName();
  await user.add({ user_id: name });
  const made = await memory.addSession(new Session({ session_id: name, user_id: name, metadata: { a: { b: 1 } } }));
  assert.ok(made instanceof Session);
  assert.deepEqual([made.session_id, made.user_id, made.metadata], [name, name, { a: { b: 1 } }]);
  assert.deepEqual(await memory.getSession(name), made);
  const changed = await memory.updateSession(new Session({ session_id: name, metadata: { a: { c: null } } }));
  assert.deepEqual(changed.metadata, { a: { b: 1, c: null } });
  assert.equal(await memory.deleteMemory(name), "OK");
  await assert.rejects(memory.getSession(name), NotFoundError);
});

test("what is null on the wire is undefined or empty, as the types have it", async () => {
  const made = await memory.addSession({ session_id: newName() });
  assert.deepEqual([made.user_id, made.deleted_at, made.metadata], [undefined, undefined, {}]);
  assert.deepEqual(Object.keys(made.toDict()).sort(), [
    "created_at",
    "id",
    "metadata",
    "session_id",
    "updated_at",
    "uuid",
  ]);
});

test("pages hold every session exactly once, also when those already seen are deleted in between", async () => {
  const names = range(7).map(() => newName());
  for (const session_id of names) await memory.addSession({ session_id });
  await memory.deleteMemory(names.splice(2, 1)[0]);
  const seen = [];
  for await (const sessions of memory.listSessionsChunked(2)) {
    assert.ok(sessions.length === 1 || sessions.length === 2);
    const ours = sessions.map((session) => session.session_id).filter((name) => names.includes(name));
    seen.push(...ours);
    for (const name of ours.slice(0, 1)) await memory.deleteMemory(name);
  }
  assert.deepEqual(seen, names);
  await assert.rejects(collect(memory.listSessionsChunked(0)), RangeError);
});

test("a list begins behind the cursor and ends at the limit", async () => {
  const first = await memory.addSession({ session_id: newName() });
  const second = await memory.addSession({ session_id: newName() });
  const behind = await memory.listSessions(undefined, first.id);
  assert.deepEqual(
    behind.find((session) => session.session_id === second.session_id),
    second,
  );
  assert.ok(behind.every((session) => session.id > first.id));
  assert.deepEqual(
    (await memory.listSessions(1, first.id)).map((session) => session.id),
    [behind[0].id],
  );
});

test("memory holds what was added, in order; lastn cuts from the end", async () => {
  const name = newName();
  const uuid = randomUUID();
  const messages = [
    new Message({ role: "Ana", content: "Hi", uuid, created_at: "2024-03-01T12:00:00Z", metadata: { n: null } }),
    new Message({ role: "assistant", content: "Olá 🙂" }),
  ];
  assert.equal(await memory.addMemory(name, new Memory({ messages })), "OK");
  const found = await memory.getMemory(name);
  const [one, two] = found.messages;
  assert.deepEqual([one.uuid, one.created_at, mine(one.metadata)], [uuid, "2024-03-01T12:00:00Z", { n: null }]);
  assert.deepEqual([two.role, two.content, mine(two.metadata)], ["assistant", "Olá 🙂", {}]);
  assert.equal(found.summary.content, "");
  assert.deepEqual(texts((await memory.getMemory(name, 1)).messages), texts([two]));
  assert.deepEqual(found.toDict().messages[0], one.toDict());
});

test("key messages are quoted from before the others, when asked for", async () => {
  const name = newName();
  const messages = range(8).map((n) => ({ role: "Ana", content: `The gate of flight ${n} at Lisbon is B${n}.` }));
  await memory.addMemory(name, { messages }, { wait: 30 });
  const found = await memory.getMemory(name, 2, { keyMessages: 3 });
  assert.ok(found.key_messages.length > 0 && found.key_messages.length <= 3);
  const before = (await memory.getMemory(name, 8)).messages.slice(0, 6).map((each) => each.uuid);
  assert.ok(found.key_messages.every((each) => each instanceof Message && before.includes(each.uuid)));
  assert.equal((await memory.getMemory(name, 2)).key_messages, undefined);
});

test("a session without summaries lists none, and searching them finds none", async () => {
  const name = newName();
  await memory.addMemory(name, { messages: [{ role: "Ana", content: "Hi" }] });
  assert.deepEqual(await memory.listSummaries(name), []);
  assert.deepEqual(await memory.searchMemory(name, { text: "Hi", search_scope: "summary" }), []);
  await assert.rejects(memory.listSummaries(name, 10, "no uuid"), BadRequest);
});

test("summaries are listed from behind a cursor", async (t) => {
  const uuids = { uuid: randomUUID(), recent_message_uuid: randomUUID() };
  const sent = { ...uuids, created_at: "2024-03-01T12:00:00Z", content: "Ana flies.", token_count: 3 };
  const server = await misbehaving(t, answer(200, JSON.stringify([sent])), answer(200, "[]"));
  const found = await collect(new ZepClient(server.url).memory.listSummariesChunked("trip", 10));
  assert.deepEqual(found, [[new Summary(sent)]]);
  const asked = server.requests.map(({ line }) => line.split(" ")[1].split("?")[1]);
  assert.deepEqual(asked, ["limit=10", `limit=10&cursor=${uuids.uuid}`]);
});

test("the same message can be added twice, and a memory sent back without doubling", async () => {
  const name = newName();
  const message = new Message({ role: "Ana", content: "Yes" });
  for (const _ of range(2)) await memory.addMemory(name, new Memory({ messages: [message, message] }));
  assert.equal(message.uuid, undefined);
  const found = await memory.getMemory(name);
  assert.equal(found.messages.length, 4);
  await memory.addMemory(name, found);
  assert.deepEqual(
    (await memory.getMemory(name)).messages.map((m) => m.uuid),
    found.messages.map((m) => m.uuid),
  );
});

test("a session that does not exist has an empty memory and no messages", async () => {
  assert.deepEqual((await memory.getMemory(newName())).messages, []);
  assert.deepEqual(await message.getSessionMessages(newName()), []);
});

test("a deleted session comes back without its messages", async () => {
  const name = newName();
  const made = await memory.addSession({ session_id: name, metadata: { kept: true } });
  await memory.addMemory(name, { messages: [{ role: "Ana", content: "old" }] });
  await memory.deleteMemory(name);
  await assert.rejects(memory.deleteMemory(name), NotFoundError);
  await memory.addMemory(name, { messages: [{ role: "Ana", content: "new" }] });
  assert.deepEqual(
    (await memory.getMemory(name)).messages.map((m) => m.content),
    ["new"],
  );
  const again = await memory.getSession(name);
  assert.deepEqual([again.uuid, again.metadata], [made.uuid, { kept: true }]);
});

for (const search_type of ["similarity", "mmr", "hybrid"]) {
  test(`a ${search_type} search finds what fits best first, and at most as many as asked for`, async () => {
    const name = newName();
    await remember(name);
    const payload = new MemorySearchPayload({ text: "What can her sister not eat?", search_type });
    const results = await memory.searchMemory(name, payload, 2);
    assert.equal(results.length, 2);
    assert.equal(results[0].message.content, SAID[1]);
    assert.ok(results[0].dist > 0.2 && results[0].dist <= 1);
    assert.equal(results[0].embedding instanceof Float32Array, search_type === "mmr");
  });
}

test("with explain a hybrid search says what each feature contributed; without, nothing", async () => {
  const name = newName();
  await remember(name);
  const payload = { text: "shellfish", search_type: "hybrid" };
  const [silent] = await memory.searchMemory(name, payload, 1);
  const [explained] = await memory.searchMemory(name, payload, 1, { explain: true });
  assert.equal(silent.features, undefined);
  const shares = Object.values(explained.features).map((feature) => feature.share);
  assert.ok(Math.abs(explained.score - shares.reduce((sum, share) => sum + share)) < 0.01);
  assert.equal(explained.session_id, name);
});

test("a filter without a text finds what matches it, and an empty query is refused", async () => {
  const name = newName();
  const messages = ["merry", "sad"].map((mood) => ({ role: "Ana", content: mood, metadata: { mood } }));
  await memory.addMemory(name, { messages });
  const metadata = { where: { jsonpath: '$[*] ? (@.mood == "sad")' } };
  const [result] = await memory.searchMemory(name, new MemorySearchPayload({ metadata }));
  assert.deepEqual(mine(result.message.metadata), { mood: "sad" });
  await assert.rejects(memory.searchMemory(name, {}), { name: "BadRequest", code: 400, message: /empty query/ });
});

test("messages are read page by page and one by one, and their metadata is merged", async () => {
  const name = newName();
  await memory.addMemory(name, { messages: SAID.map((content) => ({ role: "Ana", content })) });
  const messages = await message.getSessionMessages(name);
  assert.deepEqual(
    messages.map((each) => each.content),
    SAID,
  );
  assert.deepEqual(texts(await message.getSessionMessages(name, 2, 2)), texts(messages.slice(2)));
  const { uuid } = messages[0];
  assert.deepEqual(texts([await message.getSessionMessage(name, uuid)]), texts(messages.slice(0, 1)));
  await message.updateSessionMessageMetadata(name, uuid, { a: 1 });
  const marked = await message.updateSessionMessageMetadata(name, uuid, { b: 2 });
  assert.deepEqual(mine(marked.metadata), { a: 1, b: 2 });
  await assert.rejects(message.getSessionMessage(name, randomUUID()), { name: "NotFoundError", message: "not found" });
  await assert.rejects(message.getSessionMessage(name, "none"), BadRequest);
});

for (const strange of ["a/b", "what? #1 & more=%2F", " ", "ü 🙂", "...", "a+b", "%", "C:\\x", "*'()!~"]) {
  test(`the id ${JSON.stringify(strange)} is taken as it is`, async () => {
    const name = `${strange}${newName()}${strange}`;
    await user.add({ user_id: name });
    await memory.addSession({ session_id: name, user_id: name });
    await memory.addMemory(name, { messages: [{ role: "Ana", content: "Hi" }] });
    assert.equal((await memory.getSession(name)).session_id, name);
    assert.deepEqual(
      (await user.getSessions(name)).map((session) => session.session_id),
      [name],
    );
    assert.equal((await message.getSessionMessages(name)).length, 1);
  });
}

test("an id that no address can hold is refused before anything is sent", async () => {
  for (const wrong of ["", undefined, null, 7, ".", ".."]) await assert.rejects(memory.getSession(wrong), TypeError);
});

test("the calls that the published client has on itself do what those of client.memory do", async () => {
  const name = newName();
  await client.addSession(new Session({ session_id: name }));
  assert.equal((await client.getSession(name)).session_id, name);
  const said = new Memory({ messages: [{ role: "Ana", content: "Hi", metadata: { a: 1 } }] });
  assert.equal(await client.addMemory(name, said), "OK");
  assert.equal((await client.getMemory(name)).messages.length, 1);
  const payload = new MemorySearchPayload({ metadata: { where: { jsonpath: "$.a" } } });
  assert.equal((await client.searchMemory(name, payload)).length, 1);
  assert.equal(await client.deleteMemory(name), "OK");
  assert.equal(client.getFullUrl("/sessions"), `${address}/api/v1/sessions`);
});
