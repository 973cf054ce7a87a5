import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { startTestDaemon, type TestDaemon } from "../test/fixtures/daemon.ts";
import { makeMinisignVendor, signMinisign } from "../test/upstream/signing.ts";
import { conclude, machine, median, say, table } from "./report.ts";

/**
 * Moves a channel to and fro between two revisions, of 100 files and of 100,000, in turn, while clients fetch whole
 * sessions from both: a move takes the same time, and no session ever sees two revisions.
 */
const { values } = parseArgs({
  options: { switches: { type: "string", default: "1000" }, files: { type: "string", default: "100000" } },
});
const switches = Number(values.switches);
const sizes = [100, Number(values.files)];

/** Distinct contents per revision; the large set names each of them many times, as a vendor's tree does not, but a ledger can't tell. */
const CONTENTS = 100;
const FILES_A_SESSION = 20;

const work = await mkdtemp(path.join(tmpdir(), "ringfort-bench-"));
const vendor = makeMinisignVendor();
const content = (edition: string, index: number): string => `${edition} ${index % CONTENTS}\n`;
const sourceOf = (size: number): string => `files-${size}`;

async function publish(size: number, edition: string, signedAt: number): Promise<void> {
  const folder = path.join(work, sourceOf(size));
  await mkdir(folder, { recursive: true });
  const digests = Array.from({ length: CONTENTS }, (_, index) =>
    createHash("sha256").update(content(edition, index)).digest("hex"),
  );
  for (let index = 0; index < CONTENTS; index += 1)
    await writeFile(path.join(folder, `f${index}`), content(edition, index));
  const lines = Array.from({ length: size }, (_, index) => `${digests[index % CONTENTS] ?? ""}  f${index}\n`);
  const list = Buffer.from(lines.join(""));
  await writeFile(path.join(folder, "SHA256SUMS"), list);
  await writeFile(path.join(folder, "SHA256SUMS.minisig"), signMinisign(vendor, list, { signedAt }));
}

async function prepare(daemon: TestDaemon, size: number): Promise<void> {
  const source = sourceOf(size);
  await publish(size, "A", Date.now() - 60_000);
  await daemon.addSource({
    name: source,
    feed: { format: "directory", list: { kind: "checksums" } },
    addresses: [pathToFileURL(`${path.join(work, source)}/`).href],
    trust: { kind: "minisign", keys: [vendor.publicKey] },
    schedule: "manual",
    budget: { files: 1_000_000, growth: 1_000 },
  });
  for (const edition of ["A", "B"]) {
    await publish(size, edition, edition === "A" ? Date.now() - 60_000 : Date.now());
    const synced = await daemon.sync(source);
    if (!("run" in synced) || synced.run.revision === null)
      throw new Error(`sync of ${source}: ${JSON.stringify(synced)}`);
    say(
      `${source}: edition ${edition} of ${size} files synced in ${((synced.run.endedAt - synced.run.startedAt) / 1_000).toFixed(1)} s`,
    );
    await daemon.must({ verb: "promote", source, channel: "production", revision: null, reason: "bench", by: "bench" });
  }
}

interface Sightings {
  sessions: number;
  files: number;
  mixed: number;
  wrong: number;
}

/** One client: sessions of several files, on one connection or on one each, as freshclam does, until told to stop. */
async function client(
  base: string,
  size: number,
  keepAlive: boolean,
  seen: Sightings,
  going: () => boolean,
): Promise<void> {
  for (let session = 0; going(); session += 1) {
    const agent = new http.Agent({ keepAlive, maxSockets: 1 });
    const userAgent = `bench/${size}-${keepAlive ? "one" : "each"}-${session}`;
    const editions = new Set<string>();
    for (let file = 0; file < FILES_A_SESSION; file += 1) {
      const index = (session * 7919 + file * 104_729) % size;
      const body = await get(`${base}${sourceOf(size)}/f${index}`, agent, userAgent);
      const edition = body.slice(0, 1);
      if (body !== content(edition, index)) seen.wrong += 1;
      editions.add(edition);
      seen.files += 1;
    }
    agent.destroy();
    seen.sessions += 1;
    if (editions.size !== 1) seen.mixed += 1;
  }
}

