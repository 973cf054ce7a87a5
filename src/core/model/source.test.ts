import assert from "node:assert/strict";
import { test } from "node:test";
import * as z from "zod";
import { specOf } from "../../../test/fixtures/intake.ts";
import { channelName, mountOf, type SourceSpecInput, sourceName, sourceSpec } from "./source.ts";
import { duration, size } from "./written-value.ts";

const KEY = `RW${"A".repeat(54)}`;

function placesOf(changes: Partial<SourceSpecInput>): readonly string[] {
  const input = { name: "s", feed: { format: "clamav" }, addresses: ["http://h/"], trust: { kind: "clamav" } };
  const parsed = sourceSpec.safeParse({ ...input, ...changes });
  return parsed.success ? [] : parsed.error.issues.map(({ path }) => path.join("."));
}

test("what is left out has its default, and a written description reads as itself", () => {
  const spec = specOf();
  assert.equal(spec.schedule, "every 1h");
  assert.equal(spec.budget.redirects, 3);
  assert.deepEqual(spec.selection, { include: ["**"], exclude: [] });
  assert.deepEqual(sourceSpec.parse(JSON.parse(JSON.stringify(spec))), spec);
});

test("sizes and lengths of time are read as people write them", () => {
  const { budget, jitter } = specOf({ budget: { bytes: "400 MB", wallTime: "1h 30m" }, jitter: "90s" });
  assert.deepEqual([budget.bytes, budget.wallTime, jitter], [400e6, 5_400_000, 90_000]);
  assert.deepEqual(placesOf({ budget: { bytes: "much" } }), ["budget.bytes"]);
  assert.deepEqual(placesOf({ jitter: "soon" }), ["jitter"]);
});

test("each feed has its kinds of trust, and a signed list must be a list", () => {
  assert.deepEqual(placesOf({}), []);
  assert.deepEqual(placesOf({ trust: { kind: "none" } }), ["trust.kind"]);
  const listing = { format: "directory", list: { kind: "listing" } } as const;
  assert.deepEqual(placesOf({ feed: listing, trust: { kind: "clamav" } }), ["trust.kind"]);
  assert.deepEqual(placesOf({ feed: listing, trust: { kind: "minisign", keys: [KEY] } }), ["feed.list"]);
  assert.deepEqual(placesOf({ feed: listing, trust: { kind: "none" } }), []);
});

test("an address is of a scheme that we have, and holds no password", () => {
  for (const address of ["gopher://h/", "h/x", "", "javascript:alert(1)", "http://u:p@h/"])
    assert.deepEqual(placesOf({ addresses: [address] }), ["addresses.0"], address);
  for (const address of ["http://h/", "https://u@h/", "ftp://h/pub", "file:///srv"])
    assert.deepEqual(placesOf({ addresses: [address] }), [], address);
  assert.deepEqual(placesOf({ addresses: [] }), ["addresses"]);
});

test("paths that a person writes are held to the rules for a vendor's", () => {
  const files = (path: string): SourceSpecInput["feed"] => ({
    format: "directory",
    list: { kind: "files", files: [path] },
  });
  assert.deepEqual(placesOf({ feed: files("../x"), trust: { kind: "none" } }), ["feed.list.files.0"]);
  assert.deepEqual(placesOf({ feed: files("a/x"), trust: { kind: "none" } }), []);
});

test("a misspelt field is an error, never a default", () => {
  assert.deepEqual(placesOf({ budgets: {} } as Partial<SourceSpecInput>), [""]);
});

test("names are such that they can be a folder, a host label and an argument", () => {
  for (const name of ["a", "clamav", "a-1", "1a", "x".repeat(63)]) assert.ok(sourceName.safeParse(name).success, name);
  for (const name of ["", "-a", "a-", "A", "a_b", "a.b", "a/b", "..", "x".repeat(64), "a\n"])
    assert.ok(!sourceName.safeParse(name).success, name);
  assert.ok(channelName.safeParse("staging").success);
  for (const name of ["1", "-a", "A", "", "a/b"]) assert.ok(!channelName.safeParse(name).success, name);
});

test("a source without a mount is found under its name", () => {
  assert.equal(mountOf({ name: "s", mount: undefined }), "/s/");
  assert.equal(mountOf({ name: "s", mount: "/" }), "/");
  for (const mount of ["s", "/s", "s/", "//", "/a b/"]) assert.deepEqual(placesOf({ mount }), ["mount"], mount);
  // A longer one is more than a channel's pointer file takes: its first sync would end the daemon, and every start after.
  for (const [length, places] of [
    [1_024, []],
    [1_025, ["mount"]],
  ] as const)
    assert.deepEqual(placesOf({ mount: `/${"m".repeat(length - 2)}/` }), places, String(length));
  // A browser takes these out of a path before it asks.
  for (const mount of ["/../", "/a/./", "/a/../b/"]) assert.deepEqual(placesOf({ mount }), ["mount"], mount);
});

test("an editor that reads the schema file takes the same times and sizes as we do", () => {
  const table = [
    [duration, ["90s", "1h 30m", " 250ms ", "1.5h", "2d4h"], ["", "x", "90", "4 parsecs", "-1s", "1h30", "1 H"]],
    [size, ["512", "400 MB", "64KiB", "1.5gb", "0 B", " 1 TiB "], ["", "x", "1XB", "-1 B", "1 M", "1,5 GB"]],
  ] as const;
  for (const [schema, good, bad] of table) {
    const shape = JSON.stringify(z.toJSONSchema(schema, { io: "input" }));
    const [, pattern = ""] = /"pattern":("(?:[^"\\]|\\.)*")/.exec(shape) ?? [];
    const form = new RegExp(String(JSON.parse(pattern)));
    for (const text of good) assert.deepEqual([schema.safeParse(text).success, form.test(text)], [true, true], text);
    for (const text of bad) assert.deepEqual([schema.safeParse(text).success, form.test(text)], [false, false], text);
  }
});
