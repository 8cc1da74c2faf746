// Run a TypeScript program without checking its types: node run.mjs program.ts
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";

const program = resolve(process.argv[2]);
const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 };
const { outputText } = ts.transpileModule(readFileSync(program, "utf8"), { compilerOptions });
const compiled = program.replace(/\.ts$/, ".mjs");
writeFileSync(compiled, outputText);
await import(pathToFileURL(compiled));
