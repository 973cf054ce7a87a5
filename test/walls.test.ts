import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import config from "../oxlint.config.ts";

/** The walls between the folders of src/ are the linter's work; a wall that cannot fall over proves nothing. */
const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

interface Planted {
  readonly file: string;
  readonly source: string;
  /** The rule that must report it, or `null` when nothing may. */
  readonly rule: string | null;
}

const uses = (module: string): string => `import { it } from "${module}";\nexport const used = it;\n`;
const value = (expression: string): string => `export const used = ${expression};\n`;
const IMPORTS = "no-restricted-imports";
const GLOBALS = "no-restricted-globals";
const PROPERTIES = "no-restricted-properties";

const planted: readonly Planted[] = [
  { file: "src/core/kernel/disk.ts", source: uses("node:fs"), rule: IMPORTS },
  { file: "src/core/kernel/hash.ts", source: uses("node:crypto"), rule: IMPORTS },
  { file: "src/core/kernel/late.ts", source: value('import("node:fs")'), rule: IMPORTS },
  { file: "src/core/kernel/bare.ts", source: uses("fs"), rule: "prefer-node-protocol" },
  { file: "src/core/kernel/wire.ts", source: uses("../../wire/it.ts"), rule: IMPORTS },
  { file: "src/core/kernel/clock.ts", source: value("Date.now()"), rule: PROPERTIES },
  { file: "src/core/kernel/dice.ts", source: value("Math.random()"), rule: PROPERTIES },
  { file: "src/core/kernel/uuid.ts", source: value("crypto.randomUUID()"), rule: GLOBALS },
  { file: "src/core/kernel/env.ts", source: value("process.pid"), rule: GLOBALS },
  { file: "src/core/kernel/timer.ts", source: value("setTimeout"), rule: GLOBALS },
  { file: "src/core/kernel/stopwatch.ts", source: value("performance.now()"), rule: GLOBALS },
  { file: "src/core/kernel/web.ts", source: value('fetch("http://h/")'), rule: GLOBALS },
  { file: "src/fetch/keep.ts", source: uses("../store/it.ts"), rule: IMPORTS },
  { file: "src/fetch/late.ts", source: value('import("../store/it.ts")'), rule: IMPORTS },
  { file: "src/fetch/pass.ts", source: 'export { it } from "../store/it.ts";\n', rule: IMPORTS },
  { file: "src/fetch/ask.ts", source: uses("../inspect/it.ts"), rule: IMPORTS },
  { file: "src/fetch/run.ts", source: uses("node:child_process"), rule: IMPORTS },
  { file: "src/inspect/call.ts", source: uses("node:https"), rule: IMPORTS },
  { file: "src/inspect/name.ts", source: uses("node:dns/promises"), rule: IMPORTS },
  { file: "src/serve/ledger.ts", source: uses("node:sqlite"), rule: IMPORTS },
  { file: "src/serve/store.ts", source: uses("../store/it.ts"), rule: IMPORTS },
  { file: "src/store/call.ts", source: uses("node:net"), rule: IMPORTS },
  { file: "src/store/decide.ts", source: uses("../operations/it.ts"), rule: IMPORTS },
  { file: "src/operations/up.ts", source: uses("../daemon/it.ts"), rule: IMPORTS },
  { file: "src/operations/store.ts", source: uses("../store/it.ts"), rule: IMPORTS },
  { file: "src/operations/wire.ts", source: uses("../wire/it.ts"), rule: IMPORTS },
  { file: "src/cli/call.ts", source: uses("node:net"), rule: IMPORTS },
  { file: "src/cli/reach.ts", source: uses("../../daemon/it.ts"), rule: IMPORTS },
  { file: "src/daemon/call.ts", source: uses("node:http"), rule: IMPORTS },
  { file: "src/daemon/parse.ts", source: uses("../inspect/it.ts"), rule: IMPORTS },
  { file: "src/daemon/ledger.ts", source: uses("node:sqlite"), rule: IMPORTS },
  { file: "src/imaging/call.ts", source: uses("node:https"), rule: IMPORTS },
  { file: "src/imaging/reach.ts", source: uses("../host/it.ts"), rule: IMPORTS },
  { file: "src/wire/run.ts", source: uses("node:child_process"), rule: IMPORTS },
  { file: "src/wire/up.ts", source: uses("../operations/it.ts"), rule: IMPORTS },
  // What each folder is there for stays free.
  { file: "src/imaging/make.ts", source: uses("node:child_process"), rule: null },
  { file: "src/core/kernel/good.ts", source: uses("../model/it.ts"), rule: null },
  { file: "src/core/kernel/clock.test.ts", source: `${uses("node:fs")}export const at = Date.now();\n`, rule: null },
  { file: "src/fetch/good.ts", source: `${uses("node:tls")}export { at } from "../core/it.ts";\n`, rule: null },
  { file: "src/store/good.ts", source: uses("node:sqlite"), rule: null },
  { file: "src/operations/good.ts", source: uses("../core/it.ts"), rule: null },
  { file: "src/daemon/good.ts", source: uses("node:child_process"), rule: null },
  { file: "src/main/good.ts", source: `${uses("../store/it.ts")}export { at } from "../fetch/it.ts";\n`, rule: null },
];

