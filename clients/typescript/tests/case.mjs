// A client of the server at RECOLLECT_URL, which the tests share: they name what they store by `newName`.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer } from "node:net";
import { ZepClient } from "recollect";

export const address = process.env.RECOLLECT_URL;
export const connect = () => ZepClient.init(address);
export const newName = () => `name-${randomUUID()}`;
export const range = (length) => Array.from({ length }, (_, n) => n);

export async function until(holds) {
  const deadline = Date.now() + 60_000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline);
    await new Promise((resume) => setTimeout(resume, 50));
  }
}

export async function collect(chunks) {
  const collected = [];
  for await (const chunk of chunks) collected.push(chunk);
  return collected;
}

/** Read the request and close the connection without an answer. */
export const DROP = "";
/** Read the request and do not answer. */
export const SILENCE = null;

export function answer(status, body = "", headers = {}) {
  const lines = [`HTTP/1.1 ${status} Any`, `Content-Length: ${Buffer.byteLength(body)}`, "Connection: close"];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  return [...lines, "", ""].join("\r\n") + body;
}

/** Run a server that answers the nth request with the nth of its answers, and the last one over and over. */
export async function misbehaving(t, ...answers) {
  const requests = [];
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    let received = "";
    socket.on("error", () => socket.destroy());
    socket.on("data", (data) => {
      received += data;
      const [head, body] = received.split("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (body === undefined || Buffer.byteLength(body) < length) return;
      requests.push({ line: head.split("\r\n")[0], head, body });
      const reply = answers[Math.min(requests.length, answers.length) - 1];
      if (reply !== SILENCE) socket.end(reply);
    });
  });
  await new Promise((resume) => server.listen(0, "127.0.0.1", resume));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, requests, server };
}
