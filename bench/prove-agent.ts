import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type AgentMachine, installedIn, makeMachine, served } from "../test/fixtures/agent.ts";
import {
  type AgentVendor,
  makeAgentVendor,
  type VersionDigests,
  versionContent,
} from "../test/fixtures/agent-vendor.ts";
import { type HttpVendor, startHttpVendor } from "../test/upstream/http-vendor.ts";
import { buildRelease } from "./release.ts";
import { conclude, machine as host, say, table } from "./report.ts";

/**
 * `npm run prove:agent`: the agent, a real process, is killed with SIGKILL at random moments of an update, `--kills`
 * times. After each, what the link leads to is the old version or the new one and every file of it hashes right; the next
 * run finishes, and leaves nothing lying about.
 */
const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "100" },
    seed: { type: "string" },
    sources: { type: "boolean", default: false },
  },
});
const kills = Number(values.kills);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
/** Files of a version and bytes of each: enough that an install takes as long as a client's real one. */
const FILES = 60;
const BYTES = 20_000;

/** A small, repeatable random number generator: the seed is printed, so that a fault can be walked again. */
function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Tally {
  /** Where the link led after the kill. */
  old: number;
  new: number;
  /** Kills that came when the process had ended by itself. */
  late: number;
  /** Kills that found a half-made version, or a download. */
  building: number;
  downloading: number;
  readonly faults: string[];
}

/** Puts the next version up, as a delta every second time, and takes the oldest away. */
function publishNext(vendor: AgentVendor, mirror: HttpVendor, sequence: number): void {
  vendor.packages.splice(0, Math.max(0, vendor.packages.length - 2));
  vendor.publish(sequence, versionContent(sequence, FILES, BYTES), sequence % 2 === 0 ? [sequence - 1] : []);
  const named = new Set(vendor.packages.map(({ file }) => file));
  for (const name of vendor.files.keys()) if (/^\d{10}/.test(name) && !named.has(name)) vendor.files.delete(name);
  mirror.files.clear();
  for (const [name, file] of served(vendor, "/")) mirror.files.set(name, file);
}

/** Runs the agent, and kills it so long after the mirror has first heard of it; resolves to how long it then ran. */
async function runKilled(
  client: AgentMachine,
  mirror: HttpVendor,
  after: number | null,
): Promise<{ readonly took: number; readonly killed: boolean }> {
  const heard = mirror.requests.length;
  const [program, ...args] = client.argv;
  const child = spawn(program, [...args, "--silent"], { stdio: "ignore" });
  const gone = once(child, "exit");
  while (mirror.requests.length === heard && child.exitCode === null) await wait(1);
  const began = performance.now();
  if (after !== null) {
    await wait(after);
    child.kill("SIGKILL");
  }
  const [, signal] = (await gone) as [number | null, string | null];
  return { took: performance.now() - began, killed: signal === "SIGKILL" };
}

function same(a: VersionDigests | undefined, b: VersionDigests): boolean {
  return a !== undefined && a.size === b.size && [...a].every(([name, digest]) => b.get(name) === digest);
}

async function look(client: AgentMachine, vendor: AgentVendor, sequence: number, tally: Tally): Promise<void> {
  const found = await installedIn(client.product);
  if (found === null || (found.sequence !== sequence && found.sequence !== sequence - 1)) {
    tally.faults.push(`kill at ${sequence}: the link leads to ${found?.sequence ?? "nothing"}`);
    return;
  }
  if (!same(vendor.versions.get(found.sequence), found.files))
    tally.faults.push(`kill at ${sequence}: version ${found.sequence} is not whole`);
  if (found.sequence === sequence) tally.new += 1;
  else tally.old += 1;
  const names = await readdir(client.folder, { recursive: true });
  if (names.some((name) => /versions\/\d+\.new$/.test(name))) tally.building += 1;
  if (names.some((name) => /downloads\/.*\.part$/.test(name))) tally.downloading += 1;
}

/** The next run ends well, and what the kill left is gone. */
async function finish(client: AgentMachine, vendor: AgentVendor, sequence: number, tally: Tally): Promise<void> {
  const { code, result } = await client.result();
  const found = await installedIn(client.product);
  if (code === 4 || found?.sequence !== sequence || !same(vendor.versions.get(sequence), found.files))
    tally.faults.push(`after the kill at ${sequence}: exit ${code}, ${result.code ?? ""} ${result.detail}`);
  const left = (await readdir(client.folder, { recursive: true })).filter((name) =>
    /\.(?:new|old|part|json\.new)$|agent\.lock/.test(name),
  );
  const lying = left.filter((name) => !/agent\.lock\.\d+$/.test(name));
  if (lying.length > 0) tally.faults.push(`after the kill at ${sequence}: ${lying.join(", ")}`);
}

say(`${host()}\nseed ${seed}`);
const random = randomFrom(seed);
// The release starts in a third of the time; --sources runs what is in src/ without building.
const main = values.sources ? {} : { main: path.join(await buildRelease(), "ringfort-agent.js") };
const vendor = makeAgentVendor();
const mirror = await startHttpVendor();
const client = await makeMachine({
  vendor,
  hosts: [{ type: "http", address: `${mirror.url}/` }],
  config: { report: false },
  ...main,
});
const tally: Tally = { old: 0, new: 0, late: 0, building: 0, downloading: 0, faults: [] };
try {
  let sequence = 1_000;
  let whole = 0;
  for (; sequence < 1_003; sequence += 1) {
    publishNext(vendor, mirror, sequence);
    whole = Math.max(whole, (await runKilled(client, mirror, null)).took);
  }
  say(`an update takes ${Math.round(whole)} ms from its first request on`);
  // A kill that came too late has hit no install, and is done again.
  for (let done = 0; done < kills && tally.late < kills; sequence += 1) {
    publishNext(vendor, mirror, sequence);
    const { killed, took } = await runKilled(client, mirror, random() * whole);
    if (!killed) {
      tally.late += 1;
      // It was faster than measured: what comes after its end is no moment of an install.
      whole = whole * 0.9 + took * 0.1;
    }
    await look(client, vendor, sequence, tally);
    await finish(client, vendor, sequence, tally);
    if (!killed) continue;
    done += 1;
    if (done % 20 === 0) say(`${done} kills, ${tally.faults.length} faults`);
  }
} finally {
  await mirror.close();
  await client.remove();
}
say(
  `\n${table(
    ["SIGKILL at a random moment", "times"],
    [
      ["the link leads to the old version, whole", String(tally.old)],
      ["the link leads to the new version, whole", String(tally.new)],
      ["found a version half made beside it", String(tally.building)],
      ["found a download half done", String(tally.downloading)],
      ["came when the run had just ended (done again)", String(tally.late)],
      ["faults", String(tally.faults.length)],
    ],
  )}`,
);
for (const fault of tally.faults.slice(0, 20)) say(`fault: ${fault}`);
conclude(
  { proof: "agent", kills, seed, ...tally, faults: tally.faults.length },
  tally.faults.length === 0 && tally.old + tally.new === kills + tally.late,
);
