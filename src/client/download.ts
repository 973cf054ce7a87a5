import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readFile, rename, rm, statfs, writeFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { errnoOf, onDisk } from "../core/kernel/disk.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { HostEntry } from "../core/model/host-file.ts";
import { Stop } from "./agent-code.ts";
import type { ClientFetcher, FileValidators, Sink } from "./doors.ts";
import { syncFolder } from "./durable.ts";

/** Bytes that this run may still take from mirrors, whatever they are. */
export interface RunBudget {
  left: number;
}

export interface DownloadWish {
  readonly host: HostEntry;
  /** Below the host's address. */
  readonly path: string;
  /** What the verified index says; at least one digest is there. */
  readonly size: number | null;
  readonly sha256: string | null;
  readonly sha1: string | null;
  /** Where it lands, once it has been seen to be what the index says. */
  readonly to: string;
  readonly most: number;
  /** Bytes that must stay free on the disk. */
  readonly freeDisk: number;
}

/** What is known of a part that lies there: of which file of which mirror it is. */
const partNote = z.strictObject({
  address: z.string().max(4_096),
  path: z.string().max(4_096),
  etag: z.string().max(1_024).nullable(),
  lastModified: z.string().max(128).nullable(),
});

/**
 * Downloads one file that an index names, goes on with a part of an earlier run where the mirror still has that version,
 * and gives it its name only when size and digest are the index's. The limit comes before trust: listed size, budget and
 * free disk are all held before the first byte and while bytes come. Throws `Stop` and `Failure`.
 */
export async function download(wish: DownloadWish, fetcher: ClientFetcher, budget: RunBudget): Promise<void> {
  await onDisk("downloading", async () => {
    await mkdir(path.dirname(wish.to), { recursive: true, mode: 0o700 });
    if (await isWanted(wish)) return;
    const resumed = await attempt(wish, fetcher, budget, true);
    // A part may have been spoiled by a stop, or by a mirror that kept its tag over a change: once more, from the start.
    if (!resumed.good && resumed.from > 0) {
      if ((await attempt(wish, fetcher, budget, false)).good) return;
    } else if (resumed.good) return;
    throw new Stop("artifact.digest-differs", `${path.basename(wish.to)} is not what the index names`);
  });
}

async function isWanted(wish: DownloadWish): Promise<boolean> {
  const seen = await hashFile(wish.to, Number.POSITIVE_INFINITY);
  if (seen === null) return false;
  if (matches(wish, seen.hashes)) return true;
  await rm(wish.to, { force: true });
  return false;
}