function get(url: string, agent: http.Agent, userAgent: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent, headers: { "user-agent": userAgent } }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () =>
        response.statusCode === 200 ? resolve(body) : reject(new Error(`${url}: ${response.statusCode ?? 0}`)),
      );
    });
    request.on("error", reject);
  });
}

async function move(daemon: TestDaemon, size: number, forward: boolean): Promise<number> {
  const start = performance.now();
  const wish = { source: sourceOf(size), channel: "production", reason: "bench", by: "bench" };
  await (forward
    ? daemon.must({ verb: "promote", revision: 2, ...wish })
    : daemon.must({ verb: "rollback", revision: 1, ...wish }));
  return performance.now() - start;
}

say(machine());
const daemon = await startTestDaemon({
  config: { limits: { connections: 4_096, connectionsPerClient: 4_096, requestsPerConnection: 100_000 } },
  under: work,
});
const times = new Map<number, number[]>(sizes.map((size) => [size, []]));
const seen: Sightings = { sessions: 0, files: 0, mixed: 0, wrong: 0 };
try {
  for (const size of sizes) await prepare(daemon, size);
  const base = await daemon.url("production");
  let going = true;
  const clients = sizes.flatMap((size) =>
    [true, false].map((keepAlive) => client(base, size, keepAlive, seen, () => going)),
  );
  for (let turn = 0; turn < switches; turn += 1) {
    const forward = Math.floor(turn / 2) % 2 === 1;
    const size = sizes[turn % 2] ?? 100;
    times.get(size)?.push(await move(daemon, size, forward));
  }
  going = false;
  await Promise.all(clients);
} finally {
  await daemon.end();
  await rm(work, { recursive: true, force: true });
}

const [small = [], large = []] = sizes.map((size) => times.get(size) ?? []);
const ratio = median(large) / median(small);
const spread = (list: readonly number[]): string => {
  const sorted = list.toSorted((a, b) => a - b);
  return `${sorted[Math.floor(sorted.length * 0.1)]?.toFixed(1) ?? "–"}–${sorted[Math.floor(sorted.length * 0.9)]?.toFixed(1) ?? "–"}`;
};
say(
  `\n${table(
    ["files in the revision", "moves", "median ms", "10–90 % ms"],
    sizes.map((size) => [
      String(size),
      String(times.get(size)?.length ?? 0),
      median(times.get(size) ?? []).toFixed(2),
      spread(times.get(size) ?? []),
    ]),
  )}`,
);
say(
  `\n${table(
    ["while clients fetched", "seen"],
    [
      ["sessions", String(seen.sessions)],
      ["files", String(seen.files)],
      ["sessions with two revisions mixed", String(seen.mixed)],
      ["files that were not of their revision", String(seen.wrong)],
    ],
  )}`,
);
const goals = [
  { goal: `a move of ${sizes[1] ?? 0} files ÷ a move of 100, at most`, seen: ratio, most: 1.25 },
  { goal: "mixed sessions", seen: seen.mixed, most: 0 },
  { goal: "wrong bodies", seen: seen.wrong, most: 0 },
];
say(
  `\n${table(
    ["goal", "seen", "met"],
    goals.map(({ goal, seen: value, most }) => [goal, value.toFixed(2), value <= most ? "yes" : "NO"]),
  )}`,
);
conclude(
  {
    bench: "promote",
    switches,
    medianMs: { [String(sizes[0])]: median(small), [String(sizes[1])]: median(large) },
    ratio,
    ...seen,
  },
  goals.every(({ seen: value, most }) => value <= most) && seen.sessions > 0,
);
