import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { sealBackup } from "../formats/backup/sealed.ts";
import { unpackBackup } from "./backup-files.ts";
import type { CommandContext } from "./context.ts";

const skip = process.platform === "linux" ? false : "needs /proc";

async function openBelow(folder: string): Promise<readonly string[]> {
  const fds = await readdir("/proc/self/fd");
  const files = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return files.filter((file) => file.startsWith(`${folder}/`));
}

test("a back-up that is refused in the middle of a file leaves no file open: Node would end the process that forgot it", {
  skip,
}, async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-unpack-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const identity = await generateIdentity();
  const ledger = Buffer.alloc(300_000, 7);
  const sha256 = createHash("sha256").update(ledger).digest("hex");
  const sealed = await sealBackup(
    {
      format: "ringfort-backup-1",
      madeAt: 0,
      by: "0",
      files: [{ name: "ledger.sqlite", size: ledger.length, sha256 }],
    },
    async function* () {
      yield ledger;
    },
    { recipients: [await identityToRecipient(identity)] },
  );
  const pieces: Uint8Array[] = [];
  for await (const piece of sealed) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const last = bytes.length - 1;
  bytes[last] = (bytes[last] ?? 0) ^ 1;
  const file = path.join(folder, "damaged.age");
  await writeFile(file, bytes);
  const read = await unpackBackup({} as CommandContext, file, { identities: [identity] }, path.join(folder, "into"));
  assert.ok("code" in read && read.code === "backup.damaged");
  assert.deepEqual(await openBelow(folder), []);
});
