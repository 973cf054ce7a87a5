import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { startTestDaemon, type TestDaemon } from "../test/fixtures/daemon.ts";
import { RawFtp } from "../test/fixtures/raw-ftp.ts";
import { startHttpVendor } from "../test/upstream/http-vendor.ts";
import { SignedListVendor } from "../test/upstream/signed-list.ts";
import { conclude, machine, median, say, table } from "./report.ts";

/**
 * `npm run prove:promote-load`: both channels move to and fro between two revisions once a second, for `--minutes` (10),
 * while clients of HTTP and FTP fetch whole sessions from both. Every file is hashed; no session may see two revisions,
 * none may get a byte that is not its revision's, and no transfer may fail.
 */
const { values } = parseArgs({ options: { minutes: { type: "string", default: "10" } } });
const seconds = Math.round(Number(values.minutes) * 60);
const SOURCE = "load";
const CHANNELS = ["staging", "production"] as const;
type Channel = (typeof CHANNELS)[number];
const FILES = 200;
const FILES_A_SESSION = 12;
/** Every so many files is a large one: its transfer spans a move now and then. */
const LARGE_EVERY = 25;
const LARGE = 4_000_000;

const EDITIONS = ["A", "B"] as const;
type Edition = (typeof EDITIONS)[number];

function content(edition: Edition, index: number): Buffer {
  const text = `${edition} ${index}\n`;
  return index % LARGE_EVERY === 0 ? Buffer.alloc(LARGE, text) : Buffer.from(text.repeat(20));
}

function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Which edition a digest is of, for each file. */
const editions: ReadonlyMap<string, Edition>[] = Array.from(
  { length: FILES },
  (_, index) => new Map(EDITIONS.map((edition) => [digestOf(content(edition, index)), edition])),
);

interface Seen {
  sessions: number;
  files: number;
  bytes: number;
  /** Bytes that are of neither revision. */
  mismatches: number;
  mixed: number;
  failed: number;
  /** Sessions that saw the one and the other: without both the moves would have been for nobody. */
  readonly of: Record<Edition, number>;
}

/** Fetches one file by its name below the source, in the session that it belongs to. */
type Fetch = (name: string) => Promise<Uint8Array>;

/** A way to be a client: opens the `number`th session of its own, and gives what fetches in it and what ends it. */
type Kind = (base: string, number: number) => Promise<{ readonly fetch: Fetch; readonly end: () => Promise<void> }>;

function httpKind(name: string, keepAlive: boolean): Kind {
  return async (base, number) => {
    const agent = new http.Agent({ keepAlive, maxSockets: 1 });
    const headers = { "user-agent": `${name}/${number}` };
    const fetch: Fetch = (file) =>
      new Promise((resolve, reject) => {
        http
          .get(`${base}${SOURCE}/${file}`, { agent, headers }, (response) => {
            const chunks: Buffer[] = [];
            response.on("data", (chunk: Buffer) => chunks.push(chunk));
            response.on("error", reject);
            response.on("end", () => {
              if (response.statusCode === 200 && response.complete) resolve(Buffer.concat(chunks));
              else reject(new Error(`${file}: ${response.statusCode ?? 0}`));
            });
          })
          .on("error", reject);
      });
    return { fetch, end: async () => agent.destroy() };
  };
}

/** All on one control connection; or a session for each file, told by their password to be one program's. */
function ftpKind(name: string, oneSession: boolean): Kind {
  return async (base, number) => {
    const port = Number(new URL(base).port);
    const login = async (): Promise<RawFtp> => {
      const ftp = await RawFtp.open(port);
      expect(await ftp.reply(), "220");
      expect(await ftp.ask("USER anonymous"), "331");
      expect(await ftp.ask(`PASS ${name}-${number}@`), "230");
      return ftp;
    };
    const fetchOn = async (ftp: RawFtp, file: string): Promise<Uint8Array> => {
      const { bytes, reply } = await ftp.transfer(`RETR /${SOURCE}/${file}`);
      expect(reply, "226");
      return bytes;
    };
    const quit = async (ftp: RawFtp): Promise<void> => {
      expect(await ftp.ask("QUIT"), "221");
      ftp.destroy();
    };
    const one = oneSession ? await login() : null;
    return {
      fetch: async (file) => {
        if (one !== null) return fetchOn(one, file);
        const ftp = await login();
        const bytes = await fetchOn(ftp, file);
        await quit(ftp);
        return bytes;
      },
      end: async () => {
        if (one !== null) await quit(one);
      },
    };
  };
}

function expect(reply: string, code: string): void {
  if (!reply.startsWith(code)) throw new Error(`${code} was to come, and "${reply}" came`);
}

const KINDS: Readonly<Record<string, Kind>> = {
  "HTTP, one connection": httpKind("keep", true),
  "HTTP, one for each file": httpKind("each", false),
  "FTP, one session": ftpKind("one", true),
  "FTP, one for each file": ftpKind("each", false),
};

