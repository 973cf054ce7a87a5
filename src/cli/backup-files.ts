import { randomBytes } from "node:crypto";
import { constants, createReadStream, createWriteStream, existsSync } from "node:fs";
import { type FileHandle, lstat, mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { errnoOf, onDisk } from "../core/kernel/disk.ts";
import { Failure, type Refusal, refuse } from "../core/kernel/errors.ts";
import { UNIT_PLACES } from "../core/unit-places.ts";
import { BACKUP_FILES, type BackupFile, type Manifest } from "../formats/backup/layout.ts";
import { type BackupSink, type Opening, openBackup, type Sealing, sealBackup } from "../formats/backup/sealed.ts";
import { type CommandContext, isRefusal } from "./context.ts";
import { type FileDigest, fileDigest } from "./file-digest.ts";
import { asOwnerOf, makeHeldFolder } from "./held-folder.ts";
import { UsageError } from "./report.ts";
import { syncFolder } from "./sync-folder.ts";

const MOST_KEY_BYTES = 64 * 1_024;

/**
 * Writes a back-up into a new file. The signer's last state is copied before the ledger: a state that is newer than the ledger
 * would say of the restored log that its past is another.
 */
export async function makeBackup(context: CommandContext, file: string, sealing: Sealing): Promise<Manifest | Refusal> {
  const { config, file: configFile } = await context.loadConfig();
  await context.surroundings.ledgerFiles.sweep(config.data);
  const held = await makeHeldFolder(copyName(config.data, "backup"));
  const work = held.path;
  try {
    for (const name of ["signer/key", "signer/last", "views/shutoff.json"] as const)
      await copyWhereThere(placeOf(config.data, name), path.join(work, flat(name)), "refuse");
    if (configFile !== null) await copyWhereThere(configFile, path.join(work, flat("ringfort.yaml")), "follow");
    const refusal = await copyLedger(context, config.data, path.join(work, flat("ledger.sqlite")));
    if (refusal !== null) return refusal;
    const files: { name: BackupFile; size: number; sha256: string }[] = [];
    for (const name of BACKUP_FILES) {
      const measured = await measure(path.join(work, flat(name)));
      if (measured !== null) files.push({ name, ...measured });
    }
    const manifest: Manifest = {
      format: "ringfort-backup-1",
      madeAt: context.terminal.now(),
      by: context.surroundings.version,
      files,
    };
    async function* bytes(): AsyncGenerator<Uint8Array> {
      for (const { name } of files) yield* createReadStream(path.join(work, flat(name))) as AsyncIterable<Buffer>;
    }
    await writeNew(file, await sealBackup(manifest, bytes, sealing));
    return manifest;
  } finally {
    await onDisk("removing what the back-up was made of", held.remove);
  }
}

/** Whose it is stands in the name: when that process is gone, whoever comes next removes it (store/left-copies.ts). */
const copyName = (data: string, made: "backup" | "restore"): string => path.join(data, `${made}-${process.pid}-`);

/** Where the roles have users of their own the signer's files are in no folder of the keeper's: root alone reads all of it. */
function placeOf(data: string, name: BackupFile): string {
  const moved = data === UNIT_PLACES.data && existsSync(path.join(UNIT_PLACES.signer, "key"));
  return moved && name.startsWith("signer/")
    ? path.join(UNIT_PLACES.signer, path.basename(name))
    : path.join(data, name);
}

const flat = (name: BackupFile): string => name.replace("/", "-");

/** What another user may have put there is no link that is followed: root, who makes a back-up, may read what they may not. */
async function copyWhereThere(from: string, to: string, links: "follow" | "refuse"): Promise<void> {
  await onDisk(`reading ${path.basename(from)}`, async () => {
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | (links === "refuse" ? constants.O_NOFOLLOW : 0);
    const handle = await open(from, flags).catch((cause: unknown) => {
      if (errnoOf(cause) === "ENOENT") return null;
      throw cause;
    });
    if (handle === null) return;
    try {
      if (!(await handle.stat()).isFile()) throw new Failure("store.io", `${path.basename(from)} is no regular file`);
      await pipeline(
        handle.createReadStream({ autoClose: false }),
        createWriteStream(to, { flags: "wx", mode: 0o600 }),
      );
    } finally {
      await handle.close();
    }
  });
}

/** By the daemon, which holds it; as its owner where none runs: SQLite makes files beside a ledger, and follows what they say. */
async function copyLedger(context: CommandContext, data: string, to: string): Promise<Refusal | null> {
  try {
    const answer = await context.ask({ verb: "backup-ledger", by: context.by });
    if (isRefusal(answer)) return answer;
    await takeCopy(path.join(data, path.basename(answer.file)), to);
  } catch (error) {
    if (!(error instanceof Failure && error.code === "daemon.unreachable")) throw error;
    const copy = `${copyName(data, "backup")}${randomBytes(8).toString("hex")}.sqlite`;
    await asOwnerOf(data, () => context.surroundings.ledgerFiles.copy(path.join(data, "ledger.sqlite"), copy));
    await takeCopy(copy, to);
  }
  return null;
}

async function takeCopy(copy: string, to: string): Promise<void> {
  await onDisk("taking the copy of the ledger", () => rename(copy, to));
  const entry = await onDisk("taking the copy of the ledger", () => lstat(to));
  if (!entry.isFile()) throw new Failure("store.io", "the copy of the ledger is no regular file");
}

async function measure(file: string): Promise<FileDigest | null> {
  return await onDisk("reading what is to be kept", () =>
    fileDigest(file, "follow").catch((cause: unknown) => {
      if (errnoOf(cause) === "ENOENT") return null;
      throw cause;
    }),
  );
}

async function writeNew(file: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const beside = `${file}.partial`;
  await onDisk("writing the back-up", async () => {
    const handle = await open(beside, "wx", 0o600);
    try {
      for await (const piece of pieces) await handle.writeFile(piece);
      await handle.sync();
    } catch (cause) {
      await rm(beside, { force: true });
      throw cause;
    } finally {
      await handle.close();
    }
    await rename(beside, file);
    await syncFolder(path.dirname(file));
  });
}

/** Opens a back-up into an empty folder and reads all of it, its ledger too. What is refused leaves nothing that was said to be whole. */
export async function unpackBackup(
  context: CommandContext,
  file: string,
  opening: Opening,
  into: string,
): Promise<{ readonly manifest: Manifest; readonly revisions: number; readonly auditEntries: number } | Refusal> {
  const sealed = createReadStream(file);
  const sink = fileSink(into);
  const manifest = await onDisk("unpacking the back-up", async () => {
    try {
      return await openBackup(sealed as AsyncIterable<Buffer>, opening, sink);
    } finally {
      // A refusal comes in the middle of a file: Node ends a process whose open handle is collected.
      await sink.close();
      sealed.destroy();
    }
  });
  if (isRefusal(manifest)) return manifest;
  if (!manifest.files.some(({ name }) => name === "ledger.sqlite")) return refuse("backup.damaged", "it has no ledger");
  const { revisions, auditEntries } = await context.surroundings.ledgerFiles.check(path.join(into, "ledger.sqlite"));
  return { manifest, revisions, auditEntries };
}

function fileSink(into: string): BackupSink & { close(): Promise<void> } {
  let handle: FileHandle | null = null;
  return {
    begin: async (name) => {
      const place = path.join(into, name);
      await mkdir(path.dirname(place), { recursive: true, mode: name.startsWith("signer/") ? 0o700 : 0o750 });
      handle = await open(place, "wx", 0o600);
    },
    write: async (piece) => {
      await handle?.writeFile(piece);
    },
    close: async () => {
      await handle?.close();
      handle = null;
    },
    end: async () => {
      await handle?.sync();
      await handle?.close();
      handle = null;
    },
  };
}

/** Puts a back-up into an empty data folder, the one asked for or else the configuration's: unpacked and checked beside it, then renamed. */
export async function restoreBackup(
  context: CommandContext,
  file: string,
  opening: Opening,
  asked: string | null,
): Promise<{ readonly manifest: Manifest; readonly revisions: number; readonly data: string } | Refusal> {
  const data = asked ?? (await context.loadConfig()).config.data;
  await context.surroundings.ledgerFiles.sweep(data);
  const held = await onDisk("looking at the data folder", () =>
    readdir(data).catch((cause: unknown) => {
      if (errnoOf(cause) === "ENOENT") return [];
      throw cause;
    }),
  );
  // Of a mount of its own the file system's folder may be there.
  if (held.some((name) => name !== "lost+found")) return refuse("restore.folder-taken", data);
  await onDisk("making the data folder", () => mkdir(data, { recursive: true, mode: 0o750 }));
  const work = await onDisk("unpacking the back-up", () => mkdtemp(copyName(data, "restore")));
  try {
    const unpacked = await unpackBackup(context, file, opening, work);
    if (isRefusal(unpacked)) return unpacked;
    await onDisk("putting the files into their places", async () => {
      // The ledger last: a folder without one is not mistaken for a whole one.
      for (const name of ["ringfort.yaml", "signer", "views", "ledger.sqlite"]) {
        const to = path.join(data, name === "ringfort.yaml" ? "ringfort.yaml.restored" : name);
        await rename(path.join(work, name), to).catch((cause: unknown) => {
          if (errnoOf(cause) !== "ENOENT") throw cause;
        });
      }
      await syncFolder(data);
    });
    return { manifest: unpacked.manifest, revisions: unpacked.revisions, data };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A file of keys: one a line, # before a remark. Keys are never read off the command line but for public ones. */
export async function keysIn(file: string, form: RegExp): Promise<readonly string[]> {
  const text = await keyText(file);
  const keys = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (keys.length === 0 || !keys.every((key) => form.test(key)))
    throw new UsageError("the file holds something that is no key of age");
  return keys;
}

export async function passphraseIn(file: string): Promise<string> {
  const passphrase = (await keyText(file)).replace(/\r?\n$/, "");
  if (passphrase.length < 12) throw new UsageError("a passphrase has at least 12 characters");
  return passphrase;
}

async function keyText(file: string): Promise<string> {
  const text = await onDisk("reading the file of keys", async () => {
    const { size } = await stat(file);
    return size > MOST_KEY_BYTES ? null : readFile(file, "utf8");
  });
  if (text === null) throw new UsageError("the file is too large for keys");
  return text;
}
