import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmod, chown, lstat, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { makeBackup } from "../../src/cli/backup-files.ts";
import type { CommandContext } from "../../src/cli/context.ts";
import { Failure } from "../../src/core/kernel/errors.ts";

const KEEPER = 65_534;
const skip = process.getuid?.() === 0 ? false : "needs root: whoever makes a back-up must be another than the keeper";

interface Scene {
  readonly data: string;
  /** A folder of root's, in which the keeper must get nothing written. */
  readonly victim: string;
  readonly file: string;
  /** Makes a back-up, with this in the place of the keeper's answer. */
  readonly backup: (answer: () => Promise<string>) => ReturnType<typeof makeBackup>;
  /** As whom the ledger was copied where no daemon runs. */
  readonly copiedBy: number[];
}

/** A data folder of another user's, of whom root makes a back-up. */
async function scene(t: TestContext): Promise<Scene> {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-backup-"));
  t.after(() => rm(folder, { recursive: true }));
  await chmod(folder, 0o755);
  const [data, victim] = [path.join(folder, "data"), path.join(folder, "victim")];
  for (const each of [data, victim, path.join(data, "signer"), path.join(data, "views")]) await mkdir(each);
  await writeFile(path.join(data, "signer/key"), "the signer's key", { mode: 0o600 });
  await writeFile(path.join(data, "ledger.sqlite"), "a ledger");
  for (const each of [data, path.join(data, "views")]) await chown(each, KEEPER, KEEPER);
  const copiedBy: number[] = [];
  const contextOf = (answer: () => Promise<string>): CommandContext =>
    ({
      loadConfig: async () => ({ config: { data }, file: null }),
      ask: async () => ({ file: await answer() }),
      by: "root",
      terminal: { now: () => 1_795_442_400_000 },
      surroundings: {
        version: "0",
        ledgerFiles: {
          sweep: async () => [],
          copy: async (_from: string, to: string) => {
            copiedBy.push(process.geteuid?.() ?? -1);
            await writeFile(to, "a ledger", { flag: "wx" });
          },
        },
      },
    }) as unknown as CommandContext;
  const file = path.join(folder, "ringfort.age");
  const sealing = { passphrase: "only for this test" };
  return { data, victim, file, copiedBy, backup: (answer) => makeBackup(contextOf(answer), file, sealing) };
}

async function copyIn(data: string): Promise<string> {
  const name = `backup-${process.pid}-${randomBytes(4).toString("hex")}.sqlite`;
  await writeFile(path.join(data, name), "what the keeper wrote");
  return name;
}

test("a folder that the keeper puts in the place of root's is not written in", { skip }, async (t) => {
  const { data, victim, backup } = await scene(t);
  const made = await backup(async () => {
    const [work = ""] = (await readdir(data)).filter((name) => name.startsWith("backup-"));
    await rename(path.join(data, work), path.join(data, "away"));
    await symlink(victim, path.join(data, work));
    return copyIn(data);
  });
  assert.deepEqual(await readdir(victim), []);
  assert.ok("files" in made);
  assert.deepEqual(
    made.files.map(({ name }) => name),
    ["ledger.sqlite", "signer/key"],
  );
  assert.deepEqual(await readdir(path.join(data, "away")), [], "nothing in clear is left behind");
});

test("links that the keeper lays are not followed into what root alone may read", { skip }, async (t) => {
  const { data, victim, file, backup } = await scene(t);
  await writeFile(path.join(victim, "secret"), "root's", { mode: 0o600 });
  const ledger = async (): Promise<string> => {
    const name = `backup-${process.pid}-00000000.sqlite`;
    await symlink(path.join(victim, "secret"), path.join(data, name));
    return name;
  };
  await assert.rejects(backup(ledger), { code: "store.io" });
  await symlink(path.join(victim, "secret"), path.join(data, "views/shutoff.json"));
  await assert.rejects(
    backup(() => copyIn(data)),
    { code: "store.io" },
  );
  await assert.rejects(lstat(file), { code: "ENOENT" });
  assert.deepEqual(
    (await readdir(data)).filter((name) => name.startsWith(`backup-${process.pid}-`) && !name.endsWith(".sqlite")),
    [],
  );
});

test("where no daemon runs, root copies the ledger as its owner", { skip }, async (t) => {
  const { copiedBy, backup } = await scene(t);
  const made = await backup(async () => {
    throw new Failure("daemon.unreachable", "none runs");
  });
  assert.ok("files" in made);
  assert.deepEqual([copiedBy, process.geteuid?.(), process.getegid?.()], [[KEEPER], 0, 0]);
});
