import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { sealBackup } from "../../src/formats/backup/sealed.ts";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { addFolderSource } from "../fixtures/mirrored-file.ts";
import { needsProgram } from "../fixtures/needs.ts";

const MAIN = path.resolve(import.meta.dirname, "../../src/main/ringfort.ts");

interface Kept {
  readonly daemon: TestDaemon;
  readonly identity: string;
  readonly recipient: string;
  readonly backup: string;
}

/** A daemon that serves two revisions of one file, and a key that is kept elsewhere. */
async function mirror(t: TestContext): Promise<Kept> {
  const elsewhere = await mkdtemp(path.join(tmpdir(), "ringfort-elsewhere-"));
  const daemon = await startTestDaemon({ config: { auditLog: { name: "mirror.example" } } });
  t.after(async () => {
    await daemon.end();
    await rm(elsewhere, { recursive: true });
  });
  await addFolderSource(daemon, "served before and after");
  await daemon.sync("files");
  const secret = await generateIdentity();
  const identity = path.join(elsewhere, "backup.key");
  await writeFile(identity, `# kept elsewhere\n${secret}\n`);
  return {
    daemon,
    identity,
    recipient: await identityToRecipient(secret),
    backup: path.join(elsewhere, "ringfort.age"),
  };
}

async function good(daemon: TestDaemon, ...args: readonly string[]): Promise<string> {
  const run = await daemon.cli(...args);
  assert.equal(run.code, 0, `${args.join(" ")}: ${run.stderr}${run.stdout}`);
  return run.stdout;
}

async function codeOf(daemon: TestDaemon, ...args: readonly string[]): Promise<readonly [number, string]> {
  const run = await daemon.cli(...args, "--json");
  return [run.code, (JSON.parse(run.stdout) as { readonly error: { readonly code: string } }).error.code];
}

const served = async (daemon: TestDaemon): Promise<string> => {
  const answer = await fetch(`${await daemon.url("staging")}files/a.txt`);
  return `${answer.status} ${await answer.text()}`;
};

test("a machine that lost its data folder comes back: the same revisions, the same people, the same audit log", async (t) => {
  const { daemon, identity, recipient, backup } = await mirror(t);
  await good(daemon, "user", "add", "ann", "--role", "approver");
  const key = (await good(daemon, "audit-log", "key")).trim();
  const early = path.join(daemon.folder, "early.txt");
  await writeFile(early, await good(daemon, "audit-log", "checkpoint"));
  const before = await daemon.must({ verb: "channels", source: null });
  await good(daemon, "backup", "create", backup, "--recipient", recipient);
  assert.equal((await stat(backup)).mode & 0o077, 0);
  assert.deepEqual(
    (await readdir(daemon.data)).filter((name) => name.startsWith("backup-")),
    [],
    "nothing in clear is left behind",
  );
  const whole = JSON.parse(
    await good(daemon, "backup", "verify", backup, "--identity", identity, "--rehearsed", "--json"),
  );
  assert.ok(whole.revisions === 1 && whole.auditEntries > 3);
  assert.equal(JSON.parse(await readFile(path.join(daemon.data, "rehearsed.json"), "utf8")).format, 1);
  await daemon.stop();
  assert.deepEqual(await codeOf(daemon, "restore", backup, "--identity", identity), [3, "restore.folder-taken"]);

  await rm(daemon.data, { recursive: true });
  await good(daemon, "restore", backup, "--identity", identity);
  assert.equal((await stat(path.join(daemon.data, "signer/key"))).mode & 0o777, 0o600);
  await daemon.start();
  assert.match(await served(daemon), /^503/, "what it should be is known, and the bytes are not here yet");
  await good(daemon, "store", "check", "--repair");
  assert.equal(await served(daemon), "200 served before and after");
  const after = await daemon.must({ verb: "channels", source: null });
  assert.deepEqual(
    after.positions.map(({ channel, revision, movedAt }) => [channel, revision, movedAt]),
    before.positions.map(({ channel, revision, movedAt }) => [channel, revision, movedAt]),
  );
  assert.deepEqual(
    (await daemon.must({ verb: "people" })).people.map(({ name }) => name),
    ["ann"],
  );
  await good(daemon, "sync", "files");
  const folder = path.join(daemon.folder, "export");
  await good(daemon, "audit-log", "export", folder);
  await good(daemon, "audit-log", "verify", folder, "--key", key, "--kept", early);
});

