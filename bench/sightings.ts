import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import { parseArgs } from "node:util";
import type { RequestOf } from "../src/wire/client.ts";
import { startTestDaemon, type TestDaemon } from "../test/fixtures/daemon.ts";
import { startHttpVendor } from "../test/upstream/http-vendor.ts";
import { SignedListVendor } from "../test/upstream/signed-list.ts";
import { conclude, machine, median, say, table } from "./report.ts";

/**
 * A fleet asks a real daemon by HTTP, each client from an address of its own (127.0.0.0/8) over a connection of its own,
 * once a minute: in the first minute for the file, in those after it whether the file has changed, and in the last for
 * a new revision's. Beside them some connections that stay ask for as much as keeps the server at half of a core. All of
 * it must be in the ledger in the end, and questions must be answered while it comes.
 */
const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "100000" },
    minute: { type: "string", default: "60" },
    polls: { type: "string", default: "2" },
  },
});
const clients = Number(values.clients);
/** Seconds in which every client comes once. */
const minute = Number(values.minute);
const rate = clients / minute;
const GOAL_MS = 200;
const TICK = 10;
/** Connections at once: a machine that is busy with something else answers later, not less. */
const MOST_OPEN = 400;
const CLOCK_TICKS = 100;
/** Half of the core that the server's one thread can have; the load is steered to it, and below LEAST_LOAD it was not there. */
const HALF = 0.5;
const LEAST_LOAD = 0.4;
const LOADERS = 200;

const vendor = await startHttpVendor({});
const list = new SignedListVendor(vendor, "fleet");
const daemon = await startTestDaemon({
  channels: { staging: { listen: "127.0.0.1:0" } },
  config: { limits: { connections: 4_096 }, session: { idle: 0, most: 0 } },
});
const contents = [Buffer.alloc(1_024, "first"), Buffer.alloc(1_024, "second")] as const;

const FIRST = createHash("sha256").update(contents[0]).digest("hex");
const SECOND = createHash("sha256").update(contents[1]).digest("hex");

async function publish(content: Buffer, at: number): Promise<void> {
  list.publish(new Map([["daily.bin", content]]), at);
  const synced = await daemon.sync("fleet");
  if (!("run" in synced) || synced.run.revision === null) throw new Error(JSON.stringify(synced));
}

let open = 0;

/** One request of client number `at`, from its address, and `true` when it was answered. */
function ask(port: number, at: number, etag: string | null): Promise<boolean> {
  return new Promise((resolve) => {
    // 127.1.0.1 and on: no byte at the end is 0 or 255, which some kernels take for a network.
    const localAddress = `127.${1 + Math.floor(at / 62_500)}.${Math.floor(at / 250) % 250}.${1 + (at % 250)}`;
    open += 1;
    const socket = net.connect({ host: "127.0.0.1", port, localAddress });
    let answered = false;
    socket.on("data", () => {
      answered = true;
    });
    socket.on("error", () => undefined);
    socket.once("close", () => {
      open -= 1;
      resolve(answered);
    });
    const unless = etag === null ? "" : `If-None-Match: "${etag}"\r\n`;
    socket.write(
      `GET /fleet/daily.bin HTTP/1.1\r\nHost: mirror\r\nUser-Agent: fleet/1.0\r\n${unless}Connection: close\r\n\r\n`,
    );
  });
}

/** Each client once, evenly over a minute, in an order of its own. */
async function round(port: number, turn: number, etag: string | null): Promise<number> {
  const began = performance.now();
  const answers: Promise<boolean>[] = [];
  // A prime step: the order in which they come is not that in which the ledger first saw them.
  const step = [1, 48_611, 75_041, 30_011][turn % 4] ?? 1;
  for (let sent = 0; sent < clients; ) {
    const due = Math.min(clients, Math.floor(((performance.now() - began) / 1_000) * rate));
    for (; sent < due && open < MOST_OPEN; sent += 1) answers.push(ask(port, (sent * step) % clients, etag));
    await new Promise((resolve) => setTimeout(resolve, TICK));
  }
  return (await Promise.all(answers)).filter((answered) => !answered).length;
}

/** Seconds of processor time that a process has had (proc(5)). */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

