import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { newMinisignKey, parseKeyFile, trustInKey } from "../../src/formats/signatures/key-file.ts";
import { makeMachine } from "../fixtures/agent.ts";
import { runHere } from "../fixtures/agent-run.ts";
import { run } from "../fixtures/scripted-terminal.ts";

const TOOL = { product: "Tool", version: "1", language: "SymAllLanguages", mount: "/tool/", item: undefined };

test("a published program may be run where the agent has installed it, and a change of that right is a release", {
  skip: process.platform === "win32",
}, async () => {
  const place = await mkdtemp(path.join(tmpdir(), "ringfort-programs-"));
  const command = async (...args: readonly string[]): Promise<string> => {
    const { exit, out, err } = await run(args, { cwd: place });
    assert.equal(exit, 0, err);
    return out;
  };
  const signed = ["--into", "share/tool", "--key", "tool.key", "--as", "liveupdate"];
  const named = ["--product", TOOL.product, "--version", TOOL.version];
  const publish = async (sequence: number): Promise<string> =>
    await command("publish", "build", ...signed, ...named, "--sequence", String(sequence));
  await command("key", "new", "tool.key", "--kind", "x509");
  const key = parseKeyFile(await readFile(path.join(place, "tool.key"), "utf8"), "tool.key");
  assert.equal(key.kind, "x509");
  const { publicKey } = newMinisignKey({ name: "r", now: 0, randomBytes: (count) => Buffer.alloc(count, 1) });
  const hosts = [{ type: "share", address: `${path.join(place, "share")}/` }] as const;
  const machine = await makeMachine({ vendor: { trust: trustInKey(key), recallKey: publicKey }, hosts, product: TOOL });
  const modes = async (version: number): Promise<readonly number[]> =>
    await Promise.all(
      ["run.sh", "data.txt"].map(
        async (name) => (await stat(path.join(machine.product, "versions", String(version), name))).mode & 0o111,
      ),
    );
  try {
    await mkdir(path.join(place, "build"));
    await writeFile(path.join(place, "build", "run.sh"), "#!/bin/sh\n", { mode: 0o700 });
    await writeFile(path.join(place, "build", "data.txt"), Array.from({ length: 3_000 }, (_, n) => n * n * 7).join());
    await publish(1);
    assert.equal((await runHere(machine)).to, 1);
    assert.deepEqual(await modes(1), [0o111, 0]);
    await chmod(path.join(place, "build", "run.sh"), 0o600);
    assert.match(await publish(2), /-1-2\.zip/, "the bytes are the same, and one file is a program no longer");
    assert.equal((await runHere(machine)).to, 2);
    assert.deepEqual(await modes(2), [0, 0]);
    assert.deepEqual(await modes(1), [0o111, 0], "the version before is as it was");
    assert.match(await publish(3), /^nothing to publish/);
  } finally {
    await machine.remove();
    await rm(place, { recursive: true, force: true });
  }
});