test("a back-up that is damaged, cut off, or another's gives a code, and restores nothing", async (t) => {
  const { daemon, identity, recipient, backup } = await mirror(t);
  await daemon.stop();
  // No daemon: the command line reads the ledger itself.
  await good(daemon, "backup", "create", backup, "--recipient", recipient);
  await rename(daemon.data, `${daemon.data}.old`);
  const bytes = await readFile(backup);
  const whole = bytes.length;
  const refusedWith = async (code: string, ...args: readonly string[]): Promise<void> => {
    assert.deepEqual(await codeOf(daemon, "restore", backup, ...args), [3, code]);
    const left = await readdir(daemon.data).catch(() => []);
    assert.deepEqual(left, [], "nothing is left of it");
  };
  for (const at of [10, 60, Math.floor(whole / 2), whole - 1]) {
    const wrong = Buffer.from(bytes);
    wrong[at] = (wrong[at] ?? 0) ^ 1;
    await writeFile(backup, wrong);
    const [exit, code] = await codeOf(daemon, "backup", "verify", backup, "--identity", identity);
    assert.ok(exit === 3 && (code === "backup.damaged" || code === "backup.key-wrong"), `byte ${at}: ${exit} ${code}`);
  }
  // age's pieces have 64 KiB: one cut lies within a piece, one between two.
  const head = bytes.indexOf("\n", bytes.indexOf("\n---")) + 1 + 16;
  for (const length of [whole - 1, head + 65_536 + 16, head + 5, 40, 0]) {
    await writeFile(backup, bytes);
    await truncate(backup, length);
    await refusedWith("backup.damaged", "--identity", identity);
  }
  await writeFile(backup, bytes);
  const other = path.join(daemon.folder, "other.key");
  await writeFile(other, await generateIdentity());
  await refusedWith("backup.key-wrong", "--identity", other);
  await good(daemon, "restore", backup, "--identity", identity);
});

/** Kills a back-up while its copy of the ledger lies there in clear. */
async function killedBackup({ daemon, recipient, backup }: Kept): Promise<string> {
  const args = [MAIN, "--config", path.join(daemon.folder, "ringfort.yaml"), "backup", "create", `${backup}.killed`];
  for (;;) {
    const child = spawn(process.execPath, [...args, "--recipient", recipient], { stdio: "ignore" });
    const gone = once(child, "exit");
    while (child.exitCode === null) {
      const [left] = (await readdir(daemon.data)).filter((name) => name.startsWith(`backup-${child.pid}-`));
      const has = left === undefined ? [] : await readdir(path.join(daemon.data, left)).catch(() => []);
      if (left === undefined || !has.includes("ledger.sqlite")) continue;
      child.kill("SIGKILL");
      await gone;
      if ((await readdir(daemon.data)).includes(left)) return left;
    }
    await rm(`${backup}.killed`, { force: true });
  }
}

test("what a killed back-up leaves in clear, the next one removes, and so does a start of the daemon", async (t) => {
  const kept = await mirror(t);
  const { daemon, recipient, backup } = kept;
  const copies = async (): Promise<readonly string[]> =>
    (await readdir(daemon.data)).filter((name) => name.startsWith("backup-"));
  await killedBackup(kept);
  assert.equal((await copies()).length, 1);
  await good(daemon, "backup", "create", backup, "--recipient", recipient);
  assert.deepEqual(await copies(), []);

  const left = await killedBackup(kept);
  await daemon.stop();
  await daemon.start();
  assert.deepEqual(await copies(), []);
  const events = await good(daemon, "log", "--events", "--json");
  assert.ok(events.includes("store.copies-removed") && events.includes(left));
});

test("a passphrase opens what it has sealed, and no other does", async (t) => {
  const { daemon, backup } = await mirror(t);
  const file = path.join(daemon.folder, "passphrase");
  await writeFile(file, "correct horse battery staple\n");
  await good(daemon, "backup", "create", backup, "--passphrase-file", file);
  await good(daemon, "backup", "verify", backup, "--passphrase-file", file);
  await writeFile(file, "another horse battery staple\n");
  assert.deepEqual(await codeOf(daemon, "backup", "verify", backup, "--passphrase-file", file), [
    3,
    "backup.key-wrong",
  ]);
  assert.equal((await daemon.cli("backup", "create", `${backup}.2`)).code, 2, "nothing is written in clear");
});

test("a back-up of a newer Ringfort is not restored by an older one", async (t) => {
  const { daemon, identity, recipient, backup } = await mirror(t);
  await daemon.stop();
  await rename(daemon.data, `${daemon.data}.old`);
  const file = path.join(daemon.folder, "newer.sqlite");
  const newer = new DatabaseSync(file);
  newer.exec("PRAGMA user_version = 1000");
  newer.close();
  const bytes = await readFile(file);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const files = [{ name: "ledger.sqlite" as const, size: bytes.length, sha256 }];
  const content = { format: "ringfort-backup-1" as const, madeAt: 0, by: "9.0.0", files };
  const sealed = await sealBackup(content, () => ReadableStream.from([bytes]), { recipients: [recipient] });
  await writeFile(backup, sealed);
  assert.deepEqual(await codeOf(daemon, "restore", backup, "--identity", identity), [1, "store.schema"]);
  assert.deepEqual(await readdir(daemon.data), []);
});

test("age itself opens a back-up", { skip: needsProgram("age", "age") }, async (t) => {
  const { daemon, identity, recipient, backup } = await mirror(t);
  await good(daemon, "backup", "create", backup, "--recipient", recipient);
  const { status, stdout } = spawnSync("age", ["--decrypt", "--identity", identity, backup], { maxBuffer: 1 << 26 });
  assert.equal(status, 0);
  const first = stdout.subarray(0, stdout.indexOf(10)).toString("utf8");
  assert.equal(JSON.parse(first).format, "ringfort-backup-1");
  assert.ok(stdout.includes("SQLite format 3"));
});
