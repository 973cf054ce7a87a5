import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { matchesGlob } from "./glob.ts";

const table: readonly (readonly [pattern: string, path: string, matches: boolean])[] = [
  ["**", "a", true],
  ["**", "a/b/c", true],
  ["*", "a", true],
  ["*", "a/b", false],
  ["*.zip", "a.zip", true],
  ["*.zip", "d/a.zip", false],
  ["*.zip", ".zip", true],
  ["a?c", "abc", true],
  ["a?c", "a/c", false],
  ["a?c", "a😀c", true],
  ["a/**", "a/b/c", true],
  ["a/**", "a", false],
  ["a/**", "ab/c", false],
  ["**/x", "x", true],
  ["**/x", "a/b/x", true],
  ["**/x", "ax", false],
  ["**/x", "a/bx", false],
  ["a/**/x", "a/x", true],
  ["a/**/x", "a/b/c/x", true],
  ["a/**/x", "a/bx", false],
  ["a/**/**/x", "a/x", true],
  ["**/*.deb", "pool/main/a.deb", true],
  ["v**x", "v1/2/x", true],
  ["pool/*/a", "pool/main/a", true],
  ["pool/*/a", "pool/main/b/a", false],
  ["a.c", "abc", false],
  ["[ab]", "a", false],
  ["", "", true],
  ["", "a", false],
  ["a", "", false],
];

test("the table of patterns and paths", () => {
  for (const [pattern, path, matches] of table)
    assert.equal(matchesGlob(pattern, path), matches, `${pattern} on ${path}`);
});

test("the same verdict as a plain reading of the rules", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 8 });
  const pattern = fc
    .array(fc.constantFrom("a", "b", "/", "*", "**", "?", "/**/"), { maxLength: 7 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(pattern, text, (glob, path) => {
      assert.equal(matchesGlob(glob, path), new RegExp(`^${asRegExp(glob)}$`).test(path), `${glob} on ${path}`);
    }),
    { numRuns: 5_000 },
  );
});

test("a pattern made to blow up a backtracking matcher costs no more than its length", () => {
  const started = performance.now();
  for (const star of ["*a", "**a", "**/a"])
    assert.equal(matchesGlob(star.repeat(300), `${"a/".repeat(100)}${"a".repeat(800)}b`), false);
  assert.ok(performance.now() - started < 2_000);
});

function asRegExp(glob: string): string {
  return glob.replace(/(?<=^|\/)\*{2,}\/|\*{2,}|\*|\?/g, (token) => {
    if (token.endsWith("/")) return "(?:[^/]*/)*";
    return token === "?" ? "[^/]" : token === "*" ? "[^/]*" : ".*";
  });
}
