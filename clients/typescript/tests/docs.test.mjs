// What the sources say of themselves: the reference is made of it, and its examples run.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as recollect from "recollect";
import ts from "typescript";
import { calls, documentation, PARTS } from "../tools/make_reference.mjs";
import { address, newName } from "./case.mjs";

// The most used calls, in an order in which each finds what those before it made.
const EXAMPLES = [
  "client.user.add",
  "client.memory.addSession",
  "client.memory.getSession",
  "client.memory.listSessionsChunked",
  "client.memory.addMemory",
  "client.memory.getMemory",
  "client.memory.searchMemory",
  "client.user.search",
  "client.message.getSessionMessages",
  "client.message.updateSessionMessageMetadata",
  "client.document.addCollection",
  "A collection.addDocuments",
  "A collection.search",
  "client.memory.deleteMemory",
];

const tools = (name) => fileURLToPath(new URL(`../tools/${name}`, import.meta.url));
const root = fileURLToPath(new URL("../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "recollect-docs-"));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, "node_modules"));
symlinkSync(root, join(folder, "node_modules", "recollect"));

const documented = new Map(
  Object.keys(PARTS).flatMap((part) =>
    calls(part)
      .filter((member) => member.name)
      .map((member) => [`${part}.${member.name.text}`, documentation(member)]),
  ),
);

test("the page of reference is what the tool makes of the comments", () => {
  execFileSync("node", [tools("make_reference.mjs"), "--check"]);
});

test("each call says what it does, and the most used ones have an example of at most two lines", () => {
  const mute = [...documented].filter(([, { text }]) => text === "").map(([name]) => name);
  assert.deepEqual(mute, []);
  const examples = new Map([...documented].filter(([, { example }]) => example));
  assert.deepEqual([...examples.keys()].sort(), EXAMPLES.toSorted());
  for (const [name, { example }] of examples) assert.ok(example.split("\n").length <= 2, name);
});

function examples() {
  const lines = [
    `import { ${Object.keys(recollect).join(", ")} } from "recollect";`,
    `const client = await ZepClient.init("${address}");`,
    ...EXAMPLES.map((name) => documented.get(name).example),
    'if (memory.messages[0]?.content !== "We leave on Friday.") throw new Error("memory");',
    'if (message.metadata?.["mood"] !== "merry") throw new Error("message");',
  ];
  const unique = newName().slice(-12);
  return lines.join("\n").replace(/"(trip|ana|travel-notes)"/g, (_, name) => `"${name}-${unique}"`);
}

function* programs() {
  const docs = join(root, "../../docs");
  const pages = readdirSync(docs).filter((name) => name.endsWith(".md"));
  for (const page of [
    join(root, "README.md"),
    join(root, "../../README.md"),
    ...pages.map((name) => join(docs, name)),
  ]) {
    for (const [, code] of readFileSync(page, "utf8").matchAll(/^```typescript\n(.*?)^```$/gms)) yield code;
  }
  yield examples();
}

test("the programs of all pages, and the examples, pass the type checker", () => {
  const files = [...programs()].map((code, number) => {
    const file = join(folder, `program_${number}.ts`);
    writeFileSync(file, code);
    return file;
  });
  assert.ok(files.length > 8);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const options = {
    strict: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
    skipDefaultLibCheck: true,
    types: [],
    lib: ["lib.es2022.d.ts", "lib.webworker.d.ts"],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
  };
  const wrong = ts
    .getPreEmitDiagnostics(ts.createProgram(files, options))
    .map(({ file, messageText }) => `${ts.flattenDiagnosticMessageText(messageText, "\n")}\n${file?.text}`);
  assert.deepEqual(wrong, []);
});

test("the examples run, one after the other, with the names of the package and a client", () => {
  writeFileSync(join(folder, "examples.ts"), examples());
  execFileSync("node", [tools("run.mjs"), join(folder, "examples.ts")], { stdio: "pipe", encoding: "utf8" });
});
