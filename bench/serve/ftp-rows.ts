import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { ChannelFolder } from "../../test/fixtures/channel-folder.ts";
import { ftpStart, ServeProcess } from "../../test/fixtures/serve-process.ts";
import { startVsftpd } from "./vsftpd.ts";

const run = promisify(execFile);
const LOAD = path.join(import.meta.dirname, "ftp-load.ts");
/** Server and client each have a processor of their own: what one takes the other does not lack. */
const SERVER_CPU = "0";
const CLIENT_CPU = "1";
const MIB = 1024 * 1024;

export interface FtpRow {
  readonly name: string;
  readonly file: "m1" | "m100";
  readonly sessions: "new" | "one";
  /** Ours ÷ vsftpd's throughput, at least. */
  readonly goal: number;
}

export const FTP_ROWS: readonly FtpRow[] = [
  { name: "FTP 1 MB, a new session for each", file: "m1", sessions: "new", goal: 1.5 },
  { name: "FTP 1 MB, all on one session", file: "m1", sessions: "one", goal: 1 },
  { name: "FTP 100 MB, on one session", file: "m100", sessions: "one", goal: 1 },
];

/** What one contestant did in one turn. */
export interface FtpTurn {
  readonly megabytesPerSecond: number;
  /** Of the server, user and system. */
  readonly cpuSecondsPerGigabyte: number;
}

export interface FtpContest {
  /** Both contestants in turn, ours first. */
  turn(row: FtpRow, seconds: number): Promise<{ readonly ours: FtpTurn; readonly peer: FtpTurn }>;
  end(): Promise<void>;
}

/** Our channel and a tuned vsftpd over the same files. Rejects where vsftpd can't be started: it wants root. */
export async function ftpContest(work: string): Promise<FtpContest> {
  const files = { m1: randomBytes(MIB), m100: randomBytes(100 * MIB) };
  const folder = await ChannelFolder.make();
  await folder.revision("one", 1, files);
  await folder.point("staging", { one: 1 });
  const root = path.join(work, "vsftpd-root");
  await mkdir(root, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await writeFile(path.join(root, name), bytes);
  for (const each of [work, root]) await chmod(each, 0o755);
  // One client does here what hundreds do elsewhere.
  const limits = { commandsPerMinute: 100_000_000 };
  const serve = await ServeProcess.start(folder, { ftp: ftpStart({ limits }) });
  await run("taskset", ["-a", "-p", "-c", SERVER_CPU, String(serve.child.pid)]);
  const peer = await startVsftpd(root, work, ["taskset", "-c", SERVER_CPU]);
  const ours = { port: serve.ftpPort, pid: serve.child.pid ?? 0, prefix: "one/" };
  const theirs = { port: peer.port, pid: peer.pid, prefix: "" };
  return {
    turn: async (row, seconds) => ({
      ours: await oneTurn(ours, row, seconds),
      peer: await oneTurn(theirs, row, seconds),
    }),
    end: async () => {
      await serve.stop();
      await peer.stop();
      await folder.end();
    },
  };
}

async function oneTurn(
  { port, pid, prefix }: { readonly port: number; readonly pid: number; readonly prefix: string },
  { file, sessions }: FtpRow,
  seconds: number,
): Promise<FtpTurn> {
  const before = cpuSeconds(pid);
  const args = ["--port", String(port), "--file", prefix + file, "--sessions", sessions, "--seconds", String(seconds)];
  const { stdout } = await run("taskset", ["-c", CLIENT_CPU, process.execPath, LOAD, ...args]);
  // vsftpd's sessions are children of its: their time is its when they have ended.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const spent = cpuSeconds(pid) - before;
  const did: { readonly bytes: number; readonly seconds: number } = JSON.parse(stdout);
  return {
    megabytesPerSecond: did.bytes / did.seconds / 1e6,
    cpuSecondsPerGigabyte: spent / (did.bytes / 1e9),
  };
}

/** Of a process and of its children that have ended; in hundredths, as the kernel counts (proc(5), stat). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}
