import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import path from "node:path";
import { promisify } from "node:util";
import { ChannelFolder } from "../test/fixtures/channel-folder.ts";
import { needsNetns, UNSHARE } from "../test/fixtures/netns.ts";
import { ask } from "../test/fixtures/raw-http.ts";
import { ServeProcess } from "../test/fixtures/serve-process.ts";
import { buildRelease } from "./release.ts";
import { conclude, machine, median, say, table } from "./report.ts";
import { type Memory, memoryOf } from "./serve/processor-time.ts";

const run = promisify(execFile);
const READERS = 1_000;
/** Of the whole process, what it holds without a client and the runtime's own program file included. */
const MOST_MEGABYTES = 128;
/**
 * Seconds of each attack. The least rate cuts within its window of eight, or the next where the systems between still took
 * some, so that all of them are seen cut.
 */
const SECONDS = 30;
const FILE = 5_000_000;

/** The other client's requests may take so many times what they took before, in the middle; and at most so long. */
const MOST_SLOWER = 3;
const MOST_MILLISECONDS = 1_000;

const inside = await inNetworkOfItsOwn();

/**
 * `npm run prove:slow`: a thousand clients on a channel's process of the release, as it is started by the daemon, each of
 * which asks for 5 MB and takes next to nothing; then a thousand that never finish a head. Meanwhile another client asks for
 * a small and a large file again and again. What the server holds, and what that client notices. All of it in a network of its
 * own, with the packets of an Ethernet and the kernel's share of unsent bytes as `ringfort harden network` sets it: on plain
 * loopback the kernel takes a megabyte for each who reads nothing, and a thousand of them are all the memory it has for TCP.
 */
const folder = await ChannelFolder.make();
await folder.revision("one", 1, { small: "x".repeat(1_024), big: FILE });
await folder.point("staging", { one: 1 });
const program = path.join(await buildRelease(), "serve-worker.js");
// The attackers come from as many addresses as they please: the limit of one client is not what is proven here.
const limits = { connections: 1_500, connectionsPerClient: 1_500 };

interface Seen {
  readonly attack: string;
  readonly held: number;
  readonly left: number;
  /** Before the first of them came, and at the most while they were there. */
  readonly before: Memory;
  readonly peak: Memory;
  readonly asked: number;
  readonly failed: number;
  readonly slowest: number;
  readonly usual: number;
  readonly quiet: number;
}

try {
  say(machine());
  const seen = [
    await attack("slow readers", `GET /one/big HTTP/1.1\r\nHost: m\r\n\r\n`, false),
    await attack("slow readers of what is new", `GET /one/big HTTP/1.1\r\nHost: m\r\nRange: bytes=1-\r\n\r\n`, false),
    await attack("heads without end", "GET /one/big HTTP/1.1\r\nHost: m\r\n", true),
  ];
  const heads = [
    "attack",
    "held at most",
    "at the end",
    "MB before",
    "peak MB",
    "added",
    "its share",
    "its own",
    "other's requests",
    "failed",
    "median ms",
    "slowest ms",
    "before ms",
  ];
  say(
    `\n${table(
      heads,
      seen.map((one) => [
        one.attack,
        ...[one.held, one.left].map(String),
        ...[one.before.resident, one.peak.resident, one.peak.resident - one.before.resident].map(rounded),
        ...[one.peak.share, one.peak.own].map(rounded),
        ...[one.asked, one.failed].map(String),
        one.usual.toFixed(1),
        one.slowest.toFixed(0),
        one.quiet.toFixed(1),
      ]),
    )}`,
  );
  say(
    `\nJudged is the whole process: its peak, resident, under ${MOST_MEGABYTES} MB. "Its share" divides the runtime's program file among the processes that have it.`,
  );
  say(
    "\nPeers, with slowhttptest: Node's own defaults held 1,000 slow readers for as long as they wished, with 525 MB.",
  );
  const ok = seen.every(
    ({ peak, failed, left, held, usual, quiet, slowest }) =>
      peak.resident < MOST_MEGABYTES &&
      failed === 0 &&
      left === 0 &&
      held > READERS * 0.9 &&
      usual <= quiet * MOST_SLOWER &&
      slowest < MOST_MILLISECONDS,
  );
  const peers = { nodeDefaults: { megabytes: 525, held: 1_000 } };
  conclude({ proof: "slow", most: MOST_MEGABYTES, ownNetwork: inside, seen, peers }, ok);
} finally {
  await folder.end();
}

