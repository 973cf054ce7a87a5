import assert from "node:assert/strict";
import { test } from "node:test";
import type { FolderEntry } from "../folder-entry.ts";
import { readNames } from "./names.ts";

test("one object a line; what is no object with a name stops the listing", () => {
  const entries: FolderEntry[] = [];
  const take = (entry: FolderEntry): null => {
    entries.push(entry);
    return null;
  };
  const lines = [
    { name: "a\nb", size: 5, mtime: 1, dir: false },
    { name: "old", size: 4_096, mtime: 1, dir: true },
    { name: "x" },
  ];
  assert.equal(readNames(lines.map((line) => `${JSON.stringify(line)}\n`).join(""), take), null);
  assert.deepEqual(entries, [
    { name: "a\nb", folder: false, size: 5 },
    { name: "old", folder: true, size: null },
    { name: "x", folder: false, size: null },
  ]);
  for (const line of [
    "x",
    "{}",
    "null",
    "[]",
    '{"name":""}',
    '{"name":1}',
    '{"name":"x","size":-1}',
    '{"name":"x","size":1.5}',
  ]) {
    assert.match(readNames(line, take) ?? "", /^line 1: /, line);
  }
});
