import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { ChannelFolder } from "../test/fixtures/channel-folder.ts";
import { makeCertificate } from "../test/upstream/certificate.ts";
import { conclude, machine, median, say, table } from "./report.ts";
import { cpuOf, HTTP_ROWS, type HttpRow, speedOf } from "./serve/http-rows.ts";
import { FILES, type HttpServer, makeFiles, startNginx, startOurs, startRaw } from "./serve/http-servers.ts";
import { idleCost } from "./serve/idle.ts";
import { writeAsked, writeNames } from "./serve/names.ts";
import { residentMegabytes } from "./serve/processor-time.ts";
import { type Turn, wrkTurn } from "./serve/wrk.ts";

/**
 * `npm run bench:serve`: HTTP and HTTPS against nginx in turn, each server pinned to one processor and its load to another, and a raw
 * sender beside them as the limit. The goals are against nginx with one worker and sendfile (over TLS against a tuned one); a tuned
 * one stands beside it. `--rounds` (5), `--seconds` of each turn (2), `--names` (1,000,000; 0 leaves them out).
 * FTP: `npm run bench:serve-ftp`.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    names: { type: "string", default: "1000000" },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const IDLE = 1_000;
const FEW = 100;
const HEADS = [
  "row",
  "unit",
  "ours",
  "nginx",
  "ratio",
  "spread",
  "÷ tuned",
  "CPU ratio",
  "of the limit",
  "goal",
  "CPU goal",
  "met",
];

const certificate = await makeCertificate(["localhost"]);
const work = await mkdtemp(path.join(tmpdir(), "ringfort-bench-"));
const folder = await ChannelFolder.make();
try {
  say(machine());
  const files = makeFiles();
  await folder.revision("one", 1, files);
  await folder.point("staging", { one: 1 });
  const rows = await contest(files);
  const names = Number(values.names) === 0 ? null : await flat(Number(values.names), files.k1);
  conclude({ bench: "serve", ...rows.figures, names }, rows.ok && (names === null || names.ok));
} finally {
  await folder.end();
  await rm(work, { recursive: true, force: true });
}

interface Turns {
  readonly row: HttpRow;
  readonly ours: Turn[];
  /** The peer of the goal. */
  readonly nginx: Turn[];
  readonly tuned: Turn[];
  readonly raw: Turn[];
}

async function contest(
  files: ReturnType<typeof makeFiles>,
): Promise<{ readonly figures: object; readonly ok: boolean }> {
  const ours = await startOurs(folder, certificate);
  const plain = await startNginx("plain", files, work, certificate);
  const tuned = await startNginx("tuned", files, work, certificate);
  const turns = HTTP_ROWS.map((row): Turns => ({ row, ours: [], nginx: [], tuned: [], raw: [] }));
  try {
    // The first round is warm-up.
    for (let round = 0; round <= rounds; round += 1) {
      for (const each of turns) {
        const [us, best] = [await turn(ours, each.row), await turn(tuned, each.row)];
        const them = each.row.secure ? best : await turn(plain, each.row);
        const limit = hasLimit(each.row) ? await rawTurn(each.row) : null;
        if (round === 0) continue;
        each.ours.push(us);
        each.nginx.push(them);
        each.tuned.push(best);
        if (limit !== null) each.raw.push(limit);
      }
    }
    const idle = { ours: await idleCost(ours, IDLE), nginx: await idleCost(tuned, IDLE) };
    const results = turns.map(result);
    say(
      `\n${table(
        HEADS,
        results.map(({ cells }) => cells),
      )}`,
    );
    say(
      `\n${IDLE} idle connections: ours ${idle.ours.with.toFixed(0)} MB resident, ${idle.ours.kilobytesEach.toFixed(1)} KB for each; nginx ${idle.nginx.with.toFixed(0)} MB, ${idle.nginx.kilobytesEach.toFixed(1)} KB`,
    );
    return { figures: { rows: results.map(({ figures }) => figures), idle }, ok: results.every(({ met }) => met) };
  } finally {
    await ours.stop();
    await plain.stop();
    await tuned.stop();
  }
}

/** Of a 304 the raw sender knows nothing, for it sends the whole kilobyte; and it speaks no TLS. */
function hasLimit({ unchanged, secure }: HttpRow): boolean {
  return !unchanged && !secure;
}

async function turn(server: HttpServer, { file, connections, unchanged, secure }: HttpRow): Promise<Turn> {
  const url = `${secure ? server.secureUrl : server.url}/${file}`;
  const etag = unchanged ? (await fetch(url, { method: "HEAD" })).headers.get("etag") : null;
  return wrkTurn({ url, connections, seconds, ...(etag === null ? {} : { etag }) }, server.pid);
}