async function attempt(
  wish: DownloadWish,
  fetcher: ClientFetcher,
  budget: RunBudget,
  mayResume: boolean,
): Promise<{ readonly good: boolean; readonly from: number }> {
  const part = `${wish.to}.part`;
  const most = await capOf(wish, budget);
  const held = mayResume ? await heldPart(wish, part, most) : null;
  if (held === null) await forget(part);
  // All of it came, and the run was stopped before it got its name.
  if (held !== null && held.offset === wish.size && matches(wish, held.hashes)) {
    await settle(part, wish.to);
    return { good: true, from: held.offset };
  }
  const handle = await open(part, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  const sink = new PartSink(handle, wish, part, budget, held);
  try {
    const resume = held === null ? null : { offset: held.offset, validators: held.validators };
    const end = await fetcher.fetch({ host: wish.host, path: wish.path, most, resume }, sink);
    if (end.kind === "failed") throw new Failure(end.code, end.detail);
    await handle.sync();
    if (sink.finish()) {
      await settle(part, wish.to);
      return { good: true, from: sink.began };
    }
    await forget(part);
    return { good: false, from: sink.began };
  } catch (cause) {
    // What was cut off is gone on with; what was wrong or too much is worth no byte of the disk.
    if (cause instanceof Stop || (cause instanceof Failure && cause.code === "upstream.over-cap")) await forget(part);
    throw cause;
  } finally {
    await handle.close();
  }
}

async function settle(part: string, to: string): Promise<void> {
  await rename(part, to);
  await forget(part);
  await syncFolder(path.dirname(to));
}

/** The size that the index names; without it, what the limits leave. */
async function capOf(wish: DownloadWish, budget: RunBudget): Promise<number> {
  const disk = await statfs(path.dirname(wish.to));
  const spare = Math.max(0, disk.bavail * disk.bsize - wish.freeDisk);
  const wanted = wish.size ?? 1;
  if (wanted > wish.most) throw new Stop("budget.artifact-bytes", `${wanted} bytes, the limit is ${wish.most}`, false);
  if (wanted > budget.left)
    throw new Stop("budget.total-bytes", `${wanted} bytes, the run has ${budget.left} left`, false);
  if (wanted > spare) throw new Stop("budget.free-disk", `${wanted} bytes, the disk can spare ${spare}`, false);
  return wish.size ?? Math.min(wish.most, budget.left, spare);
}

interface Held {
  readonly offset: number;
  readonly validators: FileValidators;
  readonly hashes: Hashes;
}

async function heldPart(wish: DownloadWish, part: string, most: number): Promise<Held | null> {
  const note = await readNote(`${part}.json`);
  if (note === null || note.address !== wish.host.address || note.path !== wish.path) return null;
  if (note.etag === null && note.lastModified === null) return null;
  const seen = await hashFile(part, most);
  if (seen === null || seen.size === 0) return null;
  return { offset: seen.size, hashes: seen.hashes, validators: { etag: note.etag, lastModified: note.lastModified } };
}

async function readNote(file: string): Promise<z.infer<typeof partNote> | null> {
  try {
    return partNote.safeParse(JSON.parse(await readFile(file, "utf8"))).data ?? null;
  } catch (cause) {
    if (cause instanceof SyntaxError || errnoOf(cause) === "ENOENT") return null;
    throw cause;
  }
}

async function forget(part: string): Promise<void> {
  await rm(part, { force: true });
  await rm(`${part}.json`, { force: true });
}

/** Writes to the part, counts, hashes, keeps to the budget. */
class PartSink implements Sink {
  readonly #handle: FileHandle;
  readonly #wish: DownloadWish;
  readonly #part: string;
  readonly #budget: RunBudget;
  #hashes: Hashes;
  #at = 0;
  #begun: Promise<void> = Promise.resolve();
  /** Where the transfer began: 0 when the mirror sent the whole file. */
  began = 0;

  constructor(handle: FileHandle, wish: DownloadWish, part: string, budget: RunBudget, held: Held | null) {
    this.#handle = handle;
    this.#wish = wish;
    this.#part = part;
    this.#budget = budget;
    this.#hashes = held?.hashes ?? newHashes();
    this.#at = held?.offset ?? 0;
  }

  begin(head: Parameters<Sink["begin"]>[0]): void {
    const { size } = this.#wish;
    if (size !== null && head.size !== null && head.size !== size)
      throw new Stop("artifact.size-differs", `the mirror announces ${head.size} bytes, the index names ${size}`);
    const whole = head.offset === 0;
    if (whole) {
      this.#hashes = newHashes();
      this.#at = 0;
    } else if (head.offset !== this.#at) throw new Failure("upstream.malformed", "it goes on at another place");
    this.began = head.offset;
    const note = { address: this.#wish.host.address, path: this.#wish.path, ...head.validators };
    // A part without its note is never gone on with: the note may come first.
    this.#begun = (whole ? this.#handle.truncate(0) : Promise.resolve()).then(() =>
      writeFile(`${this.#part}.json`, JSON.stringify(note), { mode: 0o600 }),
    );
    this.#begun.catch(() => {});
  }

  async write(piece: Uint8Array): Promise<void> {
    await this.#begun;
    this.#budget.left -= piece.length;
    if (this.#budget.left < 0) throw new Stop("budget.total-bytes", "the run's budget is spent", false);
    for (const hash of Object.values(this.#hashes)) hash.update(piece);
    for (let done = 0; done < piece.length; ) {
      const { bytesWritten } = await this.#handle.write(piece, done, piece.length - done, this.#at);
      done += bytesWritten;
      this.#at += bytesWritten;
    }
  }

  /** Whether what has come is what the index names. */
  finish(): boolean {
    if (this.#wish.size !== null && this.#at !== this.#wish.size)
      throw new Stop("artifact.size-differs", `${this.#at} bytes came, the index names ${this.#wish.size}`);
    return matches(this.#wish, this.#hashes);
  }
}

type Hashes = Readonly<Record<"sha256" | "sha1", ReturnType<typeof createHash>>>;

function newHashes(): Hashes {
  return { sha256: createHash("sha256"), sha1: createHash("sha1") };
}

/** The stronger digest decides; the caller has seen to it that SHA-1 alone is accepted. */
function matches({ sha256, sha1 }: DownloadWish, hashes: Hashes): boolean {
  if (sha256 !== null) return hashes.sha256.copy().digest("hex") === sha256;
  return sha1 !== null && hashes.sha1.copy().digest("hex") === sha1;
}

/** `null` when it is not there, is no regular file, or is longer than `most`. */
async function hashFile(
  file: string,
  most: number,
): Promise<{ readonly size: number; readonly hashes: Hashes } | null> {
  let handle: FileHandle;
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return null;
    throw cause;
  }
  try {
    const found = await handle.stat();
    if (!found.isFile() || found.size > most) return null;
    const hashes = newHashes();
    for await (const piece of handle.createReadStream({ autoClose: false }))
      for (const hash of Object.values(hashes)) hash.update(piece as Uint8Array);
    return { size: found.size, hashes };
  } finally {
    await handle.close();
  }
}
