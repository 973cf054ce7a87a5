import { createReadStream } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";
import type { Probed } from "../cli/context.ts";
import { Failure, quoteOutside } from "../core/kernel/errors.ts";
import type { HostEntry } from "../core/model/host-file.ts";
import { CHANNEL_FILE, MOST_CHANNEL_BYTES } from "../core/publish/channel-document.ts";
import { LaneTransports, runJob } from "../fetch/run-job.ts";
import type { Outlet } from "../fetch/transport.ts";
import type { FetchJob } from "../wire/jobs.ts";

/** Milliseconds for all of the asking. */
const MOST_TIME = 5_000;
/** Bytes of a password's file. */
const MOST_PASSWORD = 256;

/**
 * Asks one mirror of a host file for its channel, over the transports that the fetch process has. It runs in the
 * command line, with its user's rights: a person has named the address. Redirects are not followed, because a client
 * of this mirror would not be led on either.
 */
export async function probeHost(entry: HostEntry): Promise<Probed> {
  const transports = new LaneTransports("Ringfort-hostfile-check");
  const pieces: Uint8Array[] = [];
  const outlet: Outlet = {
    head: () => {},
    data: (piece) => {
      pieces.push(Uint8Array.from(piece));
      return true;
    },
    drained: async () => {},
  };
  try {
    const job = await jobFor(entry);
    const never = new AbortController().signal;
    const answer = await runJob(job, outlet, transports, never, () => performance.now());
    if (answer.kind === "failed") return { kind: "failed", code: answer.code, detail: answer.detail };
    return { kind: "answered", bytes: Buffer.concat(pieces) };
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    return { kind: "failed", code: cause.code, detail: cause.message };
  } finally {
    transports.close();
  }
}

async function jobFor(entry: HostEntry): Promise<FetchJob> {
  return {
    kind: "fetch",
    url: channelUrl(entry),
    list: false,
    first: null,
    resume: null,
    unless: null,
    caps: {
      bytes: MOST_CHANNEL_BYTES,
      wallTime: MOST_TIME,
      leastRate: 0,
      leastRateWindow: MOST_TIME,
      redirects: 0,
      connectTimeout: MOST_TIME,
    },
    network: {
      proxy: null,
      login: await loginOf(entry),
      allowSchemeChange: false,
      // A mirror is inside, as a rule.
      allowInside: true,
      authorities: [],
    },
  };
}

function channelUrl({ type, address }: HostEntry): string {
  if (type !== "share") return new URL(CHANNEL_FILE, address).href;
  // `\\server\share` is no path here: joined to the working folder it would name something else.
  if (process.platform !== "win32" && !address.startsWith("/"))
    throw new Failure("address.unsupported", "this share is a path of another family of systems");
  return pathToFileURL(address + CHANNEL_FILE).href;
}

/**
 * The password goes to whoever the file names as the mirror. A host file that a stranger wrote could name a key of ours
 * as the password; so what is more than one short line is no password, and is not sent.
 */
async function loginOf({ login, passwordFile }: HostEntry): Promise<FetchJob["network"]["login"]> {
  if (login === undefined) return null;
  if (passwordFile === undefined) return { user: login, password: "" };
  const text = await firstBytes(passwordFile);
  const password = /^([^\r\n]*)(?:\r?\n)?$/.exec(text)?.[1];
  if (password === undefined || text.length > MOST_PASSWORD)
    throw new Failure(
      "config.unreadable",
      `${quoteOutside(passwordFile)} is not one line of at most ${MOST_PASSWORD} bytes`,
    );
  return { user: login, password };
}

async function firstBytes(file: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of createReadStream(file, { end: MOST_PASSWORD })) pieces.push(piece);
  } catch (cause) {
    if (!(cause instanceof Error && "syscall" in cause)) throw cause;
    throw new Failure("config.unreadable", `${quoteOutside(file)} is not on this machine, or not ours to read`, {
      cause,
    });
  }
  return Buffer.concat(pieces).toString("utf8");
}
