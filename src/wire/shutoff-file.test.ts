import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { readShutoff, type ShutoffOrder, shutOffBy, shutoffMark, writeShutoff } from "./shutoff-file.ts";

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-shutoff-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

const order = (source: string | null, channel: string | null): ShutoffOrder => {
  return { source, channel, reason: "drill", by: "ann", at: 1 };
};

test("what is written is read, none removes it, and each change shows in the mark", (t) => {
  const folder = folderFor(t);
  const marks = [shutoffMark(folder)];
  assert.deepEqual(readShutoff(folder), []);
  for (const orders of [[order(null, null)], [order("s", "staging"), order(null, "pilot")], []]) {
    writeShutoff(folder, orders);
    assert.deepEqual(readShutoff(folder), orders);
    marks.push(shutoffMark(folder));
  }
  assert.equal(new Set(marks).size, 3);
});

test("whoever writes it, servers of other users can read it", (t) => {
  const folder = folderFor(t);
  const mask = process.umask(0o077);
  t.after(() => process.umask(mask));
  writeShutoff(folder, [order("s", null)]);
  assert.equal(statSync(path.join(folder, "shutoff.json")).mode & 0o777, 0o644);
});

test("a file that cannot be understood, or is a link, stops everything", (t) => {
  const folder = folderFor(t);
  const file = path.join(folder, "shutoff.json");
  for (const text of ["", "{", "[]", '{"format":2,"orders":[]}', '{"format":1,"orders":[{}]}']) {
    writeFileSync(file, text);
    assert.ok(shutOffBy(readShutoff(folder), "production", "s") !== null, text);
  }
  rmSync(file);
  symlinkSync("/nowhere", file);
  assert.ok(shutOffBy(readShutoff(folder), "production", null) !== null);
});

test("an order covers its channel and source, and a source's order stops no channel as a whole", () => {
  const covers = (one: ShutoffOrder, channel: string, source: string | null) =>
    shutOffBy([one], channel, source) !== null;
  assert.deepEqual(
    [covers(order(null, null), "a", "s"), covers(order(null, "a"), "a", "s"), covers(order(null, "a"), "b", "s")],
    [true, true, false],
  );
  assert.deepEqual(
    [covers(order("s", null), "a", "s"), covers(order("s", null), "a", "t"), covers(order("s", null), "a", null)],
    [true, false, false],
  );
});
