import { once } from "node:events";
import net from "node:net";
import process from "node:process";
import { parseArgs } from "node:util";
import { formatDuration } from "../src/core/kernel/instant.ts";
import { formatSize } from "../src/core/kernel/size.ts";
import { startTestDaemon, type TestDaemon } from "../test/fixtures/daemon.ts";
import { tour } from "./tour.ts";
import { type DemoVendor, demoSource, startDemoVendor } from "./vendor.ts";

const USAGE = `npm start              a vendor on loopback, the daemon and both channels, with a live status, until Ctrl-C
npm start -- --tour    walks the main job, a campus with LiveUpdate, and a bad update that canaries stop, told twice
                       with time compressed; some two minutes; prints what was seen, exits 0 when all of it was right
`;

/** How often the vendor publishes, and Ringfort looks. */
const PUBLISH_EVERY = 30_000;
const SYNC_EVERY = "every 10s";

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** On a terminal, what is being shown; elsewhere the one table is all that is printed. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\u001b[2K\r${text} …\r`);
}

/** The documented addresses where they are free; any other where they are not. */
async function listenAt(port: number): Promise<string> {
  const server = net.createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    server.close();
    await once(server, "close");
    return `127.0.0.1:${port}`;
  } catch {
    return "127.0.0.1:0";
  }
}

async function demo(): Promise<void> {
  const vendor = await startDemoVendor();
  const channels = { staging: { listen: await listenAt(8081) }, production: { listen: await listenAt(8082) } };
  const daemon = await startTestDaemon({ channels });
  const ended = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ended.resolve());
  const timers: NodeJS.Timeout[] = [];
  try {
    const added = await daemon.cli(...demoSource(vendor, SYNC_EVERY));
    if (added.code !== 0) throw new Error(`source add: ${added.stdout}${added.stderr}`);
    say(await welcome(daemon, vendor));
    timers.push(setInterval(() => vendor.publish(), PUBLISH_EVERY));
    const show = process.stdout.isTTY ? redraw() : onChange();
    timers.push(setInterval(() => void status(daemon, vendor).then(show, () => {}), 1_000));
    await ended.promise;
  } finally {
    for (const timer of timers) clearInterval(timer);
    await daemon.end();
    await vendor.close();
  }
  say("\nStopped; nothing was left behind.");
}

async function welcome(daemon: TestDaemon, vendor: DemoVendor): Promise<string> {
  const ringfort = `npm run -s ringfort -- --config ${daemon.configFile}`;
  return `Ringfort is running: a vendor on loopback, the daemon, and two channels.

  the vendor        ${vendor.http.url}/defs/   (publishes a signed edition every ${formatDuration(PUBLISH_EVERY)})
  staging           ${await daemon.url("staging")}demo/     follows the vendor by itself
  production        ${await daemon.url("production")}demo/     moves when you say so

Try, in another terminal:

  curl ${await daemon.url("staging")}demo/README.txt
  ${ringfort} status
  ${ringfort} promote demo --reason "looks well"
  ${ringfort} log --events
  ${ringfort} rollback demo --channel production      (once it has shown two editions)

Ctrl-C stops everything.
`;
}

async function status(daemon: TestDaemon, vendor: DemoVendor): Promise<readonly string[]> {
  const { positions, sources, store } = await daemon.must({ verb: "status" });
  const last = sources[0]?.lastRun;
  const ago =
    last === null || last === undefined
      ? "not yet"
      : `${last.outcome}${last.code === null ? "" : ` (${last.code})`}, revision ${sources[0]?.latestRevision ?? "none"}`;
  return [
    `vendor      edition ${vendor.edition}`,
    `last sync   ${ago}`,
    ...positions.map(
      ({ channel, revision, files, bytes, behind }) =>
        `${channel.padEnd(10)}  revision ${revision ?? "none"}${files === null ? "" : `, ${files} files, ${formatSize(bytes ?? 0)}`}${behind === null || behind === 0 ? "" : `, ${behind} behind`}`,
    ),
    `store       ${store.blobs} blobs, ${formatSize(store.bytes)}`,
  ];
}

/** On a terminal: the same lines, drawn over. One that wraps would take two, and the next drawing would miss it. */
function redraw(): (lines: readonly string[]) => void {
  let drawn = 0;
  return (lines) => {
    process.stdout.write(
      `${drawn === 0 ? "" : `\u001b[${drawn}A`}${lines.map((line) => `\u001b[2K${line.slice(0, process.stdout.columns - 1)}\n`).join("")}`,
    );
    drawn = lines.length;
  };
}

/** Elsewhere: a line when something has changed. */
function onChange(): (lines: readonly string[]) => void {
  let last = "";
  return (lines) => {
    const line = lines.map((text) => text.replace(/ +/g, " ")).join("; ");
    if (line !== last) say(line);
    last = line;
  };
}

const { values } = parseArgs({ options: { tour: { type: "boolean" }, help: { type: "boolean" } } });
if (values.help === true) say(USAGE);
else if (values.tour === true) process.exitCode = (await tour(say, progress)) ? 0 : 1;
else await demo();
