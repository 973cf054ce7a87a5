import { closeSync, constants, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { errnoOf } from "../core/kernel/disk.ts";
import { Failure } from "../core/kernel/errors.ts";

/**
 * The signer's own folder: its key, and the last state that it signed. No other process has reason to open it. O_SYNC
 * because Node's permission flags disable fsync; the entry of the folder itself is made durable by the keeper.
 */
const keyFile = z.strictObject({
  format: z.literal("ringfort-log-key-1"),
  /** The log's name: the origin of its checkpoints. */
  name: z.string().min(1).max(255),
  /** The Ed25519 seed, base64. Secret. */
  seed: z.base64().length(44),
});
export type LogKey = z.infer<typeof keyFile>;

const lastFile = z.strictObject({
  size: z.int().nonnegative(),
  root: z.string().regex(/^[0-9a-f]{64}$/),
  note: z.string().max(4_096),
});
/** The last state that was signed. */
export type LastSigned = z.infer<typeof lastFile>;

/** Reads the key, or makes one. Throws `Failure` `audit.key-unusable`: a key is never made in the place of one that is there. */
export function keyOf(folder: string, name: string, randomBytes: (count: number) => Buffer): LogKey {
  const file = path.join(folder, "key");
  const held = readJson(file);
  if (held !== null) {
    const parsed = keyFile.safeParse(held);
    if (!parsed.success) throw new Failure("audit.key-unusable", `${file} is no key of an audit log`);
    return parsed.data;
  }
  // Without its key the folder must be new: a last state without a key is a key that was lost.
  if (lastOf(folder) !== null)
    throw new Failure("audit.key-unusable", `${file} is gone, and checkpoints were signed by it`);
  const made: LogKey = { format: "ringfort-log-key-1", name, seed: randomBytes(32).toString("base64") };
  write(file, made);
  return made;
}

/** The last state, or `null` before the first. Throws `Failure` `audit.key-unusable`. */
export function lastOf(folder: string): LastSigned | null {
  const file = path.join(folder, "last");
  const held = readJson(file);
  if (held === null) return null;
  const parsed = lastFile.safeParse(held);
  if (!parsed.success) throw new Failure("audit.key-unusable", `${file} is not what the signer wrote`);
  return parsed.data;
}

/** Remembers a state, durably, before anybody is told of it. Throws `Failure` `audit.key-unusable`. */
export function remember(folder: string, last: LastSigned): void {
  write(path.join(folder, "last"), last);
}

function readJson(file: string): unknown {
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return JSON.parse(readFileSync(fd, "utf8"));
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return null;
    // The message of JSON.parse quotes the text, which is secret.
    throw new Failure("audit.key-unusable", `${file} cannot be read`);
  }
}

function write(file: string, value: object): void {
  const beside = `${file}.new`;
  try {
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW, O_SYNC } = constants;
    const fd = openSync(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_SYNC, 0o600);
    try {
      writeSync(fd, `${JSON.stringify(value)}\n`);
    } finally {
      closeSync(fd);
    }
    renameSync(beside, file);
  } catch (cause) {
    throw new Failure("audit.key-unusable", `${file} cannot be written: ${errnoOf(cause) ?? "unknown"}`, {
      retry: "later",
    });
  }
}
