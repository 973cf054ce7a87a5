import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import * as z from "zod";
import { diskFailure, errnoOf } from "../core/kernel/disk.ts";
import { channelName, sourceName } from "../core/model/source.ts";

/**
 * What serves nothing, as one file beside the views: whoever may write the data folder stops serving with it, with no
 * daemon alive. Servers look at it every so often, and before they serve at all; the daemon only reads it.
 */
const order = z.strictObject({
  source: sourceName.nullable(),
  channel: channelName.nullable(),
  reason: z.string().max(1_000),
  by: z.string().max(128),
  at: z.int(),
});
/** One order; `null` as source or channel: any. */
export type ShutoffOrder = z.infer<typeof order>;

const schema = z.strictObject({ format: z.literal(1), orders: z.array(order).max(1_000) });

const MOST_BYTES = 2 * 1024 * 1024;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const WRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** A file that is there and cannot be understood stops everything: somebody meant to stop something. */
const EVERYTHING: ShutoffOrder = {
  source: null,
  channel: null,
  reason: "the shutoff file cannot be read",
  by: "unknown",
  at: 0,
};

function place(views: string): string {
  return path.join(views, "shutoff.json");
}

/** Changes whenever the file does, at the price of one look. */
export function shutoffMark(views: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(place(views));
    return `${ino} ${size} ${mtimeMs}`;
  } catch (cause) {
    return errnoOf(cause) ?? "unreadable";
  }
}

export function readShutoff(views: string): readonly ShutoffOrder[] {
  let fd: number;
  try {
    fd = openSync(place(views), READ);
  } catch (cause) {
    return errnoOf(cause) === "ENOENT" ? [] : [EVERYTHING];
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > MOST_BYTES) return [EVERYTHING];
    return schema.safeParse(JSON.parse(readFileSync(fd, "utf8"))).data?.orders ?? [EVERYTHING];
  } catch {
    return [EVERYTHING];
  } finally {
    closeSync(fd);
  }
}

/** Replaces the orders, durably; none removes the file. Throws `Failure` `store.*`. */
export function writeShutoff(views: string, orders: readonly ShutoffOrder[]): void {
  const file = place(views);
  const beside = `${file}.new`;
  try {
    rmSync(beside, { force: true });
    if (orders.length === 0) rmSync(file, { force: true });
    else {
      const fd = openSync(beside, WRITE, 0o644);
      try {
        // Whatever root's umask says: servers are other users, and one that cannot read it serves nothing at all.
        fchmodSync(fd, 0o644);
        writeFileSync(fd, `${JSON.stringify(schema.parse({ format: 1, orders }))}\n`);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(beside, file);
    }
    const folder = openSync(views, constants.O_RDONLY | constants.O_DIRECTORY);
    fsyncSync(folder);
    closeSync(folder);
  } catch (cause) {
    throw diskFailure(cause, "writing the shutoff file", new Set());
  }
}

/** The first order under which a source is not served in a channel; `source` `null`: the channel as a whole. */
export function shutOffBy(
  orders: readonly ShutoffOrder[],
  channel: string,
  source: string | null,
): ShutoffOrder | null {
  const found = orders.find(
    (each) => (each.channel ?? channel) === channel && (each.source === null || each.source === source),
  );
  return found ?? null;
}
