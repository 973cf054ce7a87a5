import { createHash } from "node:crypto";
import { once } from "node:events";
import { rename, writeFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { parseSha256 } from "../src/core/kernel/digest.ts";
import { HOUR } from "../src/core/kernel/instant.ts";
import type { Sighting } from "../src/core/model/client-sighting.ts";
import { openSqliteLedger } from "../src/store/ledgers/sqlite.ts";
import type { TestDaemon } from "../test/fixtures/daemon.ts";
import { behind, CLOCK_FILE } from "./compressed-clock.ts";

export const SOURCE = "story";
export const FILE = "channel-291.bin";

/** A machine that updates from one channel, from an address of its own. */
export interface Machine {
  readonly name: string;
  readonly address: string;
  readonly channel: "staging" | "production";
}

const machines = (channel: Machine["channel"], kind: string, net: number, count: number): readonly Machine[] =>
  Array.from({ length: count }, (_, at) => ({ name: `${kind}-${at + 1}`, address: `127.9.${net}.${at + 1}`, channel }));

export const CANARIES: readonly Machine[] = machines("staging", "canary", 1, 8);
export const DESKS: readonly Machine[] = machines("production", "desk", 2, 12);

/** How often the canaries come, and how far back their visits are known. */
const EVERY = HOUR;
const HISTORY = 20 * 24;

export function digestOf(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("hex");
}

/** The daemon's time. */
export function storyTime(daemon: TestDaemon): number {
  return Date.now() - behind(daemon.configFile);
}

/** Puts the demo's clock forward. */
export async function forward(daemon: TestDaemon, by: number): Promise<void> {
  const file = path.join(daemon.folder, CLOCK_FILE);
  await writeFile(`${file}.new`, String(behind(daemon.configFile) - by));
  await rename(`${file}.new`, file);
}

/** One machine updates: what it was given. */
export async function update(daemonUrl: string, { name, address }: Machine): Promise<string> {
  const headers = { "user-agent": `${name}/1.0` };
  const request = http.get(`${daemonUrl}${SOURCE}/${FILE}`, { localAddress: address, agent: false, headers });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  if (response.statusCode !== 200) throw new Error(`${name} was answered ${response.statusCode}`);
  return digestOf(Buffer.concat(parts));
}

/**
 * Writes into the record of a daemon that is stopped what its servers would have seen in twenty days: every canary, once
 * an hour. Nobody can wait for that in a tour; everything after it is seen by the servers themselves.
 */
export async function writeHistory(daemon: TestDaemon, digest: string): Promise<void> {
  const ledger = await openSqliteLedger({ file: path.join(daemon.data, "ledger.sqlite"), atStep: () => {} });
  const began = storyTime(daemon);
  for (let hour = 0; hour < HISTORY; hour += 1) {
    const seen = CANARIES.map(
      ({ name, address }, at): Sighting => ({
        at: began + hour * EVERY + at * 60_000,
        client: { name: address, agent: `${name}/1.0` },
        channel: "staging",
        source: SOURCE,
        revision: 1,
        path: `/${SOURCE}/${FILE}`,
        sha256: parseSha256(digest),
        protocol: "http",
        result: "unchanged",
        bytes: 0,
      }),
    );
    await ledger.sightings.record(seen, []);
  }
  await ledger.close();
  await forward(daemon, HISTORY * EVERY);
}

/** Waits until the record knows of every one of these visits: only then may the clock go on. */
export async function recorded(daemon: TestDaemon, who: readonly Machine[], since: number): Promise<void> {
  const of = { source: SOURCE, channel: null, revision: null, sha256: null, after: null, limit: 100 };
  for (let turn = 0; turn < 150; turn += 1) {
    const { clients } = await daemon.must({ verb: "clients", ...of });
    const seen = new Map(clients.map(({ client, lastSeen }) => [client, lastSeen]));
    if (who.every(({ address }) => (seen.get(address) ?? 0) >= since)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the servers' sightings did not come into the record");
}

/** A client of production that never rests: every content that it was given, and how often it asked. */
export class Watcher {
  readonly given = new Map<string, number>();
  asked = 0;
  #stopped = false;
  #going: Promise<void> = Promise.resolve();

  start(url: string): void {
    const machine: Machine = { name: "watcher", address: "127.9.3.1", channel: "production" };
    this.#going = (async () => {
      while (!this.#stopped) {
        const digest = await update(url, machine);
        this.asked += 1;
        this.given.set(digest, (this.given.get(digest) ?? 0) + 1);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    this.#going.catch(() => {});
  }

  /** Ends it; throws what went wrong while it asked. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#going;
  }
}
