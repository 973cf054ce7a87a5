import { constants } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import * as z from "zod";
import { errnoOf } from "../core/kernel/disk.ts";

const NOTE_BYTES = 64 * 1024;

// O_EXCL with O_CREAT follows no link in the last place (POSIX open): a name that somebody laid there is an error.
export const NEW_FILE: number = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * What a `.note` file holds. It binds the bytes beside it: after a power cut either file may be of another time, and
 * bytes that are not those of the note are not resumed. That is why neither needs an fsync.
 */
const keptNote = z.strictObject({
  /** What the upstream said of their version. */
  note: z.string().max(16 * 1024),
  /** Bytes. */
  size: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type KeptNote = z.infer<typeof keptNote>;

/** Reads a note; `null` when there is none, or it is none of ours. */
export async function readNote(file: string): Promise<KeptNote | null> {
  // O_NONBLOCK: a pipe laid in its place must not hold us up.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(file, flags).catch(orNotOurs);
  if (handle === null) return null;
  try {
    const stat = await handle.stat();
    if (!stat.isFile() || stat.size > NOTE_BYTES) return null;
    return keptNote.safeParse(parseJson(await handle.readFile("utf8"))).data ?? null;
  } finally {
    await handle.close();
  }
}

/** Replaces a note, whole or not at all. `beside` is a name in the same folder that nobody else uses. */
export async function writeNote(file: string, beside: string, note: KeptNote): Promise<void> {
  await rm(beside, { force: true });
  const handle = await open(beside, NEW_FILE, 0o600);
  try {
    await handle.writeFile(JSON.stringify(keptNote.parse(note)));
  } finally {
    await handle.close();
  }
  await rename(beside, file);
}

/** For a name in quarantine that is not there, or is a link, a folder or a pipe: as good as absent. */
export function orNotOurs(cause: unknown): null {
  if (["ENOENT", "ELOOP", "EISDIR", "ENXIO"].includes(errnoOf(cause) ?? "")) return null;
  throw cause;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
