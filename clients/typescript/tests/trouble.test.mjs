import assert from "node:assert/strict";
import { test } from "node:test";
import {
  APIError,
  AuthenticationError,
  NotFoundError,
  OutOfSpace,
  TooLarge,
  Unavailable,
  Unreachable,
  ZepClient,
  ZepError,
} from "recollect";
import { answer, DROP, misbehaving, SILENCE } from "./case.mjs";

const SESSIONS = answer(200, "[]");
const BUSY = answer(503, "starting", { "Retry-After": "0" });
const HI = { messages: [{ role: "Ana", content: "Hi" }] };
const clientOf = ({ url }, options) => new ZepClient(url, undefined, options);

for (const [name, trouble] of Object.entries({ drop: DROP, 503: BUSY, 429: answer(429), half: "HTTP/1.1 200" })) {
  test(`a read that met ${name} is sent again until it gets an answer`, async (t) => {
    const server = await misbehaving(t, trouble, trouble, SESSIONS);
    assert.deepEqual(await clientOf(server).memory.listSessions(), []);
    assert.deepEqual(
      server.requests.map(({ line }) => line),
      Array(3).fill("GET /api/v1/sessions HTTP/1.1"),
    );
  });
}

test("an answer that breaks off in the middle is asked for again", async (t) => {
  const server = await misbehaving(t, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[", SESSIONS);
  assert.deepEqual(await clientOf(server).memory.listSessions(), []);
});

test("adding memory is repeated with the same uuids, so that the server knows the messages again", async (t) => {
  const server = await misbehaving(t, DROP, BUSY, answer(200, "OK"));
  assert.equal(await clientOf(server).memory.addMemory("trip", HI), "OK");
  const [first, ...others] = server.requests.map(({ body }) => body);
  assert.deepEqual(others, [first, first]);
  assert.match(
    JSON.parse(first).messages[0].uuid,
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
});

for (const [name, trouble] of Object.entries({ drop: DROP, 503: BUSY })) {
  test(`creating a session is not sent again after ${name}: it may exist by now`, async (t) => {
    const server = await misbehaving(t, trouble, SESSIONS);
    await assert.rejects(clientOf(server).memory.addSession({ session_id: "trip" }), APIError);
    assert.equal(server.requests.length, 1);
  });
}

test("a change is repeated, because it holds after the second time as after the first", async (t) => {
  const server = await misbehaving(t, DROP, BUSY, answer(200, '{"session_id": "trip", "metadata": {"a": 1}}'));
  const changed = await clientOf(server).memory.updateSession({ session_id: "trip", metadata: { a: 1 } });
  assert.deepEqual([changed.metadata, server.requests.length], [{ a: 1 }, 3]);
});

test("a call that could not even connect was not done, so that any is sent again", async (t) => {
  const server = await misbehaving(t, answer(201, '{"session_id": "trip"}'));
  const closed = await misbehaving(t);
  await new Promise((resume) => closed.server.close(resume));
  let attempts = 0;
  const later = (...call) => fetch(...(++attempts < 3 ? [closed.url] : call));
  const made = await clientOf(server, { fetch: later }).memory.addSession({ session_id: "trip" });
  assert.deepEqual([made.session_id, attempts], ["trip", 3]);
});

test("after as many further attempts as were asked for the error of the last one is thrown", async (t) => {
  const server = await misbehaving(t, BUSY);
  await assert.rejects(clientOf(server, { retries: 2 }).memory.listSessions(), {
    name: "Unavailable",
    message: "starting",
  });
  assert.equal(server.requests.length, 3);
});

for (const later of ["60", new Date(Date.now() + 60_000).toUTCString()]) {
  test(`asked to come back at ${later}, the client gives up at once and says why`, { timeout: 30_000 }, async (t) => {
    const server = await misbehaving(t, answer(503, "later", { "Retry-After": later }));
    await assert.rejects(clientOf(server).memory.listSessions(), { constructor: Unavailable, message: "later" });
    assert.equal(server.requests.length, 1);
  });
}

test("a server that does not answer in time is told from one that is not there, and not asked again", async (t) => {
  const server = await misbehaving(t, SILENCE);
  const late = { constructor: Unreachable, message: /no answer within 100 ms/, hint: /`timeout`/ };
  await assert.rejects(clientOf(server, { timeout: 100 }).memory.listSessions(), late);
  await assert.rejects(clientOf(server).memory.listSessions(undefined, undefined, { timeout: 100 }), late);
  assert.equal(server.requests.length, 2);
});

test("the seconds that the server is asked to wait are added to the time an answer may take", async (t) => {
  const server = await misbehaving(t, SILENCE);
  const options = { timeout: 10, wait: 0.1 };
  await assert.rejects(clientOf(server).memory.addMemory("trip", HI, options), { message: /no answer within 110 ms/ });
  assert.match(server.requests[0].line, /\/memory\?wait=0.1 /);
});

test("messages that cannot be found in time are told to be stored", async (t) => {
  const server = await misbehaving(t, answer(202, "OK"));
  assert.equal(await clientOf(server).memory.addMemory("trip", HI, { wait: 1 }), "stored");
});

test("without an end an answer may take for ever, and one that comes is taken", async (t) => {
  const server = await misbehaving(t, SESSIONS);
  assert.deepEqual(await clientOf(server, { timeout: Infinity }).memory.listSessions(), []);
});

test("a server that is not there is told, with its address and what to look at", async (t) => {
  const { url, server } = await misbehaving(t, SESSIONS);
  await new Promise((resume) => server.close(resume));
  const wrong = {
    constructor: Unreachable,
    message: new RegExp(`GET ${url}/api/v1/user.*ECONNREFUSED`),
    hint: /recollect serve/,
  };
  await assert.rejects(ZepClient.init(url, undefined, { retries: 1 }), wrong);
});

test("the caller ends a call that waits for its answer, with the reason given", async (t) => {
  const server = await misbehaving(t, SILENCE);
  const ending = new AbortController();
  const listing = clientOf(server).memory.listSessions(1, 0, { signal: ending.signal });
  ending.abort();
  await assert.rejects(listing, { name: "AbortError" });
  await assert.rejects(clientOf(server).memory.getMemory("trip", 1, { signal: AbortSignal.timeout(50) }), {
    name: "TimeoutError",
  });
});

test("the caller ends a call between attempts, and one already ended is not sent", async (t) => {
  const server = await misbehaving(t, answer(503, "busy", { "Retry-After": "5" }));
  const ending = new AbortController();
  const listing = clientOf(server).memory.listSessions(1, 0, { signal: ending.signal });
  while (server.requests.length === 0) await new Promise((resume) => setTimeout(resume, 10));
  setTimeout(() => ending.abort(new Error("enough")), 50);
  await assert.rejects(listing, { message: "enough" });
  await assert.rejects(clientOf(server).memory.addMemory("trip", HI, { signal: ending.signal }), { message: "enough" });
  assert.equal(server.requests.length, 1);
});

test("a call that is ended as its answer arrives does not wait to be sent again", { timeout: 8000 }, async (t) => {
  const server = await misbehaving(t, answer(503, "busy", { "Retry-After": "9" }));
  const ending = new AbortController();
  const late = async (...call) => {
    const response = await fetch(...call);
    const text = await response.text();
    return Object.assign(response, { text: async () => (ending.abort(), text) });
  };
  const listing = clientOf(server, { fetch: late }).memory.listSessions(1, 0, { signal: ending.signal });
  await assert.rejects(listing, { name: "AbortError" });
});

test("the caller ends a loop over pages", async (t) => {
  const server = await misbehaving(t, answer(200, '[{"id": 1, "session_id": "a"}]'));
  const ending = new AbortController();
  await assert.rejects(
    async () => {
      for await (const sessions of clientOf(server).memory.listSessionsChunked(1, { signal: ending.signal })) {
        if (sessions.length) ending.abort();
      }
    },
    { name: "AbortError" },
  );
  assert.equal(server.requests.length, 1);
});

const KINDS = {
  401: AuthenticationError,
  404: NotFoundError,
  413: TooLarge,
  500: APIError,
  502: APIError,
  507: OutOfSpace,
};
for (const [status, kind] of Object.entries(KINDS)) {
  test(`${status} is thrown as ${kind.name}, with the server's text and the call`, async (t) => {
    const server = await misbehaving(t, answer(status, "that is why\n"));
    const error = await clientOf(server)
      .memory.getSession("a/b")
      .catch((thrown) => thrown);
    assert.ok(error instanceof ZepError && error.constructor === kind);
    assert.deepEqual([error.name, error.message], [kind.name, "that is why"]);
    assert.deepEqual([error.code, error.responseData], [Number(status), "that is why\n"]);
    assert.equal(error.call, `GET ${server.url}/api/v1/sessions/a%2Fb`);
    assert.match(error.stack, new RegExp(`^${kind.name}: that is why`));
  });
}

test("a status without a text is told with the call", async (t) => {
  const server = await misbehaving(t, answer(500));
  await assert.rejects(clientOf(server).memory.getSession("trip"), {
    message: `GET ${server.url}/api/v1/sessions/trip was answered with 500`,
  });
});

test("what is no answer of this API is an APIError: another server's page, other JSON, a redirect", async (t) => {
  for (const [wrong, message] of [
    [answer(200, "<html>"), /is not what the API answers/],
    [answer(200, "{}"), /is not what the API answers/],
    [answer(200, "null"), /is not what the API answers/],
    [answer(307, "", { Location: "https://other.test/" }), /was answered with a redirect/],
  ]) {
    const server = await misbehaving(t, wrong);
    await assert.rejects(clientOf(server).memory.listSessions(), { constructor: APIError, message });
    await assert.rejects(clientOf(server).memory.addMemory("trip", HI), { constructor: APIError, message });
  }
});

test("the token is sent as a bearer's, and bodies call themselves JSON", async (t) => {
  const server = await misbehaving(t, answer(201, '{"user_id": "ana", "created_at": "", "updated_at": ""}'));
  await new ZepClient(server.url, "t0ken").user.add({ user_id: "ana" });
  assert.match(server.requests[0].head, /authorization: Bearer t0ken/i);
  assert.match(server.requests[0].head, /content-type: application\/json/i);
  assert.equal(server.requests[0].body, '{"user_id":"ana"}');
});

test("a path in front of the API, as behind a proxy, is kept", async (t) => {
  const server = await misbehaving(t, SESSIONS);
  await new ZepClient(`${server.url}/recollect/`).memory.listSessions();
  assert.equal(server.requests[0].line, "GET /recollect/api/v1/sessions HTTP/1.1");
});