async function client(kind: Kind, base: string, seen: Seen, going: () => boolean): Promise<void> {
  for (let number = 0; going(); number += 1) {
    const found = new Set<Edition>();
    try {
      const { fetch, end } = await kind(base, number);
      for (let file = 0; file < FILES_A_SESSION; file += 1) {
        const index = (number * 7 + file * 31) % FILES;
        const bytes = await fetch(`f${index}`);
        seen.files += 1;
        seen.bytes += bytes.length;
        const edition = editions[index]?.get(digestOf(bytes));
        if (edition === undefined) seen.mismatches += 1;
        else found.add(edition);
      }
      await end();
    } catch (cause) {
      seen.failed += 1;
      if (seen.failed <= 3) say(`failed: ${String(cause)}`);
    }
    seen.sessions += 1;
    if (found.size > 1) seen.mixed += 1;
    for (const edition of found) seen.of[edition] += 1;
  }
}

/** The next move of a channel: production is promoted and rolled back; staging, which nothing stands before, likewise. */
async function move(daemon: TestDaemon, channel: Channel, to: number): Promise<number> {
  const began = performance.now();
  const wish = { source: SOURCE, channel, reason: "load", by: "bench", revision: to };
  await daemon.must(to === 2 ? { verb: "promote", ...wish } : { verb: "rollback", ...wish });
  return performance.now() - began;
}

say(machine());
const work = await mkdtemp(path.join(tmpdir(), "ringfort-bench-"));
const upstream = await startHttpVendor({});
const vendor = new SignedListVendor(upstream, SOURCE);
const ftp = { listen: "127.0.0.1:0" };
const daemon = await startTestDaemon({
  channels: { staging: { listen: "127.0.0.1:0", ftp }, production: { listen: "127.0.0.1:0", ftp } },
  config: { limits: { connections: 1_024, connectionsPerClient: 1_024, requestsPerConnection: 100_000 } },
  under: work,
});
const times: number[] = [];
const seen = new Map<string, Seen>();
try {
  await daemon.addSource(vendor.source());
  for (const [step, edition] of EDITIONS.entries()) {
    const files = new Map(Array.from({ length: FILES }, (_, index) => [`f${index}`, content(edition, index)]));
    vendor.publish(files, Date.now() - 60_000 + step * 30_000);
    const synced = await daemon.sync(SOURCE);
    if (!("run" in synced) || synced.run.revision === null) throw new Error(`sync: ${JSON.stringify(synced)}`);
    await daemon.must({
      verb: "promote",
      source: SOURCE,
      channel: "production",
      revision: null,
      reason: "load",
      by: "bench",
    });
  }
  let going = true;
  const { channels } = await daemon.must({ verb: "status" });
  const clients = CHANNELS.flatMap((channel) =>
    Object.entries(KINDS).map(([name, kind]) => {
      const own: Seen = { sessions: 0, files: 0, bytes: 0, mismatches: 0, mixed: 0, failed: 0, of: { A: 0, B: 0 } };
      seen.set(`${channel}: ${name}`, own);
      const at = channels.find((one) => one.channel === channel);
      return client(kind, (name.startsWith("FTP") ? at?.ftp : at?.url) ?? "", own, () => going);
    }),
  );
  const began = performance.now();
  for (let second = 0; second < seconds; second += 1) {
    const to = second % 2 === 0 ? 1 : 2;
    for (const channel of CHANNELS) times.push(await move(daemon, channel, to));
    if ((second + 1) % 60 === 0) say(`${(second + 1) / 60} of ${seconds / 60} minutes`);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, began + (second + 1) * 1_000 - performance.now())));
  }
  going = false;
  await Promise.all(clients);
} finally {
  await daemon.end();
  await upstream.close();
  await rm(work, { recursive: true, force: true });
}

const rows = [...seen].map(([name, { sessions, files, bytes, mismatches, mixed, failed, of }]) =>
  [name, sessions, files, Math.round(bytes / 1e6), of.A, of.B, mismatches, mixed, failed].map(String),
);
const heads = ["client", "sessions", "files", "MB", "saw 1", "saw 2", "mismatches", "mixed", "failed"];
say(`\n${table(heads, rows)}`);
const sum = (of: (one: Seen) => number): number => [...seen.values()].reduce((all, one) => all + of(one), 0);
const sums = {
  sessions: sum((one) => one.sessions),
  files: sum((one) => one.files),
  megabytes: Math.round(sum((one) => one.bytes) / 1e6),
  mismatches: sum((one) => one.mismatches),
  mixed: sum((one) => one.mixed),
  failed: sum((one) => one.failed),
};
const slowest = Math.max(...times);
say(`\n${times.length} moves, median ${median(times).toFixed(1)} ms, slowest ${slowest.toFixed(1)} ms`);
// Each client has to have seen both: else no move was tried.
const both = seconds < 10 || [...seen.values()].every(({ of }) => of.A > 0 && of.B > 0);
conclude(
  { proof: "promote-load", seconds, moves: times.length, medianMs: median(times), slowestMs: slowest, ...sums, both },
  both && sums.mismatches + sums.mixed + sums.failed === 0 && sums.sessions > 0,
);
