// What the client throws on a server that asks for tokens; KEY is a valid one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { address, AuthenticationError, connect, key } from "./case.mjs";

test("021 without a token calls throw AuthenticationError", async () => {
  for (const token of ["", "garbage"]) {
    const ask = async () => (await connect(address, token)).memory.getSession("anything");
    await assert.rejects(ask, AuthenticationError);
  }
});

test("with a token calls are answered", async () => {
  const client = await connect(address, key);
  assert.deepEqual(await client.memory.listSessions(), []);
});
