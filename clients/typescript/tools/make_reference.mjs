// Write docs/typescript-reference.md out of the sources' comments and signatures; with `--check` only compare.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const PAGE = at("../../../docs/typescript-reference.md");
const HEAD = `# Reference of the TypeScript client

Made of the client's comments by \`clients/typescript/tools/make_reference.mjs\`. To start, see
[From TypeScript](typescript.md).

Every call takes \`CallOptions\` last: a \`signal\` that ends it, and a \`timeout\` of its own. \`ISession\` and the
like stand for plain objects with the fields of \`Session\`.
`;
export const PARTS = {
  "The client": ["client.ts", "ZepClient"],
  "client.memory": ["memory_manager.ts", "MemoryManager"],
  "client.message": ["message_manager.ts", "MessageManager"],
  "client.user": ["user_manager.ts", "UserManager"],
  "client.document": ["document_manager.ts", "DocumentManager"],
  "A collection": ["document_collection.ts", "DocumentCollection"],
  "client.job": ["job_manager.ts", "JobManager"],
};
const FIELDS = {
  "What is passed and returned": ["memory_models.ts", "user_models.ts", "document_models.ts", "job_manager.ts"],
  Options: ["connection.ts", ...Object.values(PARTS).map(([file]) => file)],
};

function sourceOf(name) {
  const text = readFileSync(at(`../src/${name}`), "utf8");
  return ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true);
}

/** Return what a comment says, and its example. */
export function documentation(node) {
  const [comment] = node.jsDoc ?? [];
  const example = comment?.tags?.find((tag) => tag.tagName.text === "example");
  const internal = comment?.tags?.some((tag) => tag.tagName.text === "internal") ?? false;
  return {
    text: ts.getTextOfJSDocComment(comment?.comment) ?? "",
    example: ts.getTextOfJSDocComment(example?.comment),
    internal,
  };
}

function declared(file, name) {
  return sourceOf(file).statements.find((statement) => statement.name?.text === name);
}

function isPublic(member) {
  return member.name && !ts.isPrivateIdentifier(member.name) && !documentation(member).internal;
}

/** Return the public calls of a class, constructors and getters among them, in the order in which they are written. */
export function calls(part) {
  const kinds = [ts.SyntaxKind.Constructor, ts.SyntaxKind.MethodDeclaration, ts.SyntaxKind.GetAccessor];
  const made = part === "The client" ? (member) => ts.isConstructorDeclaration(member) || isPublic(member) : isPublic;
  return declared(...PARTS[part]).members.filter((member) => kinds.includes(member.kind) && made(member));
}

const tidy = (text) => text.replace(/\s+/g, " ").replace(/\( /g, "(").replace(/,? \)/g, ")");

function signature(member) {
  const name = ts.isConstructorDeclaration(member) ? "new ZepClient" : member.name.getText();
  const modifiers = member.modifiers?.some((each) => each.kind === ts.SyntaxKind.StaticKeyword) ? "ZepClient." : "";
  const type = member.type ? `: ${member.type.getText()}` : "";
  if (ts.isGetAccessor(member)) return `${name}${type}`;
  return tidy(`${modifiers}${name}(${member.parameters.map((each) => each.getText()).join(", ")})${type}`);
}

const code = (text) => ["```ts", text, "```", ""];

function described(node) {
  const { text, example } = documentation(node);
  return [...(text ? [text, ""] : []), ...(example ? code(example) : [])];
}

function section(part) {
  const lines = [`## ${part}`, "", ...described(declared(...PARTS[part]))];
  for (const member of calls(part)) {
    if (ts.isConstructorDeclaration(member)) lines.push(...code(signature(member)));
    else lines.push(`### \`${member.name.getText()}\``, "", ...code(signature(member)), ...described(member));
  }
  return lines;
}

function tableOf(node) {
  const bases = (node.heritageClauses ?? []).filter((each) => each.token === ts.SyntaxKind.ExtendsKeyword);
  const base = bases.map((each) => each.types[0].getText()).filter((name) => name !== "CallOptions");
  const lines = [`### \`${node.name.text}\``, "", ...described(node)];
  if (base.length > 0) lines.push(`The fields of \`${base[0]}\`, and:`, "");
  lines.push("| field | type | |", "|---|---|---|");
  for (const member of node.members.filter((each) => ts.isPropertyDeclaration(each) || ts.isPropertySignature(each))) {
    const optional = member.questionToken !== undefined;
    const type = tidy(member.type.getText())
      .replace(/ \| undefined$/, "")
      .replaceAll("|", "\\|");
    lines.push(`| \`${member.name.text}${optional ? "?" : ""}\` | \`${type}\` | ${documentation(member).text} |`);
  }
  return [...lines, ""];
}

function isTable(node) {
  const exported = node.modifiers?.some((each) => each.kind === ts.SyntaxKind.ExportKeyword);
  const described = Object.values(PARTS).some(([, name]) => name === node.name?.text);
  const fields = /^I[A-Z]\w*(?<!Params|Query)$/.test(node.name?.text ?? ""); // those of the class of the same name
  return (
    exported &&
    !described &&
    !fields &&
    node.name?.text !== "Connection" &&
    (ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node))
  );
}

export function page() {
  const lines = [HEAD, ...Object.keys(PARTS).flatMap(section)];
  for (const [title, files] of Object.entries(FIELDS)) {
    const tables = files.flatMap((file) => sourceOf(file).statements.filter(isTable));
    const wanted = tables.filter((node) => (title === "Options") === /(Options|Params|Query)$/.test(node.name.text));
    lines.push(`## ${title}`, "", ...wanted.flatMap(tableOf));
  }
  return lines.join("\n");
}

if (process.argv[1] === at("make_reference.mjs")) {
  if (!process.argv.includes("--check")) writeFileSync(PAGE, page());
  else if (!existsSync(PAGE) || readFileSync(PAGE, "utf8") !== page()) {
    console.error("docs/typescript-reference.md is not as clients/typescript/tools/make_reference.mjs makes it");
    process.exit(1);
  }
}