/** Runs the linter with our configuration over a tree of planted files; its reports, as "file rule". */
function reportsOf(files: readonly Planted[]): ReadonlySet<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-walls-"));
  try {
    for (const name of ["oxlint.config.ts", "package.json"])
      cpSync(path.join(repository, name), path.join(folder, name));
    symlinkSync(path.join(repository, "node_modules"), path.join(folder, "node_modules"));
    for (const { file, source } of files) {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), source);
    }
    const linter = path.join(repository, "node_modules/oxlint/bin/oxlint");
    const run = spawnSync(process.execPath, [linter, "--format=unix", "src"], { cwd: folder, encoding: "utf8" });
    const lines = run.stdout.matchAll(/^(src\/\S+?):\d+:\d+: .*\(([a-z-]+)\)\]$/gm);
    const reports = new Set([...lines].map(([, file, rule]) => `${file} ${rule}`));
    assert.ok(reports.size > 0, `the linter reported nothing:\n${run.stdout}${run.stderr}`);
    return reports;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("every planted breach of a wall is reported, and nothing that a folder is there for", () => {
  const reports = reportsOf(planted);
  for (const { file, rule } of planted) {
    const found = [...reports].filter((report) => report.startsWith(`${file} `));
    if (rule === null) assert.deepEqual(found, [], file);
    else
      assert.ok(
        found.includes(`${file} ${rule}`),
        `${file} was let through; reported: ${found.join(", ") || "nothing"}`,
      );
  }
});

const folders = readdirSync(path.join(repository, "src"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** Files of src/ that are no tests. */
function sourcesBelow(folder: string): readonly string[] {
  return readdirSync(path.join(repository, "src", folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => path.join(repository, "src", folder, file));
}

test("every folder of src has its walls but main, which chooses what stands in all the others", () => {
  const walled = (config.overrides ?? [])
    .filter(({ rules }) => rules !== undefined && IMPORTS in rules)
    .flatMap(({ files }) => files.map((pattern) => /^src\/(\w+)\/\*\*$/.exec(pattern)?.[1]))
    .filter((folder) => folder !== undefined);
  assert.equal(new Set(walled).size, walled.length);
  assert.deepEqual(
    folders.filter((folder) => !walled.includes(folder)),
    ["main"],
  );
});

test("the program is in folders: no file of src stands outside the walls", () => {
  const loose = readdirSync(path.join(repository, "src"), { withFileTypes: true }).filter((entry) => entry.isFile());
  assert.deepEqual(
    loose.map(({ name }) => name),
    [],
  );
});

// What the linter has no rule for.
test("core imports nothing but itself and its schemas, and never asks a Date for now", () => {
  for (const file of sourcesBelow("core")) {
    const text = readFileSync(file, "utf8");
    for (const [, module = ""] of text.matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g))
      assert.ok(module === "zod" || module.startsWith("."), `${file} imports ${module}`);
    assert.doesNotMatch(text, /new Date\(\s*\)|\bDate\(\s*\)|globalThis/, file);
  }
});

test("no source switches a wall off for itself", () => {
  for (const folder of folders) {
    for (const file of sourcesBelow(folder))
      assert.doesNotMatch(
        readFileSync(file, "utf8"),
        /(?:oxlint|eslint)-disable.*no-restricted|-disable(?:-next-line)?\s*(?:\*\/)?$/m,
        file,
      );
  }
});
