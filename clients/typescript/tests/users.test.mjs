import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { BadRequest, NotFoundError, User, ZepClient } from "recollect";
import { address, collect, connect, newName, range } from "./case.mjs";

const client = await connect();
const { job, memory, user } = client;

test("a user goes through its whole life, with Dates for times", async () => {
  const name = newName();
  const made = await user.add({ user_id: name, first_name: "Ana", metadata: { plan: "free" } });
  assert.ok(made instanceof User && made.created_at instanceof Date);
  assert.ok(Math.abs(made.created_at - Date.now()) < 3_600_000);
  assert.deepEqual(
    [made.user_id, made.first_name, made.email, made.metadata],
    [name, "Ana", undefined, { plan: "free" }],
  );
  assert.deepEqual(await user.get(name), made);
  const changed = await user.update({ user_id: name, email: "ana@example.com", metadata: { since: 2024 } });
  assert.deepEqual(
    [changed.first_name, changed.email, changed.metadata],
    ["Ana", "ana@example.com", { plan: "free", since: 2024 }],
  );
  assert.deepEqual(changed.toDict().created_at, made.created_at);
  await assert.rejects(user.add(made), BadRequest);
  assert.equal(await user.delete(name), "OK");
  await assert.rejects(user.get(name), NotFoundError);
});

test("pages hold every user exactly once, also when those already seen are deleted in between", async () => {
  const names = range(5).map(() => newName());
  for (const user_id of names) await user.add({ user_id });
  const seen = [];
  for await (const users of user.listChunked(2)) {
    const ours = users.map((each) => each.user_id).filter((name) => names.includes(name));
    seen.push(...ours);
    for (const name of ours.slice(0, 1)) await user.delete(name);
  }
  assert.deepEqual(seen, names);
  const [last] = (await user.list()).slice(-1);
  assert.deepEqual(await user.list(1, last.id - 1), [last]);
});

test("a search crosses a user's sessions, or those named, within dates", async () => {
  const name = newName();
  await user.add({ user_id: name });
  const said = { [`${name}-1`]: "The vet sees our cat on Monday.", [`${name}-2`]: "The bike has a flat tyre." };
  for (const [session_id, content] of Object.entries(said)) {
    await memory.addSession({ session_id, user_id: name });
    const messages = [{ role: "Ana", content, created_at: "2024-05-01T12:00:00Z" }];
    await memory.addMemory(session_id, { messages }, { wait: 30 });
  }
  assert.equal((await user.getSessions(name)).length, 2);
  const [best] = await user.search(name, "When is the cat seen?", { limit: 1, explain: true });
  assert.deepEqual([best.message.content, best.session_id], [said[`${name}-1`], `${name}-1`]);
  assert.ok(best.features.meaning.share > 0);
  const elsewhere = await user.search(name, "When is the cat seen?", {
    sessionIds: [`${name}-2`],
    searchType: "similarity",
  });
  assert.deepEqual(
    elsewhere.map((result) => result.session_id),
    [`${name}-2`],
  );
  const dated = async (startDate, endDate) => (await user.search(name, undefined, { startDate, endDate })).length;
  assert.equal(await dated(new Date("2024-05-01T00:00:00Z"), "2024-05-02"), 2);
  assert.equal(await dated("2024-05-02"), 0);
  await assert.rejects(user.search(newName(), "anything"), NotFoundError);
});

test("jobs are listed, and only what has failed can be run again", async () => {
  assert.ok(Array.isArray(await job.list({ state: "failed", kind: "embed", limit: 1 })));
  for (const jobs of await collect(job.listChunked(10, { state: "due" }))) {
    assert.ok(jobs[0].created_at instanceof Date);
  }
  await assert.rejects(job.retry(randomUUID()), NotFoundError);
});

test("an address may end in slashes, and one that is none is refused", async () => {
  await ZepClient.init(`${address}//`);
  for (const wrong of ["localhost:8000", "", "ftp://127.0.0.1"]) assert.throws(() => new ZepClient(wrong), TypeError);
});

test("nothing that is logged shows the token", async () => {
  const { inspect } = await import("node:util");
  const secret = new ZepClient(address, "secret");
  assert.ok(!inspect(secret, { depth: 9 }).includes("secret"));
  assert.deepEqual(secret.headers, { Authorization: "Bearer secret" });
});
