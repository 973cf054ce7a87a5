import assert from "node:assert/strict";
import { test } from "node:test";
import type { FolderEntry } from "../folder-entry.ts";
import { readMlsd } from "./mlsd.ts";

function read(text: string): readonly FolderEntry[] {
  const entries: FolderEntry[] = [];
  assert.equal(
    readMlsd(text, (entry) => {
      entries.push(entry);
      return null;
    }),
    null,
  );
  return entries;
}

test("files and folders, the folder itself and its parent left out", () => {
  const text = [
    "type=cdir;modify=20261101100000;perm=el; /pub",
    "type=pdir;modify=20261101100000; ..",
    "type=file;size=12345;modify=20261101100000;UNIX.mode=0644; daily.cvd",
    "Type=DIR;Modify=20261101100000.123; old",
    "size=0;TYPE=File;  two  spaces ",
    "type=OS.unix=slink:/etc/passwd;size=4; link",
    "type=file; no-size",
    "type=file;size=1 x;y=z",
    "",
  ].join("\r\n");
  assert.deepEqual(read(text), [
    { name: "daily.cvd", folder: false, size: 12_345 },
    { name: "old", folder: true, size: null },
    { name: " two  spaces ", folder: false, size: 0 },
    { name: "no-size", folder: false, size: null },
    { name: "x;y=z", folder: false, size: 1 },
  ]);
});

test("what cannot be read stops the listing, with its place", () => {
  for (const line of [
    "name",
    "type=file;",
    "type=file; ",
    "size=3; x",
    "type; x",
    "type=file;size=x; y",
    "type=file;size=-1; y",
    "type=file;size=99999999999999999; y",
    " x",
  ]) {
    assert.match(readMlsd(`type=file; a\r\n${line}\r\n`, () => null) ?? "", /^line 2: /, line);
  }
});
