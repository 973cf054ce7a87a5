import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseSha256 } from "../kernel/digest.ts";
import { safePath } from "../kernel/safe-path.ts";
import type { RevisionEntry } from "../model/revision.ts";
import { copyTime, treeFiles } from "./plan-tree.ts";

const sha256 = parseSha256("0".repeat(64)) ?? assert.fail();
const steps = [{ revision: 3, movedAt: 9_000 }];

function entries(...paths: readonly string[]): readonly RevisionEntry[] {
  return paths.map((path) => ({ path: safePath(path), sha256, size: 1, builtAt: null, since: 1 }));
}

test("a tree has what a look-up finds: nothing inside another's mount, nothing in the way to one", () => {
  const files = treeFiles([
    { mount: "/", steps, entries: entries("a", "in/hidden", "in/deep/x", "deep", ".ringfort/channel", "inner/seen") },
    { mount: "/in/", steps, entries: entries("b", "deep2/own") },
    { mount: "/in/deep2/", steps, entries: entries("c") },
    { mount: "/deep/er/", steps, entries: entries("d") },
  ]);
  assert.deepEqual(
    Array.from(files, ({ path }) => path),
    ["a", "inner/seen", "in/b", "in/deep2/c", "deep/er/d"],
  );
});

test("a link is taken only where its time is later than what was shown, and times rise whatever happens", () => {
  assert.equal(copyTime("link", { admittedAt: 11_000, lastModified: 20_000 }, 10), null);
  // Of one second nobody can tell two contents apart.
  assert.equal(copyTime("link", { admittedAt: 10_999, lastModified: 20_000 }, 10), 20);
  assert.equal(copyTime("copy", { admittedAt: 11_000, lastModified: 20_000 }, 10), 20);
  assert.equal(copyTime("link", { admittedAt: 1_000, lastModified: 2_000 }, 10), 11);
  const move = fc.record({ admittedAt: fc.nat(1e6), lastModified: fc.nat(1e6), copy: fc.boolean() });
  fc.assert(
    fc.property(fc.array(move, { maxLength: 30 }), (moves) => {
      let shown = 0;
      for (const { copy, ...file } of moves) {
        const time = copyTime(copy ? "copy" : "link", file, shown) ?? Math.floor(file.admittedAt / 1_000);
        assert.ok(time > shown);
        shown = time;
      }
    }),
  );
});
