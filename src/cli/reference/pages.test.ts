import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { FAILURES, REFUSALS } from "../../core/kernel/errors.ts";
import { hostFile } from "../../core/model/host-file.ts";
import { sourceSpec } from "../../core/model/source.ts";
import { hostFileFaults } from "../../core/publish/choose-hosts-faults.ts";
import { results } from "../../wire/requests.ts";
import { ADVICE } from "../advice.ts";
import { buildProgram } from "../program.ts";
import { keysAt, shapeOf } from "../schema-shape.ts";
import { referencePages } from "./pages.ts";

const reference = (name: string) => readFile(new URL(`../../../docs/reference/${name}`, import.meta.url), "utf8");

for (const [name, text] of referencePages()) {
  test(`docs/reference/${name} is fresh (npm run reference)`, async () => {
    assert.equal(await reference(name), text);
  });
}

test("the error page has every code of the table and no other, each with its sentence and advice", async () => {
  const rows = [...(await reference("errors.md")).matchAll(/^\| `([a-z.-]+)` \| (.+?) \| (.+?) \|$/gm)];
  const table: Readonly<Record<string, string>> = { ...REFUSALS, ...FAILURES };
  const onPage = rows.map(([, code]) => code ?? "");
  assert.deepEqual(new Set(onPage), new Set(Object.keys(table)));
  assert.equal(onPage.length, Object.keys(table).length);
  assert.deepEqual(new Set(Object.keys(ADVICE)), new Set(Object.keys(table)));
  for (const [, code, sentence, advice] of rows) {
    assert.equal(sentence, table[code ?? ""]);
    assert.ok((advice ?? "").length > 10, `advice for ${code}`);
  }
});

test("every command that does something has a description and an example of its own name", async () => {
  const page = await reference("cli.md");
  const sections = page.split(/^## /m).slice(1);
  assert.ok(sections.length >= 18);
  for (const section of sections) {
    const name = section.slice(0, section.indexOf("\n"));
    assert.ok(section.includes(`\nringfort ${name}`), `an example of ${name}`);
  }
  const names = buildProgram(async () => {}).commands.map((command) => command.name());
  for (const name of names) assert.match(page, new RegExp(`^## ${name}\\b`, "m"));
});

test("every verb's result is on the JSON page, and every field of a source has its words", async () => {
  const json = await reference("json.md");
  for (const verb of Object.keys(results)) {
    const title = /^(?:source|store|policy)-/.test(verb) ? verb.replace("-", " ") : verb;
    assert.ok(json.includes(`\n## ${title}\n`), title);
  }
  assert.doesNotMatch(json, /\| anything \|/);
  const wordless = (await reference("source.md")).match(/^\| `(?!.*Login\.user|.*login\.user).+\|\s*\|$/gm);
  assert.equal(wordless, null);
});

test("the example of a host file is one, and nothing about it is odd", async () => {
  const [, example = ""] = /```json\n([\s\S]+?)```/.exec(await reference("host-file.md")) ?? [];
  assert.deepEqual(hostFileFaults(hostFile.parse(JSON.parse(example))), []);
});

test("the keys of a source are found below what is written there", () => {
  const shape = shapeOf(sourceSpec);
  assert.deepEqual(keysAt(shape, ["feed"], { feed: { format: "clamav" } }), ["format", "databases", "cdiffs"]);
  const listing = { feed: { format: "directory", list: { kind: "listing" } } };
  assert.deepEqual(keysAt(shape, ["feed", "list"], listing), ["kind", "depth"]);
  assert.deepEqual(keysAt(shape, ["trust"], { trust: { kind: "none" } }), ["kind"]);
  assert.deepEqual(keysAt(shape, ["nowhere"], {}), []);
});
