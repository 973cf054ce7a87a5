import assert from "node:assert/strict";
import http from "node:http";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import type { TestDaemon } from "../fixtures/daemon.ts";
import { type Mirrored, mirroredFile } from "../fixtures/mirrored-file.ts";

const BYTES = 30_000_000;

describe("a stop", () => {
  let mirrored: Mirrored;
  let daemon: TestDaemon;

  before(async () => {
    mirrored = await mirroredFile("large.bin", Buffer.alloc(BYTES, "s"));
    daemon = mirrored.daemon;
  });
  after(() => mirrored?.end());

  test("that is signalled to the whole group lets transfers under way finish", async () => {
    const url = `${await daemon.url("staging")}s/large.bin`;
    const { processes } = await daemon.must({ verb: "status" });
    const pids = processes.flatMap(({ pid }) => (pid === null ? [] : [pid]));
    assert.equal(pids.length, 4);
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      http.get(url, { agent: false }, resolve).on("error", reject);
    });
    // As systemd does it, and a terminal: the workers hear of it too.
    for (const pid of pids) process.kill(pid, "SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 100));
    const stopped = daemon.stop();
    await new Promise((resolve) => setTimeout(resolve, 200));
    let bytes = 0;
    for await (const piece of response) bytes += (piece as Buffer).length;
    assert.equal(bytes, BYTES);
    await stopped;
    assert.match(daemon.events().trimEnd(), /"event":"daemon\.stopped"\}$/);
    assert.doesNotMatch(daemon.events(), /worker\.died/);
    await daemon.start();
  });
});
