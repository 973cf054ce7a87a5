import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { FAILURES, REFUSALS } from "../src/core/kernel/errors.ts";

/** One table of codes, each of them said somewhere: a code that nothing says is a promise that nobody keeps. */
const source = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../src");

/** The program's text without its tests, the table itself and the pages that explain it. */
const program = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
  .filter((file) => !["core/kernel/errors.ts", "cli/advice.ts"].includes(file.split(path.sep).join("/")))
  .map((file) => readFileSync(path.join(source, file), "utf8"))
  .join("\n");

/** Whether a code stands where it can be said: not in a comparison, a set of codes or a comment. */
function isSaid(code: string): boolean {
  const text = code.replaceAll(".", "\\.");
  const places = [
    `(?:refuse|failed|Failure|malformed|hindrance)\\(\\s*"${text}"`,
    `code: "${text}"`,
    `[?:]\\s*"${text}"`,
  ];
  return new RegExp(places.join("|")).test(program);
}

test("every code that is refused or failed with is in its table", () => {
  const said = (pattern: RegExp) => [...program.matchAll(pattern)].map(([, code]) => code ?? "");
  const refused = said(/\b(?:refuse|hindrance)\(\s*"([^"]+)"/g);
  const failed = said(/new Failure\(\s*"([^"]+)"/g);
  assert.ok(refused.length > 30 && failed.length > 30, "the patterns find nothing any more");
  for (const code of refused) assert.ok(Object.hasOwn(REFUSALS, code), code);
  for (const code of failed) assert.ok(Object.hasOwn(FAILURES, code), code);
});

test("every code of the tables is said somewhere", () => {
  const dead = [...Object.keys(REFUSALS), ...Object.keys(FAILURES)].filter((code) => !isSaid(code));
  assert.deepEqual(dead, []);
  assert.equal(isSaid("no.such-code"), false, "a dead code would be found");
});

test("a code is a place and a fault, is of one kind, and its sentence is one", () => {
  for (const [code, sentence] of [...Object.entries(REFUSALS), ...Object.entries(FAILURES)]) {
    assert.match(code, /^[a-z]+\.[a-z]+(?:-[a-z]+)*$/);
    assert.match(sentence, /^[a-z].*[^.]$/, code);
  }
  assert.deepEqual(
    Object.keys(REFUSALS).filter((code) => Object.hasOwn(FAILURES, code)),
    [],
  );
});
