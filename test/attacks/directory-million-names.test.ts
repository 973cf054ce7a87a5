import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/kernel/limits.ts";
import { readDirectory, type Site } from "../fixtures/read-directory.ts";

// The attack: an index of more names, folders or empty lines than anyone can hold. Reading must end, soon and within
// its memory, with a reason.

const over = LIMITS.feedNames + 1;

async function faultOf(site: Site, list: Parameters<typeof readDirectory>[1]): Promise<string> {
  const { listing, findings } = await readDirectory(site, list);
  assert.deepEqual(listing, { artifacts: [], series: [] });
  return findings.malformed ?? "";
}

test("a folder of more than a million names", async () => {
  const started = performance.now();
  const page = Array.from({ length: over }, (_, at) => `type=file; ${at.toString(36)}`).join("\n");
  assert.match(
    await faultOf({ "": { dialect: "mlsd", page } }, { kind: "listing", depth: 0 }),
    /more than 1000000 names/,
  );
  assert.ok(performance.now() - started < 15_000);
});

test("more than a million names, parted among folders", async () => {
  const half = Array.from({ length: over / 2 }, (_, at) => `type=file; ${at.toString(36)}`).join("\n");
  const site: Site = {
    "": { dialect: "mlsd", page: `${half}\ntype=dir; x` },
    "x/": { dialect: "mlsd", page: `${half}\ntype=file; /` },
  };
  assert.match(await faultOf(site, { kind: "listing", depth: 1 }), /more than 1000000 names/);
});

test("more folders than are gone through", async () => {
  const page = Array.from({ length: LIMITS.listingFolders + 1 }, (_, at) => `type=dir; ${at}`).join("\n");
  assert.match(
    await faultOf({ "": { dialect: "mlsd", page } }, { kind: "listing", depth: 1 }),
    /more than 5000 folders/,
  );
});

test("as many folders as are gone through are asked for", async () => {
  const names = Array.from({ length: LIMITS.listingFolders - 1 }, (_, at) => `${at}`);
  const site: Record<string, Site[string]> = {
    "": { dialect: "mlsd", page: names.map((name) => `type=dir; ${name}`).join("\n") },
  };
  for (const name of names.slice(0, 3)) site[`${name}/`] = { dialect: "mlsd", page: "" };
  await assert.rejects(readDirectory(site, { kind: "listing", depth: 1 }), /the site has no 3\//);
});

test("nothing but line ends", async () => {
  const started = performance.now();
  const before = process.memoryUsage().rss;
  const empty = "\n".repeat(16 * 1024 * 1024);
  assert.deepEqual(
    (await readDirectory({ SHA256SUMS: empty }, { kind: "checksums", file: "SHA256SUMS" })).findings.malformed,
    null,
  );
  assert.ok(performance.now() - started < 5_000);
  assert.ok(process.memoryUsage().rss - before < 512 * 1024 * 1024);
});

test("one line as long as the index may be", async () => {
  const site = { SHA256SUMS: `${"a".repeat(64)}  ${"x".repeat(16 * 1024 * 1024)}` };
  assert.match(await faultOf(site, { kind: "checksums", file: "SHA256SUMS" }), /longer than 4096 bytes/);
});

test("a clear-text signed list of nothing but line ends", async () => {
  const started = performance.now();
  const site = { SHA256SUMS: `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n${"\n".repeat(over)}` };
  assert.match(await faultOf(site, { kind: "checksums", file: "SHA256SUMS" }), /clear-text/);
  assert.ok(performance.now() - started < 2_000);
});