/**
 * Connections that stay and ask whether the file has changed, each again once it was answered; how many at a time is
 * steered by what the server's process takes. Only answers are counted: one that the server closes begins anew.
 */
class HalfLoad {
  readonly #pid: number;
  readonly #port: number;
  readonly #idle: net.Socket[] = [];
  readonly #all = new Set<net.Socket>();
  readonly #timer: NodeJS.Timeout;
  #each = 2;
  #ticks = 0;
  #cpu: readonly [number, number];
  answered = 0;
  /** What the file is now: with it the server answers 304. */
  etag: string = FIRST;

  constructor(pid: number, port: number) {
    this.#pid = pid;
    this.#port = port;
    this.#cpu = [cpuOf(pid), performance.now()];
    for (let at = 0; at < LOADERS; at += 1) this.#connect(`127.200.0.${at + 1}`);
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  #connect(localAddress: string): void {
    const socket = net.connect({ host: "127.0.0.1", port: this.#port, localAddress, noDelay: true });
    this.#all.add(socket);
    socket.setEncoding("latin1");
    socket.on("connect", () => this.#idle.push(socket));
    // A 304 has no body: its head's end is its own.
    socket.on("data", (text: string) => {
      if (!text.endsWith("\r\n\r\n")) return;
      this.answered += 1;
      this.#idle.push(socket);
    });
    socket.on("error", () => undefined);
    socket.once("close", () => {
      const stays = this.#all.delete(socket);
      const at = this.#idle.indexOf(socket);
      if (at !== -1) this.#idle.splice(at, 1);
      if (stays) this.#connect(localAddress);
    });
  }

  #tick(): void {
    for (let sent = 0; sent < this.#each; sent += 1)
      this.#idle
        .shift()
        ?.write(
          `GET /fleet/daily.bin HTTP/1.1\r\nHost: mirror\r\nUser-Agent: load/1.0\r\nIf-None-Match: "${this.etag}"\r\n\r\n`,
        );
    this.#ticks += 1;
    if (this.#ticks % 25 !== 0) return;
    const now: readonly [number, number] = [cpuOf(this.#pid), performance.now()];
    const share = (now[0] - this.#cpu[0]) / ((now[1] - this.#cpu[1]) / 1_000);
    this.#cpu = now;
    this.#each = Math.min(
      LOADERS,
      Math.max(1, this.#each * Math.min(1.5, Math.max(0.7, HALF / Math.max(0.05, share)))),
    );
  }

  stop(): void {
    clearInterval(this.#timer);
    const open = [...this.#all];
    this.#all.clear();
    for (const socket of open) socket.destroy();
  }
}

async function timed(
  question: string,
  wish: RequestOf<"clients" | "status" | "trace" | "exposure" | "canaries">,
): Promise<readonly [string, number[]]> {
  const took: number[] = [];
  for (let time = 0; time < 5; time += 1) {
    const began = performance.now();
    await daemon.must(wish);
    took.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return [question, took];
}

const wish = {
  verb: "clients",
  source: null,
  channel: null,
  revision: null,
  sha256: null,
  after: null,
  limit: 100,
} as const;

async function questions(): Promise<readonly (readonly [string, number[]])[]> {
  return [
    await timed("clients of a source, 100", { ...wish, source: "fleet" }),
    await timed("who took revision 1, 100, and who has left it", { ...wish, source: "fleet", revision: 1 }),
    await timed("who has a digest, 100", { ...wish, sha256: FIRST }),
    await timed("the whole story of a digest", { verb: "trace", sha256: FIRST }),
    await timed("who will get revision 1, and who has left it", { verb: "exposure", source: "fleet", revision: 1 }),
    await timed("status, with the clients of the last day", { verb: "status" }),
    await timed("canaries of revision 1", { verb: "canaries", source: "fleet", ring: null, revision: 1 }),
  ];
}

async function everyone(
  daemonAt: TestDaemon,
  revision: number,
): Promise<{ took: number; left: number; clients: number }> {
  const { spread } = await daemonAt.must({ ...wish, source: "fleet", revision, limit: 1 });
  return spread[0] ?? { took: 0, left: 0, clients: 0 };
}

let load: HalfLoad | null = null;

try {
  list.publish(new Map(), Date.now() - 120_000);
  await daemon.addSource(list.source());
  await publish(contents[0], Date.now() - 60_000);
  const port = Number(new URL(await daemon.url("staging")).port);
  const { processes } = await daemon.must({ verb: "status" });
  const serve = processes.find(({ role }) => role === "serve-staging")?.pid ?? 0;
  say(`${clients} clients, one request each in ${minute} s (${Math.round(rate)} a second), on ${machine()}\n`);
  const rows: string[][] = [];
  let unanswered = 0;
  let asked: readonly (readonly [string, number[]])[] = [];
  let keeperShare = 0;
  let serverShare = Number.POSITIVE_INFINITY;
  let slowest = Number.POSITIVE_INFINITY;
  const minutes = Number(values.polls) + 2;
  load = new HalfLoad(serve, port);
  for (let turn = 0; turn < minutes; turn += 1) {
    const last = turn === minutes - 1;
    if (last) {
      await publish(contents[1], Date.now());
      load.etag = SECOND;
    }
    const before = [cpuOf(daemon.pid), cpuOf(serve), performance.now()] as const;
    const came = round(port, turn, turn === 0 ? null : FIRST);
    if (turn === minutes - 1) {
      await new Promise((resolve) => setTimeout(resolve, (minute * 1_000) / 3));
      asked = await questions();
    }
    unanswered += await came;
    const seconds = (performance.now() - before[2]) / 1_000;
    const shares = [cpuOf(daemon.pid) - before[0], cpuOf(serve) - before[1]].map((cpu) => cpu / seconds);
    slowest = Math.min(slowest, clients / seconds);
    keeperShare = Math.max(keeperShare, shares[0] ?? 0);
    serverShare = Math.min(serverShare, shares[1] ?? 0);
    const what = turn === 0 ? "fetch revision 1" : last ? "fetch revision 2" : "poll, 304";
    rows.push([what, (clients / seconds).toFixed(0), ...shares.map((share) => (share * 100).toFixed(0))]);
  }
  load.stop();
  say(`beside them ${load.answered} answers over ${LOADERS} connections kept the server busy\n`);
  say(table(["minute", "requests/s", "keeper, % of a core", "server, % of a core"], rows));
  // What was taken is in the ledger within seconds.
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const [first, second] = [await everyone(daemon, 1), await everyone(daemon, 2)];
  const { events } = await daemon.must({ verb: "log", what: "events", source: null, limit: 1_000 });
  const lost = events
    .filter(({ name }) => name === "clients.lost")
    .reduce((sum, { fields }) => sum + Number(fields["sightings"]), 0);
  say("");
  say(
    table(
      ["question, asked while they come", "median ms", "longest ms"],
      asked.map(([question, took]) => [question, median(took).toFixed(0), Math.max(...took).toFixed(0)]),
    ),
  );
  const { size } = await stat(path.join(daemon.data, "ledger.sqlite"));
  say(
    `\nseen ${first.clients}, took revision 1: ${first.took}, left it: ${first.left}, took revision 2: ${second.took}; ` +
      `lost ${lost}, unanswered ${unanswered}; the ledger has ${Math.round(size / 2 ** 20)} MiB`,
  );
  const worst = Math.max(...asked.flatMap(([, took]) => took));
  // The connections that load the server are clients too, and may have taken either revision.
  const all = [first.clients, first.took, first.left, second.took];
  const complete = all.every((count) => count >= clients && count <= clients + LOADERS);
  const figures = {
    clients,
    rate,
    keeperShare,
    serverShare,
    lost,
    unanswered,
    seen: first.clients,
    took: [first.took, second.took],
    left: first.left,
    ledgerBytes: size,
    questions: Object.fromEntries(asked.map(([question, took]) => [question, took.map(Math.round)])),
  };
  conclude(
    figures,
    complete &&
      lost === 0 &&
      unanswered === 0 &&
      worst < GOAL_MS &&
      keeperShare < 1 &&
      serverShare >= LEAST_LOAD &&
      slowest > rate * 0.95,
  );
} finally {
  load?.stop();
  await daemon.end();
  await vendor.close();
}
