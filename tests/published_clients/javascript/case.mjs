// A client of the server at URL: the published one, or the one that PACKAGE names, which must do as well.
// Whatever the client warns about fails the test.
import assert from "node:assert/strict";
import { after } from "node:test";

const zep = await import(process.env.PACKAGE ?? "@getzep/zep-js");
export const { Memory, MemorySearchPayload, Message, Session } = zep;
export const { APIError, AuthenticationError, NotFoundError, ZepClient } = zep;
export const { URL: address, KEY: key } = process.env;

const warnings = [];
console.warn = (...words) => warnings.push(words.join(" "));
after(() => assert.deepEqual(warnings, []));

export const published = process.env.PACKAGE === undefined;
export const refused = (text) => (error) =>
  error instanceof APIError && error.code === 400 && (text ?? /./).test(error.responseData);
export const connect = (url = address, token = key) => ZepClient.init(url, token);
export const range = (length) => Array.from({ length }, (_, n) => n);

export const until = async (holds) => {
  const deadline = Date.now() + 60_000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline);
    await new Promise((resume) => setTimeout(resume, 50));
  }
};
