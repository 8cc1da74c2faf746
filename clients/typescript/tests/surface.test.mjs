// Ours can do all that the published client can: its own declarations tell what that is.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const PUBLISHED = at("../../../tests/published_clients/javascript/node_modules/@getzep/zep-js/dist/index.d.ts");
const OURS = at("../dist/esm/index.d.ts");
const COMPARISON = at("comparison.ts"); // it is nowhere but in the compiler's memory
// Made by the client itself: ours want our own client, theirs whatever has an address and headers.
const MADE_BY_THE_CLIENT = ["MemoryManager", "MessageManager", "UserManager", "DocumentManager", "DocumentCollection"];

assert.ok(existsSync(PUBLISHED), "run `make setup-clients`: the published client is not installed");
const options = {
  strict: true,
  noEmit: true,
  skipDefaultLibCheck: true,
  lib: ["lib.es2022.d.ts", "lib.webworker.d.ts"],
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  types: [],
};

function compile(source, before) {
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === COMPARISON || fileExists(name);
  host.getSourceFile = (name, ...more) =>
    name === COMPARISON ? ts.createSourceFile(name, source, ts.ScriptTarget.ES2022) : getSourceFile(name, ...more);
  return ts.createProgram([PUBLISHED, OURS, COMPARISON], options, host, before);
}

const program = compile("");
const checker = program.getTypeChecker();

function exported(path) {
  const file = program.getSourceFile(path);
  const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(file));
  return new Map(
    symbols.map((each) => [each.name, each.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(each) : each]),
  );
}

const theirs = exported(PUBLISHED);
const ours = exported(OURS);
const classes = [...theirs].filter(([, symbol]) => symbol.flags & ts.SymbolFlags.Class).map(([name]) => name);

function isPrivate(member) {
  return (ts.getCombinedModifierFlags(member.declarations[0]) & ts.ModifierFlags.Private) !== 0;
}

function members(symbol, ofClass = false) {
  const type = ofClass ? checker.getTypeOfSymbol(symbol) : checker.getDeclaredTypeOfSymbol(symbol);
  const found = checker.getPropertiesOfType(type).filter((each) => each.declarations && each.name !== "prototype");
  return new Map(found.filter((each) => !isPrivate(each)).map((each) => [each.name, each]));
}

function parameters(member) {
  const [signature] = checker.getTypeOfSymbol(member).getCallSignatures();
  return signature?.parameters.map(({ valueDeclaration }) => ({
    // One that is taken apart at once has no name.
    name: ts.isIdentifier(valueDeclaration.name) ? valueDeclaration.name.text.toLowerCase() : undefined,
    optional: checker.isOptionalParameter(valueDeclaration),
  }));
}

function differences(kind, expected, given) {
  const found = [];
  for (const [name, member] of expected) {
    if (!given.has(name)) {
      found.push(`${kind}.${name} is missing`);
      continue;
    }
    const wanted = parameters(member);
    if (wanted === undefined) continue;
    const taken = parameters(given.get(name));
    wanted.forEach((each, place) => {
      const mine = taken?.[place];
      const fits = mine && (each.name ?? mine.name) === mine.name && (mine.optional || !each.optional);
      if (!fits) found.push(`${kind}.${name}: ${JSON.stringify(each)}, ours is ${JSON.stringify(mine)}`);
    });
    const more = taken.slice(wanted.length).filter((each) => !each.optional);
    found.push(...more.map((each) => `${kind}.${name}: ${each.name} is not optional`));
  }
  return found;
}

test("every name that is exported there is exported here", () => {
  assert.deepEqual([classes.length, theirs.size], [20, 35]);
  assert.deepEqual(
    [...theirs.keys()].filter((name) => !ours.has(name)),
    [],
  );
});

test("every class there has its namesake, whose members and parameters have the same names and places", () => {
  for (const name of classes) {
    assert.deepEqual(differences(name, members(theirs.get(name)), members(ours.get(name))), []);
    assert.deepEqual(differences(name, members(theirs.get(name), true), members(ours.get(name), true)), []);
  }
});

test("the comparison sees a member that is missing, and parameters that differ", () => {
  const [memory, user] = ["MemoryManager", "UserManager"].map((name) => members(ours.get(name)));
  assert.deepEqual(differences("It", user, memory).length, user.size - 1);
  const as = (name) => new Map([["getSession", memory.get(name)]]);
  assert.equal(differences("It", as("addMemory"), as("getSession")).length, 2);
  assert.equal(differences("It", as("listSessions"), as("getSession")).length, 3);
  assert.equal(differences("It", as("getSession"), as("addMemory")).length, 1);
});

test("what there takes and returns fits what is taken and returned here", () => {
  const lines = [
    `import * as theirs from ${JSON.stringify(PUBLISHED.replace(".d.ts", ".js"))};`,
    `import * as ours from ${JSON.stringify(OURS.replace(".d.ts", ".js"))};`,
    // Without what is private, which never fits.
    "type Public<T> = T extends Date | Float32Array ? T",
    "  : T extends Promise<infer U> ? Promise<Public<U>>",
    "  : T extends AsyncGenerator<infer U> ? AsyncGenerator<Public<U>>",
    "  : T extends (...parameters: any[]) => any ? unknown",
    "  : T extends object ? { [K in keyof T]: Public<T[K]> } : T;",
  ];
  for (const name of classes) {
    const check = (of, ours, theirs) => {
      lines.push(`{ const call = (...given: Parameters<${theirs}>) => ${ours}(...given);`);
      lines.push(
        "  const back = (given: ReturnType<typeof call>)",
        `    : Public<ReturnType<${theirs}>> => given; void [call, back]; } // ${of}`,
      );
    };
    for (const [method, member] of members(theirs.get(name))) {
      const of = `${name}["${method}"]`;
      if (parameters(member)) check(of, `(null! as ours.${of})`, `theirs.${of}`);
      else
        lines.push(
          `{ const read = (given: ours.${name}): Public<theirs.${of}> => given["${method}"]; void read; } // ${of}`,
        );
    }
    for (const [method, member] of members(theirs.get(name), true)) {
      if (parameters(member)) check(`${name}.${method}`, `ours.${name}.${method}`, `typeof theirs.${name}.${method}`);
    }
    if (MADE_BY_THE_CLIENT.includes(name)) continue;
    lines.push(
      `{ const make = (...given: ConstructorParameters<typeof theirs.${name}>) =>`,
      `    new ours.${name}(...given); void make; } // new ${name}`,
    );
  }
  const compared = compile(lines.join("\n"), program);
  const wrong = ts.getPreEmitDiagnostics(compared, compared.getSourceFile(COMPARISON)).map(({ start, messageText }) => {
    const line = lines.join("\n").slice(0, start).split("\n").length;
    return `${lines[line - 1]}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
  // The one that does not, on purpose, shows that the others are compared.
  assert.equal(wrong.length, 1, wrong.join("\n"));
  assert.match(wrong[0], /MemorySearchPayload\["search_type"\].*hybrid/s);
  assert.ok(lines.length > 150);
});
