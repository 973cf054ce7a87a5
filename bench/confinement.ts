import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import path from "node:path";
import process from "node:process";
import { parseArgs, promisify } from "node:util";
import { probeKernel } from "../src/confine/launch.ts";
import { throughLauncher } from "../src/daemon/jails.ts";
import { needsKernelWalls } from "../test/confinement/run.ts";
import { ChannelFolder } from "../test/fixtures/channel-folder.ts";
import { needs, needsProgram } from "../test/fixtures/needs.ts";
import { ServeProcess } from "../test/fixtures/serve-process.ts";
import { buildRelease } from "./release.ts";
import { conclude, machine, median, say, table } from "./report.ts";
import { SERVER_CPU, wrkTurn } from "./serve/wrk.ts";

/**
 * `npm run bench:confinement`: what the walls around a channel's process cost, HTTP of 1 KB and of 1 MB; the same program of the
 * release at L1 and behind nothing, in turn, each pinned to one processor and its load to another. `--rounds` (9),
 * `--seconds` of each turn (2). The filter is that of a server with active FTP, which may open the listener that here no
 * keeper opens for it.
 */
const { values } = parseArgs({
  options: { rounds: { type: "string", default: "9" }, seconds: { type: "string", default: "2" } },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const MOST_COST = 0.05;
const ROWS = [
  { name: "1 KB", file: "k1", bytes: 1_024, connections: 64 },
  { name: "1 MB", file: "m1", bytes: 1_048_576, connections: 16 },
] as const;
const LIMITS = { connections: 4_096, connectionsPerClient: 4_096, requestsPerConnection: 1_000, keepAlive: 75_000 };

const missing = needs(needsKernelWalls(), needsProgram("wrk", "wrk"));
if (missing !== false) throw new Error(missing);

say(machine());
const mains = await buildRelease();
const folder = await ChannelFolder.make();
try {
  await folder.revision("one", 1, Object.fromEntries(ROWS.map(({ file, bytes }) => [file, randomBytes(bytes)])));
  await folder.point("staging", { one: 1 });
  const program = path.join(mains, "serve-worker.js");
  const { landlock } = probeKernel();
  const repository = path.join(import.meta.dirname, "..");
  const jail = {
    role: "serve",
    program: [repository],
    reads: [folder.blobs, folder.views],
    network: "listen-and-call-back",
  } as const;
  const launcher = [process.execPath, "--disable-warning=ExperimentalWarning", path.join(mains, "launch.js")];
  // Descriptors: three of any process, the lane, two logs.
  const walled = await started(throughLauncher(launcher, landlock)(jail, [process.execPath, program], 6));
  const bare = await started([process.execPath, program]);
  try {
    const results = await contest(walled, bare);
    const heads = ["HTTP", "at L1 /s", "behind nothing /s", "cost", "spread of the ratio", "goal", "met"];
    say(
      `\n${table(
        heads,
        results.map((each) => each.cells),
      )}`,
    );
    conclude(
      { bench: "confinement", landlock, rounds, seconds, rows: results.map((each) => each.figures) },
      results.every((each) => each.met),
    );
  } finally {
    await walled.stop();
    await bare.stop();
  }
} finally {
  await folder.end();
}

async function started(command: readonly string[]): Promise<ServeProcess> {
  const serve = ServeProcess.spawn(folder, [], undefined, command);
  const answer = await serve.begin(folder, { limits: LIMITS, session: { idle: 10_000, most: 120_000 } });
  if (answer.kind !== "listening") throw new Error(`it does not serve: ${JSON.stringify(answer)}`);
  await promisify(execFile)("taskset", ["-a", "-p", "-c", SERVER_CPU, String(serve.child.pid)]);
  return serve;
}

async function contest(walled: ServeProcess, bare: ServeProcess) {
  const speeds = ROWS.map((row) => ({ row, walled: [] as number[], bare: [] as number[] }));
  const speed = async (serve: ServeProcess, { file, connections }: (typeof ROWS)[number]): Promise<number> => {
    const load = { url: `${serve.url}/one/${file}`, connections, seconds };
    return (await wrkTurn(load, serve.child.pid ?? 0)).requestsPerSecond;
  };
  // The first round is warm-up; who goes first changes from round to round.
  for (let round = 0; round <= rounds; round += 1)
    for (const each of speeds) {
      const order = round % 2 === 0 ? (["walled", "bare"] as const) : (["bare", "walled"] as const);
      for (const one of order) {
        const seen = await speed(one === "walled" ? walled : bare, each.row);
        if (round > 0) each[one].push(seen);
      }
    }
  return speeds.map(({ row, ...seen }) => {
    const ratios = seen.walled.map((one, at) => one / (seen.bare[at] ?? Number.NaN));
    const cost = 1 - median(ratios);
    const met = cost <= MOST_COST;
    const spread = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
    const [atL1, behindNothing] = [median(seen.walled), median(seen.bare)];
    return {
      cells: [
        row.name,
        atL1.toFixed(0),
        behindNothing.toFixed(0),
        `${(cost * 100).toFixed(1)} %`,
        spread,
        "≤ 5 %",
        met ? "yes" : "NO",
      ],
      figures: { row: row.name, atL1, behindNothing, cost, spread, met },
      met,
    };
  });
}
