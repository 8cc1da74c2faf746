import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { DocumentCollection, ZepClient } from "recollect";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

test("a program that uses every method passes `tsc --strict`, with the types that it states", () => {
  execFileSync("node", [at("../node_modules/typescript/bin/tsc"), "-p", at("types")], { encoding: "utf8" });
});

test("no method is left out of that program", () => {
  const client = new ZepClient("http://127.0.0.1:1");
  const owners = [client, client.memory, client.message, client.user, client.document, client.job];
  const methods = [...owners.map(Object.getPrototypeOf), DocumentCollection.prototype].flatMap((owner) =>
    Object.entries(Object.getOwnPropertyDescriptors(owner)).filter(([, { value }]) => typeof value === "function"),
  );
  const used = new Set(
    [...readFileSync(at("types/program.ts"), "utf8").matchAll(/\.(\w+)\(/g)].map(([, name]) => name),
  );
  assert.ok(methods.length > 40);
  assert.deepEqual(
    methods.map(([name]) => name).filter((name) => name !== "constructor" && !used.has(name)),
    [],
  );
});
