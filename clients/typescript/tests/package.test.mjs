// The package as it is published: packed, unpacked elsewhere, and used from there.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { address } from "./case.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "recollect-package-"));
const installed = join(folder, "node_modules", "recollect");
after(() => rmSync(folder, { recursive: true }));

const run = (command, ...parameters) => execFileSync(command, parameters, { cwd: folder, encoding: "utf8" });
const packing = ["pack", root, "--json", "--ignore-scripts", "--silent"];
const [packed] = JSON.parse(
  execFileSync("npm", packing, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
);
mkdirSync(installed, { recursive: true });
run("tar", "-xzf", packed.filename, "-C", installed, "--strip-components", "1");
const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));

test("the package holds each module in both forms with its types, and nothing else but what is about it", () => {
  const modules = readdirSync(join(root, "src")).map((name) => name.replace(/\.ts$/, ""));
  const expected = ["esm", "cjs"].flatMap((form) =>
    modules.flatMap((name) => [`dist/${form}/${name}.js`, `dist/${form}/${name}.d.ts`]),
  );
  expected.push("LICENSE", "README.md", "dist/cjs/package.json", "package.json");
  assert.deepEqual(packed.files.map(({ path }) => path).sort(), expected.sort());
  assert.ok(packed.unpackedSize < 300_000);
});

test("the package needs no other, and its license is the project's", () => {
  for (const kind of ["dependencies", "peerDependencies", "optionalDependencies"])
    assert.equal(manifest[kind], undefined);
  const foreign = /(?:from|import|require\()\s*"(?!\.)/;
  for (const { path } of packed.files.filter(({ path }) => path.startsWith("dist/"))) {
    assert.doesNotMatch(readFileSync(join(installed, path), "utf8").replace(/^ *\*.*$/gm, ""), foreign, path);
  }
  assert.equal(readFileSync(join(installed, "LICENSE"), "utf8"), readFileSync(join(root, "../../LICENSE"), "utf8"));
});

const USE = `
  const client = await recollect.ZepClient.init("${address}");
  await client.memory.getMemory("unheard of");
  const missing = await client.memory.getSession("unheard of").catch((error) => error);
  console.log(missing instanceof recollect.NotFoundError, Object.keys(recollect).sort().join());`;

test("it is imported and required, with the same names, and works", () => {
  writeFileSync(join(folder, "use.mjs"), `import * as recollect from "recollect"; ${USE}`);
  writeFileSync(join(folder, "use.cjs"), `const recollect = require("recollect"); (async () => { ${USE} })();`);
  const [imported, required] = ["use.mjs", "use.cjs"].map((name) => run("node", name));
  assert.match(imported, /^true .*\bZepClient\b/);
  assert.equal(required, imported);
});

test("its types are found and right for both kinds of modules, and for old resolution", () => {
  const use = (name, code) => {
    writeFileSync(
      join(folder, name),
      `${code}\nexport const found: Promise<string> = new ZepClient("").memory.deleteMemory("x");\n`,
    );
    return join(folder, name);
  };
  const files = [
    use("use.mts", 'import { ZepClient } from "recollect";'),
    use("use.cts", 'import { ZepClient } from "recollect";'),
  ];
  const plain = [use("plain.ts", 'import { ZepClient } from "recollect";')];
  const { ModuleKind, ModuleResolutionKind } = ts;
  for (const [names, module, moduleResolution] of [
    [files, ModuleKind.NodeNext, ModuleResolutionKind.NodeNext],
    [plain, ModuleKind.CommonJS, ModuleResolutionKind.Node10],
  ]) {
    const options = {
      strict: true,
      noEmit: true,
      skipDefaultLibCheck: true,
      lib: ["lib.es2022.d.ts", "lib.webworker.d.ts"],
      types: [],
      target: ts.ScriptTarget.ES2022,
      module,
      moduleResolution,
    };
    const wrong = ts.getPreEmitDiagnostics(ts.createProgram(names, options));
    assert.deepEqual(
      wrong.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n")),
      [],
    );
  }
});
