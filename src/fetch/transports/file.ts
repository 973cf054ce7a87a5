import type { BigIntStats } from "node:fs";
import { constants, type FileHandle, open } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Failure, quoteUrl } from "../../core/kernel/errors.ts";
import type { FetchJob, Validators } from "../../wire/jobs.ts";
import type { CappedStream } from "../capped-stream.ts";
import { errorCode } from "../dial.ts";
import type { Transport } from "../transport.ts";
import { within } from "../within.ts";
import { listFolder } from "./file/list-folder.ts";

/** Bytes of one read; measured best between 512 KiB and 1 MiB. */
const READ_BYTES = 512 * 1024;

/** Files of a folder, usually a mounted share or a medium that was carried over. */
export function fileTransport(_userAgent: string): Transport {
  return { fetch: fetchFile, close: () => {} };
}

async function fetchFile(job: FetchJob, stream: CappedStream, signal: AbortSignal): Promise<"done" | "not-modified"> {
  const path = pathOf(job.url);
  if (job.list) {
    await sendListing(job, path, stream, signal);
    return "done";
  }
  const handle = await waited(openFile(path), job, signal, (late) => void late.close());
  try {
    return await sendFile(job, handle, stream, signal);
  } finally {
    // Not waited for: on a dead network share even closing may hang.
    handle.close().catch(() => {});
  }
}

/** `file:` without a host, absolute, no control characters (RFC 8089). */
function pathOf(text: string): string {
  try {
    const path = fileURLToPath(text);
    if (!/\p{Cc}/u.test(path)) return path;
  } catch (cause) {
    if (errorCode(cause) === "unknown" && !(cause instanceof URIError)) throw cause;
  }
  throw new Failure("address.unsupported", `${quoteUrl(text)} is no path of this machine`);
}

async function openFile(path: string): Promise<FileHandle> {
  // O_NOFOLLOW: a link in the folder must not lead out of it. O_NONBLOCK: opening a FIFO without a writer would wait
  // for one for ever, in a thread that cannot be stopped.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch((cause: unknown) => {
    throw fileFailure(cause);
  });
  const found = await handle.stat({ bigint: true });
  if (found.isFile()) return handle;
  await handle.close();
  throw new Failure("upstream.malformed", "not a regular file");
}

async function sendFile(
  job: FetchJob,
  handle: FileHandle,
  stream: CappedStream,
  signal: AbortSignal,
): Promise<"done" | "not-modified"> {
  const before = await waited(handle.stat({ bigint: true }), job, signal);
  const validators = validatorsOf(before);
  if (job.unless !== null && sameVersion(job.unless, validators)) return "not-modified";
  const size = Number(before.size);
  const resume = job.resume !== null && sameVersion(job.resume.validators, validators) ? job.resume.offset : 0;
  const offset = resume <= size ? resume : 0;
  stream.begin({ offset, size, validators, finalUrl: job.url, dialect: null });
  const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, Math.max(1, size - offset)));
  for (let at = offset; at < size && !stream.full; ) {
    const most = Math.min(buffer.length, size - at);
    const { bytesRead } = await waited(handle.read(buffer, 0, most, at), job, signal);
    if (bytesRead === 0) throw new Failure("upstream.cut-off", "the file has become shorter", { retry: "later" });
    at += bytesRead;
    if (!stream.write(buffer.subarray(0, bytesRead))) await interruptible(stream.ready(), job, signal);
  }
  // A file that is written while we read it is two versions in one.
  const after = await waited(handle.stat({ bigint: true }), job, signal);
  if (validatorsOf(after).etag !== validators.etag) {
    throw new Failure("upstream.changed", "the file changed while it was read", { retry: "later" });
  }
  return "done";
}

async function sendListing(job: FetchJob, path: string, stream: CappedStream, signal: AbortSignal): Promise<void> {
  const listing = await interruptible(listFolder(path, job.caps.bytes, signal), job, signal);
  const validators = { etag: null, lastModified: null };
  stream.begin({ offset: 0, size: listing.length, validators, finalUrl: job.url, dialect: "names" });
  for (let at = 0; at < listing.length && !stream.full; at += READ_BYTES) {
    const taken = stream.write(listing.subarray(at, at + READ_BYTES));
    if (!taken) await interruptible(stream.ready(), job, signal);
  }
}

/** What names a version: the time alone is too coarse, and a copy can keep it. */
function validatorsOf(stats: BigIntStats): Validators {
  const etag = `"${stats.size.toString(16)}-${stats.mtimeNs.toString(16)}-${stats.ino.toString(16)}"`;
  return { etag, lastModified: new Date(Number(stats.mtimeMs)).toUTCString() };
}

function sameVersion(known: Validators, found: Validators): boolean {
  if (known.etag !== null) return known.etag === found.etag;
  return known.lastModified !== null && known.lastModified === found.lastModified;
}

/** Waits for one call of the file system; a share that has died does not answer, and the thread behind it cannot be stopped. */
async function waited<T>(
  call: Promise<T>,
  job: FetchJob,
  signal: AbortSignal,
  tooLate: (result: T) => void = () => {},
): Promise<T> {
  let given = false;
  try {
    const result = await within(call, job.caps.leastRateWindow, noAnswer, signal);
    given = true;
    return result;
  } catch (cause) {
    throw cause instanceof Failure ? cause : fileFailure(cause);
  } finally {
    if (!given) call.then(tooLate).catch(() => {});
  }
}

/** Waits as long as the job may take. */
async function interruptible<T>(promise: Promise<T>, job: FetchJob, signal: AbortSignal): Promise<T> {
  try {
    return await within(promise, job.caps.wallTime, tooLong, signal);
  } catch (cause) {
    throw cause instanceof Failure ? cause : fileFailure(cause);
  }
}

function noAnswer(): Failure {
  return new Failure("upstream.stalled", "the file system does not answer", { retry: "later" });
}

function tooLong(): Failure {
  return new Failure("upstream.timeout", "the folder took too long", { retry: "later" });
}

const MEANING: Readonly<Record<string, readonly [code: Failure["code"], retry: "never" | "later"]>> = {
  ENOENT: ["upstream.not-found", "never"],
  ENOTDIR: ["upstream.not-found", "never"],
  ENAMETOOLONG: ["upstream.not-found", "never"],
  // What `O_NOFOLLOW` says of a link, and what opening a socket or a device without a driver says.
  ELOOP: ["upstream.malformed", "never"],
  ENXIO: ["upstream.malformed", "never"],
  EISDIR: ["upstream.malformed", "never"],
  EACCES: ["upstream.unreachable", "never"],
  EPERM: ["upstream.unreachable", "never"],
  ERR_ACCESS_DENIED: ["upstream.unreachable", "never"],
};

/** What an error of the file system means; a bug of ours is thrown as it is. */
function fileFailure(cause: unknown): unknown {
  const code = errorCode(cause);
  if (code !== "ERR_ACCESS_DENIED" && !/^E[A-Z0-9]+$/.test(code)) return cause;
  const [meaning, retry] = MEANING[code] ?? (["upstream.unreachable", "later"] as const);
  return new Failure(meaning, code, { cause, retry });
}
