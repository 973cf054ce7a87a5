import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { addFolderSource } from "../fixtures/mirrored-file.ts";

/** A daemon with one source of one file; `put` gives that file another content and syncs. */
async function mirror(
  t: TestContext,
): Promise<{ readonly daemon: TestDaemon; readonly put: (content: string) => Promise<void> }> {
  const kept = await mkdtemp(path.join(tmpdir(), "ringfort-witness-"));
  const daemon = await startTestDaemon({
    config: { auditLog: { name: "mirror.example", witness: path.join(kept, "checkpoints.txt") } },
  });
  t.after(async () => {
    await daemon.end();
    await rm(kept, { recursive: true });
  });
  const source = await addFolderSource(daemon, "first");
  const put = async (content: string): Promise<void> => {
    await source.put(content);
    await daemon.sync("files");
  };
  return { daemon, put };
}

async function good(daemon: TestDaemon, ...args: readonly string[]): Promise<string> {
  const run = await daemon.cli(...args);
  assert.equal(run.code, 0, run.stderr);
  return run.stdout;
}

test("what was done is exported, and verified with the key alone and the witness's checkpoints", async (t) => {
  const { daemon, put } = await mirror(t);
  const key = (await good(daemon, "audit-log", "key")).trim();
  assert.match(key, /^mirror\.example\+/);
  await put("second");
  await put("third!");
  const early = await good(daemon, "audit-log", "checkpoint");
  await put("fourth");
  const folder = path.join(daemon.folder, "export");
  await good(daemon, "audit-log", "export", folder);
  await daemon.stop();

  const witness = JSON.parse(await readFile(daemon.configFile, "utf8")).auditLog.witness;
  const earlier = path.join(daemon.folder, "early.txt");
  await writeFile(earlier, early);
  const verify = (...kept: readonly string[]): ReturnType<TestDaemon["cli"]> =>
    daemon.cli("audit-log", "verify", folder, "--key", key, "--kept", ...kept, "--json");
  const whole = await verify(earlier, witness);
  assert.equal(whole.code, 0, whole.stderr + whole.stdout);
  const { entries, kept } = JSON.parse(whole.stdout);
  assert.ok(entries >= 12 && kept >= 3, whole.stdout);

  const file = path.join(folder, "entries.jsonl");
  const log = await readFile(file, "utf8");
  for (const kind of [
    "source.set",
    "feed.judged",
    "revision.admitted",
    "revision.sealed",
    "channel.moved",
    "sync.ended",
  ])
    assert.ok(log.includes(`"kind":"${kind}"`), kind);
  await writeFile(file, log.replace('"by":"', '"by":"not-'));
  const changed = await verify(earlier);
  assert.deepEqual([changed.code, JSON.parse(changed.stdout).error.code], [3, "audit.changed"]);
  const stranger = await daemon.cli("audit-log", "verify", folder, "--key", key.replace("mirror", "other"));
  assert.equal(stranger.code, 2, "a key that is none");
});

test("the key is the signer's alone, and stays; its folder is nobody else's", async (t) => {
  const { daemon, put } = await mirror(t);
  const key = await good(daemon, "audit-log", "key");
  const folder = path.join(daemon.data, "signer");
  assert.deepEqual((await readdir(folder)).toSorted(), ["key", "last"]);
  for (const name of ["key", "last"]) assert.equal((await stat(path.join(folder, name))).mode & 0o777, 0o600);
  await put("second");
  await daemon.stop();
  await daemon.start();
  assert.equal(await good(daemon, "audit-log", "key"), key);
  const said = `${daemon.events()}${await readFile(path.join(daemon.data, "logs", "events.log"), "utf8")}`;
  const { seed } = JSON.parse(await readFile(path.join(folder, "key"), "utf8"));
  assert.ok(!said.includes(seed) && said.includes('"event":"audit-log.signed"'));
});

test("an older ledger in the place of the newest is not signed, and everybody is told", async (t) => {
  const { daemon, put } = await mirror(t);
  await put("second");
  await daemon.stop();
  const old = await mkdtemp(path.join(daemon.folder, "old-"));
  const files = (await readdir(daemon.data)).filter((name) => name.startsWith("ledger.sqlite"));
  for (const name of files) await writeFile(path.join(old, name), await readFile(path.join(daemon.data, name)));
  await daemon.start();
  await put("third!");
  await good(daemon, "audit-log", "checkpoint");
  await daemon.stop();
  for (const name of (await readdir(daemon.data)).filter((each) => each.startsWith("ledger.sqlite")))
    await rm(path.join(daemon.data, name));
  for (const name of files) await rename(path.join(old, name), path.join(daemon.data, name));
  await daemon.start();
  const refused = await daemon.cli("audit-log", "checkpoint", "--json");
  assert.equal(JSON.parse(refused.stdout).error.code, "audit.not-continued");
  // Another past of the same length is no continuation either.
  for (const content of ["x1", "x2", "x3", "x4"]) await put(content);
  const forked = await daemon.cli("audit-log", "checkpoint", "--json");
  assert.equal(JSON.parse(forked.stdout).error.code, "audit.not-continued");
  assert.ok(daemon.events().includes('"event":"audit-log.failed"'));
});
