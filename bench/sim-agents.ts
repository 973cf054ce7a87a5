import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { type AgentMachine, makeMachine } from "../test/fixtures/agent.ts";
import { makeAgentVendor } from "../test/fixtures/agent-vendor.ts";
import { startTestDaemon, type TestDaemon } from "../test/fixtures/daemon.ts";
import { type HttpVendor, startHttpVendor } from "../test/upstream/http-vendor.ts";
import { LiveupdateVendor } from "../test/upstream/liveupdate-vendor.ts";
import { buildRelease } from "./release.ts";
import { conclude, machine as host, median, say, table } from "./report.ts";

/**
 * `npm run sim:agents`: `--agents` real agents on loopback, half with the staging host file and half with production's,
 * against one real daemon; two waves, a first install and an update. Every agent must succeed, production must show
 * what was released and not what staging has, and the upstream must have sent each package once. The bandwidth saved is
 * what the upstream sent, against what as many agents would have taken from it directly (one of them is measured).
 */
const { values } = parseArgs({
  options: {
    agents: { type: "string", default: "200" },
    at: { type: "string", default: "12" },
    bytes: { type: "string", default: "1000000" },
    sources: { type: "boolean", default: false },
  },
});
const count = Number(values.agents);
const most = Number(values.at);
const SOURCE = "liveupdate";
const PRODUCT = "definitions";
const CHANNELS = ["staging", "production"] as const;
type Channel = (typeof CHANNELS)[number];

interface Wave {
  readonly seconds: number;
  readonly failed: readonly string[];
  readonly medianMs: number;
}

/** Runs every machine's agent, so many at once, and holds each to the sequence that its channel shows. */
async function wave(
  machines: readonly (readonly [Channel, AgentMachine])[],
  wanted: Readonly<Record<Channel, number>>,
): Promise<Wave> {
  const failed: string[] = [];
  const times: number[] = [];
  const waiting = [...machines];
  const began = performance.now();
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [channel, client] = next;
      const start = performance.now();
      const { code, stdout } = await client.agent("--json");
      times.push(performance.now() - start);
      const found = await client.installed();
      if (code !== 0 || found?.sequence !== wanted[channel])
        failed.push(
          `${channel}: exit ${code}, at ${found?.sequence ?? "nothing"}, wanted ${wanted[channel]}: ${stdout.trim()}`,
        );
    }
  };
  await Promise.all(Array.from({ length: most }, worker));
  return { seconds: (performance.now() - began) / 1_000, failed, medianMs: median(times) };
}

async function sync(daemon: TestDaemon): Promise<void> {
  const ended = await daemon.sync(SOURCE);
  if ("code" in ended) throw new Error(`${ended.code}: ${ended.detail}`);
}

async function promote(daemon: TestDaemon): Promise<void> {
  await daemon.must({
    verb: "promote",
    source: SOURCE,
    channel: "production",
    revision: null,
    reason: "simulation",
    by: "bench",
  });
}

/** How often the upstream was asked for each package: once, if the mirror does what it is for. */
function askedTwice(upstream: HttpVendor): readonly string[] {
  const counts = new Map<string, number>();
  for (const { path: asked } of upstream.requests) counts.set(asked, (counts.get(asked) ?? 0) + 1);
  return [...counts].filter(([asked, times]) => /\/\d{10}/.test(asked) && times > 1).map(([asked]) => asked);
}

/** Bytes that one agent takes from the upstream itself, in a wave of its own machine. */
async function directBytes(client: AgentMachine, direct: HttpVendor): Promise<number> {
  const before = direct.sent();
  const { code, stdout } = await client.agent("--json");
  if (code !== 0) throw new Error(`the direct client failed: ${stdout}`);
  return direct.sent() - before;
}

say(`${host()}\n${count} agents, ${most} at once`);
// The release starts in a third of the time; --sources runs what is in src/ without building.
const main = values.sources ? {} : { main: path.join(await buildRelease(), "ringfort-agent.js") };
const folder = await mkdtemp(path.join(tmpdir(), "ringfort-sim-"));
const vendor = new LiveupdateVendor({ bytes: Number(values.bytes) });
const upstream = await startHttpVendor();
const direct = await startHttpVendor();
vendor.attach(upstream.files, `/${SOURCE}/`);
vendor.attach(direct.files, `/${SOURCE}/`);
const { recallKey } = makeAgentVendor();
// All agents come from one address here: kept sessions would show each what the first of them saw.
const daemon = await startTestDaemon({ config: { session: { idle: "0s", most: "0s" } } });
try {
  const trusted = { trust: vendor.trust(), recallKey };
  const lone = await makeMachine({
    vendor: trusted,
    hosts: [{ type: "http", address: `${direct.url}/` }],
    under: folder,
    config: { report: false },
    ...main,
  });
  await daemon.addSource(vendor.source(SOURCE, [`${upstream.url}/${SOURCE}/`]));
  const machines: (readonly [Channel, AgentMachine])[] = [];
  for (let at = 0; at < count; at += 1) {
    const channel = CHANNELS[at % 2] ?? "staging";
    const hosts = [{ type: "http", address: await daemon.url(channel) }] as const;
    machines.push([channel, await makeMachine({ vendor: trusted, hosts, channel, under: folder, ...main })]);
  }
  const waves: Wave[] = [];
  let perClient = 0;
  await sync(daemon);
  await promote(daemon);
  const released = vendor.sequence(PRODUCT);
  vendor.advance();
  await sync(daemon);
  waves.push(await wave(machines, { staging: vendor.sequence(PRODUCT), production: released }));
  perClient += await directBytes(lone, direct);
  await promote(daemon);
  vendor.advance();
  const second = vendor.sequence(PRODUCT, vendor.revision - 1);
  await sync(daemon);
  waves.push(await wave(machines, { staging: vendor.sequence(PRODUCT), production: second }));
  perClient += await directBytes(lone, direct);

  const failed = waves.flatMap((one) => one.failed);
  const twice = askedTwice(upstream);
  const [sent, alone] = [upstream.sent(), perClient * count];
  const saved = 1 - sent / alone;
  say(
    `\n${table(
      ["wave", "agents", "failed", "seconds", "median ms an agent"],
      waves.map((one, at) => [
        ["first install", "update"][at] ?? "",
        String(count),
        String(one.failed.length),
        one.seconds.toFixed(1),
        one.medianMs.toFixed(0),
      ]),
    )}`,
  );
  say(
    `\n${table(
      ["from the upstream", "bytes"],
      [
        ["with the mirror (all products, both channels)", String(sent)],
        [`${count} direct clients of one product`, String(alone)],
      ],
    )}\nsaved: ${(saved * 100).toFixed(2)} %; packages that were fetched twice: ${twice.length}`,
  );
  for (const line of failed.slice(0, 10)) say(`failed: ${line}`);
  const figures = {
    simulation: "agents",
    agents: count,
    failed: failed.length,
    fetchedTwice: twice.length,
    upstreamBytes: sent,
    directBytes: alone,
    saved,
    seconds: waves.map(({ seconds }) => seconds),
  };
  conclude(figures, failed.length === 0 && twice.length === 0);
} finally {
  await daemon.end();
  await upstream.close();
  await direct.close();
  await rm(folder, { recursive: true, force: true });
}
