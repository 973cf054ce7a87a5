import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { processorSeconds } from "./processor-time.ts";

const run = promisify(execFile);
const SCRIPT = path.join(import.meta.dirname, "wrk-load.lua");

/** Server and client each have a processor of their own: what one takes the other does not lack. */
export const SERVER_CPU = "0";
const CLIENT_CPU = "1";

export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Asked for with this tag: 304 where it is the file's. */
  readonly etag?: string;
  /** A file of paths, asked for in turn. */
  readonly names?: string;
}

/** What one server did in one turn. */
export interface Turn {
  readonly requestsPerSecond: number;
  readonly megabytesPerSecond: number;
  /** Of the server, user and system. */
  readonly cpuSecondsPerGigabyte: number;
  readonly cpuMicrosecondsPerRequest: number;
}

/** One turn of wrk against the server that these processes are. Rejects where a request failed: wrong answers are fast. */
export async function wrkTurn(load: Load, pid: number): Promise<Turn> {
  const before = processorSeconds(pid);
  const env = {
    ...process.env,
    ...(load.etag === undefined ? {} : { WRK_ETAG: load.etag }),
    ...(load.names === undefined ? {} : { WRK_NAMES: load.names }),
  };
  const args = [
    "wrk",
    "-t1",
    `-c${load.connections}`,
    `-d${load.seconds}s`,
    "--timeout",
    "10s",
    "-s",
    SCRIPT,
    load.url,
  ];
  const { stdout } = await run("taskset", ["-c", CLIENT_CPU, ...args], { env });
  const spent = processorSeconds(pid) - before;
  const line = stdout.split("\n").find((each) => each.startsWith("JSON "));
  if (line === undefined) throw new Error(`wrk said no figures:\n${stdout}`);
  const did: { readonly requests: number; readonly bytes: number; readonly seconds: number; readonly failed: number } =
    JSON.parse(line.slice(5));
  if (did.failed > 0 || did.requests === 0) throw new Error(`${did.failed} requests failed:\n${stdout}`);
  return {
    requestsPerSecond: did.requests / did.seconds,
    megabytesPerSecond: did.bytes / did.seconds / 1e6,
    cpuSecondsPerGigabyte: spent / (did.bytes / 1e9),
    cpuMicrosecondsPerRequest: (spent * 1e6) / did.requests,
  };
}
