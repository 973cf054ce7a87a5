import assert from "node:assert/strict";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../fixtures/daemon.ts";
import { needsProgram } from "../fixtures/needs.ts";

const start = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../demo/start.ts");

test("the tour walks the main job to its end", { skip: needsProgram("wget", "wget"), timeout: 120_000 }, async () => {
  const { code, stdout, stderr } = await run(process.execPath, [start, "--tour"]);
  assert.equal(code, 0, stdout + stderr);
  for (const stop of [
    "first sync",
    "verified",
    "staged",
    "a client fetches from staging",
    "promoted",
    "a client fetches from production",
    "a tampered update is refused",
    "an endless file stops at its cap",
    "a regressed version is refused",
    "an interrupted download is resumed",
    "a rollback reaches a wget -N client",
    "retrieved over HTTP",
    "HTTP is blocked: passive FTP",
    "the staging pool updates",
    "released, and production updates",
    "a spoofed upstream's endless file",
    "a rogue signer under the same root",
    "a bad update reaches production",
    "rolled back: no client follows by itself",
    "recalled: every client goes back",
  ])
    assert.match(stdout, new RegExp(`^${stop} +yes `, "m"), stdout);
});
