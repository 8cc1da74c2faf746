import assert from "node:assert/strict";
import { test } from "node:test";
import { address, connect } from "./case.mjs";

test("005 the version is one the client knows", async () => {
  await connect();
});

test("014 a slash behind the address changes nothing", async () => {
  const client = await connect(`${address}/`);
  assert.deepEqual(await client.memory.listSessions(), []);
});
