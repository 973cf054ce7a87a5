import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openSqliteLedger } from "../../src/store/ledgers/sqlite.ts";
import { AT, digestOf, draftOf, failsWith } from "./ledger-samples.ts";

const HOLDER = fileURLToPath(new URL("./ledger-holder.ts", import.meta.url));
const atStep = (): void => undefined;

async function fileFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-ledger-"));
  t.after(() => rm(folder, { recursive: true }));
  return path.join(folder, "ledger.sqlite");
}

function start(t: TestContext, deed: "hold" | "die", file: string): ChildProcess {
  const child = spawn(process.execPath, [HOLDER, deed, file], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

void test("a second daemon is refused at once, and comes in when the first has been killed", async (t) => {
  const file = await fileFor(t);
  const child = start(t, "hold", file);
  assert.ok(child.stdout !== null);
  await once(child.stdout, "data");
  const before = performance.now();
  await assert.rejects(openSqliteLedger({ file, atStep }), failsWith("store.busy"));
  assert.ok(performance.now() - before < 1_000);
  child.kill("SIGKILL");
  await once(child, "exit");
  const ledger = await openSqliteLedger({ file, atStep });
  assert.deepEqual(await ledger.sources(), []);
  await ledger.close();
});

void test("killed in the middle of a transaction, the ledger is whole and knows nothing of it", async (t) => {
  const file = await fileFor(t);
  const child = start(t, "die", file);
  const [, signal] = await once(child, "exit");
  assert.equal(signal, "SIGKILL");
  // Otherwise this would show only that memory is lost with its process.
  assert.ok((await stat(`${file}-wal`)).size > 10_000_000);
  const ledger = await openSqliteLedger({ file, atStep });
  assert.deepEqual(
    (await ledger.revisions("s")).map(({ number }) => number),
    [1],
  );
  const first = [{ path: "a.bin", sha256: digestOf("one"), size: 3, builtAt: AT, since: 1 }];
  assert.deepEqual(await ledger.entries("s", 1), first);
  assert.deepEqual([...(await ledger.referencedBlobs())], [[digestOf("one"), 3]]);
  assert.equal((await ledger.sealRevision(draftOf("s", { "a.bin": "two" }), AT)).number, 2);
  assert.deepEqual(await ledger.entries("s", 1), first);
  await ledger.close();
});