async function rawTurn(row: HttpRow): Promise<Turn> {
  const raw = await startRaw(FILES[row.file]);
  try {
    return await wrkTurn({ url: `${raw.url}/`, connections: row.connections, seconds }, raw.pid);
  } finally {
    await raw.stop();
  }
}

function result({ row, ours, nginx, tuned, raw }: Turns): {
  readonly cells: readonly string[];
  readonly figures: object;
  readonly met: boolean;
} {
  const over = (a: readonly Turn[], b: readonly Turn[], of: (row: HttpRow, turn: Turn) => number): readonly number[] =>
    a.map((one, at) => of(row, one) / (b[at] === undefined ? Number.NaN : of(row, b[at])));
  const ratios = over(ours, nginx, speedOf);
  const [ratio, least, most] = [median(ratios), Math.min(...ratios), Math.max(...ratios)];
  const cpu = median(over(ours, nginx, cpuOf));
  const ofTuned = median(over(ours, tuned, speedOf));
  const limit = hasLimit(row) ? median(over(ours, raw, speedOf)) : null;
  const met = ratio >= row.goal.speed && (row.goal.cpu === null || cpu <= row.goal.cpu);
  const middle = (turns: readonly Turn[]): string => median(turns.map((one) => speedOf(row, one))).toFixed(0);
  const cells = [
    row.name,
    row.unit,
    middle(ours),
    middle(nginx),
    ratio.toFixed(2),
    `${least.toFixed(2)}–${most.toFixed(2)}`,
    ofTuned.toFixed(2),
    cpu.toFixed(2),
    limit?.toFixed(2) ?? "",
    row.goal.speed === 0 ? "" : row.goal.speed.toFixed(2),
    row.goal.cpu?.toFixed(1) ?? "",
    met ? "yes" : "NO",
  ];
  return {
    cells,
    figures: { row: row.name, ratio, least, most, ofTuned, cpu, limit, ours: middle(ours), nginx: middle(nginx), met },
    met,
  };
}

interface Flat {
  readonly ratio: number;
  readonly ratioEvery: number;
  readonly openedMs: number;
  readonly megabytes: readonly [few: number, many: number];
  readonly ok: boolean;
}

/** One channel of a hundred names and one of a million: the same names asked for, and then each of all in turn. */
async function flat(count: number, bytes: Buffer): Promise<Flat> {
  await writeNames(folder, "few", FEW, bytes);
  await writeNames(folder, "many", count, bytes);
  const asked = {
    few: await writeAsked(work, "few", FEW, false),
    many: await writeAsked(work, "many", count, false),
    every: await writeAsked(work, "many", count, true),
  };
  await folder.point("staging", { few: 1 });
  const ours = await startOurs(folder, certificate);
  const host = new URL(ours.url).origin;
  const load = async (names: string): Promise<number> =>
    (await wrkTurn({ url: `${host}/`, connections: 64, seconds, names }, ours.pid)).requestsPerSecond;
  const ratios: number[] = [];
  const every: number[] = [];
  let openedMs = 0;
  const megabytes: [number, number] = [0, 0];
  let serial = 0;
  const show = async (source: string): Promise<number> => {
    await folder.point("staging", { [source]: 1 });
    serial += 1;
    const began = performance.now();
    await ours.serve.reopen(serial);
    const took = performance.now() - began;
    // Leases of the load before still hold it on the view before.
    await new Promise((resolve) => setTimeout(resolve, 11_500));
    return took;
  };
  try {
    for (let round = 0; round <= Math.min(rounds, 5); round += 1) {
      if (round > 0) await show("few");
      const few = await load(asked.few);
      megabytes[0] = residentMegabytes(ours.pid);
      openedMs = Math.max(openedMs, await show("many"));
      const many = await load(asked.many);
      megabytes[1] = residentMegabytes(ours.pid);
      const all = await load(asked.every);
      if (round === 0) continue;
      ratios.push(many / few);
      every.push(all / few);
    }
  } finally {
    await ours.stop();
  }
  const [ratio, ratioEvery] = [median(ratios), median(every)];
  say(
    `\n${count} names against ${FEW}: ${ratio.toFixed(2)} of the requests/s for ${FEW} of them, ${ratioEvery.toFixed(2)} where each is asked for in turn; view opened in ${openedMs.toFixed(0)} ms; ${megabytes.map((each) => each.toFixed(0)).join(" and ")} MB resident`,
  );
  return { ratio, ratioEvery, openedMs, megabytes, ok: ratio >= 0.9 && openedMs < 1_000 };
}
