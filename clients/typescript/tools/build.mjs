// Compile src/ to dist/: once as ECMAScript modules, once as CommonJS.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("../", import.meta.url));
const config = ts.getParsedCommandLineOfConfigFile(
  `${root}tsconfig.json`,
  {},
  { ...ts.sys, onUnRecoverableConfigFileDiagnostic: console.error },
);
const ways = {
  esm: {},
  cjs: { module: ts.ModuleKind.CommonJS, moduleResolution: ts.ModuleResolutionKind.Node10 },
};

rmSync(`${root}dist`, { recursive: true, force: true });
for (const [name, options] of Object.entries(ways)) {
  const outDir = `${root}dist/${name}`;
  const program = ts.createProgram(config.fileNames, { ...config.options, ...options, outDir });
  const wrong = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics];
  if (wrong.length > 0) {
    console.error(
      ts.formatDiagnostics(wrong, {
        getCanonicalFileName: String,
        getCurrentDirectory: () => root,
        getNewLine: () => "\n",
      }),
    );
    process.exit(1);
  }
}
mkdirSync(`${root}dist/cjs`, { recursive: true });
writeFileSync(`${root}dist/cjs/package.json`, '{ "type": "commonjs" }\n');
