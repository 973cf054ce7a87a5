import assert from "node:assert/strict";
import { test } from "node:test";
import { type ImageIdentity, known, type RunningRoot, unknown } from "../machine/facts.ts";
import { judgeRunningRoot, readVerityTable } from "./running-root.ts";

const rootHash = "ab".repeat(32);
const image = { verity: { rootHash, dataBlocks: 45_170 } } satisfies ImageIdentity;
const TABLE = `0 361360 verity 1 254:1 254:2 4096 4096 45170 1 sha256 ${rootHash} ${"5a".repeat(32)}\n`;
const runs = { kind: "verity", rootHash, dataBlocks: 45_170, corrupted: false } as const satisfies RunningRoot;

test("the device-mapper's table and state are read", () => {
  assert.deepEqual(readVerityTable(TABLE, "0 361360 verity V\n"), known(runs));
  assert.deepEqual(readVerityTable(TABLE, "0 361360 verity C\n"), known({ ...runs, corrupted: true }));
  assert.deepEqual(
    readVerityTable("0 2048 linear 254:1 0\n", "0 2048 linear \n"),
    known({ kind: "plain", fileSystem: "a device of kind linear" }),
  );
});

test("a tree whose word the kernel does not keep is none", () => {
  const withOptions = (options: string): string => TABLE.replace("\n", ` ${options}\n`);
  for (const options of ["1 ignore_corruption", "1 check_at_most_once", "2 restart_on_corruption check_at_most_once"]) {
    const root = readVerityTable(withOptions(options), "0 361360 verity V\n");
    assert.equal(judgeRunningRoot(root, image).kind, "fail", options);
  }
  for (const options of ["1 panic_on_corruption", "2 restart_on_corruption ignore_zero_blocks"])
    assert.deepEqual(readVerityTable(withOptions(options), "0 361360 verity V\n"), known(runs));
});

test("what is not understood of a table is unknown, and never good", () => {
  for (const [table, state] of [
    [TABLE.replace("sha256", "sha1"), "0 361360 verity V"],
    [TABLE.replace(rootHash, "ab"), "0 361360 verity V"],
    [TABLE + TABLE, "0 361360 verity V"],
    [TABLE, ""],
    [TABLE, "0 361360 verity X"],
  ] as const)
    assert.ok("unknown" in readVerityTable(table, state), `${table} ${state}`);
});

test("only the image's own root hash over as many blocks passes", () => {
  const verdict = (root: RunningRoot): string => judgeRunningRoot(known(root), image).kind;
  assert.equal(verdict(runs), "pass");
  assert.equal(verdict({ ...runs, rootHash: "cd".repeat(32) }), "fail");
  assert.equal(verdict({ ...runs, dataBlocks: 45_169 }), "fail");
  assert.equal(verdict({ ...runs, corrupted: true }), "fail");
  assert.equal(verdict({ kind: "plain", fileSystem: "ext4" }), "fail");
  assert.equal(judgeRunningRoot(unknown("not root"), image).kind, "unknown");
});
