import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import type { TestDaemon } from "../fixtures/daemon.ts";
import { type Mirrored, mirroredFile } from "../fixtures/mirrored-file.ts";

describe("a shutoff, from the host's own console", () => {
  let mirrored: Mirrored;
  let daemon: TestDaemon;
  const urls = new Map<string, string>();

  /** The status, or "gone" where nobody answers. */
  const look = (channel: string): Promise<string> => {
    const url = `${urls.get(channel) ?? ""}s/a.bin`;
    return new Promise((resolve) => {
      const asked = http.get(url, { agent: false, timeout: 2_000 }, (response) => {
        response.resume();
        resolve(String(response.statusCode));
      });
      asked.on("error", () => resolve("gone"));
      asked.on("timeout", () => asked.destroy());
    });
  };
  const soon = async (channel: string, wanted: string): Promise<void> => {
    for (let tries = 0; tries < 200 && (await look(channel)) !== wanted; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await look(channel), wanted);
  };
  const known = async (): Promise<void> => {
    for (const channel of ["staging", "production"]) urls.set(channel, await daemon.url(channel));
  };

  before(async () => {
    mirrored = await mirroredFile("a.bin", Buffer.from("one"));
    daemon = mirrored.daemon;
    await daemon.must({ verb: "promote", source: "s", channel: "production", revision: null, reason: "", by: "test" });
    await known();
  });
  after(() => mirrored?.end());

  test("of everything: no channel serves it, a restart changes nothing, and only resume does", async () => {
    assert.equal(await look("production"), "200");
    const stopped = await daemon.cli("stop", "--all", "--reason", "drill");
    assert.equal(stopped.code, 0, stopped.stderr);
    for (const channel of ["staging", "production"]) assert.notEqual(await look(channel), "200");
    await soon("production", "503");
    const refused = await daemon.cli("promote", "s", "--to", "staging", "--json");
    assert.ok(refused.stdout.includes("channel.shut-off"), refused.stdout);
    await daemon.kill();
    await daemon.start();
    await known();
    assert.equal(await look("staging"), "503");
    const recorded = async (): Promise<boolean> => {
      const { lines } = await daemon.must({ verb: "audit-log", from: 0, limit: 50 });
      return lines.some((line) => line.includes("shutoff.changed") && line.includes("drill"));
    };
    for (let tries = 0; tries < 100 && !(await recorded()); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(await recorded());
    assert.equal((await daemon.cli("resume", "--all")).code, 0);
    await soon("production", "200");
  });

  test("of one source in one channel: the other channel goes on", async () => {
    assert.equal((await daemon.cli("stop", "--source", "s", "--channel", "production")).code, 0);
    await soon("production", "404");
    assert.equal(await look("staging"), "200");
    assert.equal((await daemon.cli("resume", "--source", "s", "--channel", "production")).code, 0);
    await soon("production", "200");
    assert.equal((await daemon.cli("stop", "--channel", "nowhere")).code, 2);
  });

  test("with a daemon that hangs it works all the same", async () => {
    process.kill(daemon.pid, "SIGSTOP");
    try {
      assert.equal(await look("production"), "200");
      assert.equal((await daemon.cli("stop", "--all")).code, 0);
      for (const channel of ["staging", "production"]) assert.equal(await look(channel), "gone");
    } finally {
      process.kill(daemon.pid, "SIGCONT");
    }
    await soon("production", "503");
    assert.equal((await daemon.cli("resume", "--all")).code, 0);
    await soon("production", "200");
  });

  interface Stopped {
    readonly taken: {
      readonly kind: string;
      readonly code?: string;
      readonly suspects?: readonly {
        revision: number;
        took: number;
        clients: readonly { client: string; channel: string; wholeAt: number }[];
      }[];
    };
  }
  const stopped = async (...args: readonly string[]): Promise<Stopped["taken"]> => {
    const { code, stdout, stderr } = await daemon.cli("stop", ...args, "--json");
    assert.equal(code, 0, stderr);
    return (JSON.parse(stdout) as Stopped).taken;
  };

  test("it lists who took it: from the daemon, and with no daemon from the ledger", async () => {
    assert.equal(await look("production"), "200");
    // The server tells whom it saw within a second or two.
    const seen = async (): Promise<number> => (await daemon.must({ verb: "exposure", source: "s", revision: 1 })).took;
    for (let tries = 0; tries < 200 && (await seen()) === 0; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50));
    const alive = await stopped("--source", "s", "--channel", "production");
    assert.deepEqual([alive.kind, alive.suspects?.[0]?.took], ["said", alive.suspects?.[0]?.clients.length]);
    assert.ok((alive.suspects?.[0]?.took ?? 0) > 0);
    assert.equal((await daemon.cli("resume", "--all")).code, 0);
    await daemon.kill();
    const dead = await stopped("--all");
    // What came in between may have moved the last time of one.
    const told = ({ kind, suspects }: Stopped["taken"]): unknown => [
      kind,
      suspects?.map(({ revision, took, clients }) => [
        revision,
        took,
        clients.map(({ client, channel, wholeAt }) => [client, channel, wholeAt]),
      ]),
    ];
    assert.deepEqual(told(dead), told(alive));
    assert.equal(dead.suspects?.[0]?.clients[0]?.client, "127.0.0.1");
    assert.deepEqual((await stopped("--source", "other")).suspects, []);
    await daemon.start();
    await known();
    assert.equal(await look("production"), "503");
    assert.equal((await daemon.cli("resume", "--all")).code, 0);
    await soon("production", "200");
  });

  test("a daemon that hangs, or a ledger that cannot be read, is not in its way", async () => {
    process.kill(daemon.pid, "SIGSTOP");
    try {
      const { kind, code } = await stopped("--source", "s");
      assert.deepEqual([kind, code], ["missing", "daemon.unreachable"]);
    } finally {
      process.kill(daemon.pid, "SIGCONT");
    }
    await soon("production", "404");
    await daemon.kill();
    const ledger = path.join(daemon.folder, "data", "ledger.sqlite");
    for (const [spoil, wanted] of [
      [() => writeFile(ledger, "no database at all, but some bytes".repeat(100)), "store.damaged"],
      [() => writeFile(ledger, ""), "store.schema"],
      [() => rm(ledger), "store.io"],
    ] as const) {
      for (const beside of ["-wal", "-shm"]) await rm(`${ledger}${beside}`, { force: true });
      await spoil();
      const { kind, code } = await stopped("--all");
      assert.deepEqual([kind, code], ["missing", wanted]);
    }
  });
});