async function attack(name: string, request: string, drip: boolean): Promise<Seen> {
  const serve = await ServeProcess.start(folder, { limits }, program);
  const sockets = new Set<Socket>();
  const other = { asked: 0, failed: 0, times: [] as number[] };
  try {
    const quiet: number[] = [];
    for (let i = 0; i < 20; i += 1) quiet.push(await probe(serve.port, other));
    other.times.length = 0;
    const pid = serve.child.pid ?? 0;
    const before = memoryOf(pid);
    let peak = before;
    let held = 0;
    const watching = setInterval(() => {
      const now = memoryOf(pid);
      if (now.resident > peak.resident) peak = now;
      held = Math.max(held, sockets.size);
      if (drip) for (const socket of sockets) socket.write("X: a\r\n");
    }, 250);
    const until = performance.now() + SECONDS * 1_000;
    const coming = come(serve.port, request, sockets);
    while (performance.now() < until) {
      await probe(serve.port, other);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await coming;
    clearInterval(watching);
    const left = await heldBy(serve.port);
    const { asked, failed, times } = other;
    return {
      attack: name,
      held,
      left,
      before,
      peak,
      asked,
      failed,
      slowest: Math.max(...times),
      usual: median(times),
      quiet: median(quiet),
    };
  } finally {
    for (const socket of sockets) socket.destroy();
    await serve.stop();
  }
}

function rounded(megabytes: number): string {
  return String(Math.ceil(megabytes));
}

/** All of them within five seconds, with the smallest window that the system gives: they ask, and read nothing. */
async function come(port: number, request: string, sockets: Set<Socket>): Promise<void> {
  for (let i = 0; i < READERS; i += 1) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
    await once(socket, "connect");
    socket.pause();
    sockets.add(socket);
    socket.write(request);
    if (i % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function probe(port: number, other: { asked: number; failed: number; times: number[] }): Promise<number> {
  const began = performance.now();
  const small = await ask(port, "/one/small");
  const big = await ask(port, "/one/big");
  other.asked += 2;
  if (small.status !== 200 || small.body.length !== 1_024) other.failed += 1;
  if (big.status !== 200 || big.body.length !== FILE) other.failed += 1;
  const took = performance.now() - began;
  other.times.push(took);
  return took;
}

/** Connections that the server still has; a reader that was cut and looks away does not know it yet. */
async function heldBy(port: number): Promise<number> {
  const { stdout } = await run("ss", ["-Htn", "state", "established", `( sport = :${port} )`]);
  return stdout.split("\n").filter(Boolean).length;
}

/**
 * Starts the program again in a network namespace and ends with it; `true` when this is there already. `false` where the
 * system gives none: the proof then runs on loopback as it is, and says so.
 */
async function inNetworkOfItsOwn(): Promise<boolean> {
  if (process.argv.includes("--inside")) return true;
  const missing = needsNetns();
  if (missing !== false) {
    say(`on plain loopback, which makes the kernel hold more: ${missing}`);
    return false;
  }
  const prepare = "ip link set lo mtu 1500 up; sysctl -qw net.ipv4.tcp_notsent_lowat=131072";
  const again = `${prepare}; exec "$0" "$1" --inside`;
  const [unshare = "", ...flags] = UNSHARE;
  const child = spawn(unshare, [...flags, "sh", "-ec", again, process.execPath, import.meta.filename], {
    stdio: "inherit",
  });
  const [code] = await once(child, "exit");
  process.exit(typeof code === "number" ? code : 1);
}
