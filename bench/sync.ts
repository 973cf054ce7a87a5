import { createHash, randomFillSync } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { run, startTestDaemon, type TestDaemon } from "../test/fixtures/daemon.ts";
import { makeMinisignVendor, signMinisign } from "../test/upstream/signing.ts";
import { startNginx } from "./nginx.ts";
import { buildRelease } from "./release.ts";
import { conclude, machine, median, say, table } from "./report.ts";

/**
 * Mirrors one tree from a local nginx with Ringfort, which verifies, judges, syncs to disk and records every byte, and
 * with what people use instead. Interleaved; the figures are medians, the goals ratios within the same rounds.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    small: { type: "boolean", default: false },
    work: { type: "string", default: tmpdir() },
  },
});
const rounds = Number(values.rounds);
const shape = values.small
  ? [
      { count: 100, size: 100_000 },
      { count: 5, size: 10_000_000 },
      { count: 1, size: 40_000_000 },
    ]
  : [
      { count: 1_000, size: 100_000 },
      { count: 50, size: 10_000_000 },
      { count: 1, size: 400_000_000 },
    ];

const work = await mkdtemp(path.join(values.work, "ringfort-bench-"));
const root = path.join(work, "vendor");
const vendor = makeMinisignVendor();

async function makeTree(): Promise<readonly string[]> {
  await mkdir(root, { recursive: true });
  const lines: string[] = [];
  const block = Buffer.alloc(1_000_000);
  for (const { count, size } of shape) {
    for (let index = 0; index < count; index += 1) {
      const name = `file-${size}-${index}.bin`;
      const file = await open(path.join(root, name), "w");
      const hash = createHash("sha256");
      for (let left = size; left > 0; ) {
        const piece = randomFillSync(block).subarray(0, Math.min(left, block.length));
        hash.update(piece);
        await file.write(piece);
        left -= piece.length;
      }
      await file.close();
      lines.push(`${hash.digest("hex")}  ${name}\n`);
    }
  }
  const list = Buffer.from(lines.join(""));
  await writeFile(path.join(root, "SHA256SUMS"), list);
  await writeFile(path.join(root, "SHA256SUMS.minisig"), signMinisign(vendor, list, { signedAt: Date.now() }));
  return lines.map((line) => line.slice(66, -1));
}

interface Contestant {
  readonly name: string;
  readonly verifies: boolean;
  /** Mirrors the tree into an empty folder; resolves to the seconds that it took. */
  mirror(into: string): Promise<number>;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1_000;
}

async function must(program: string, args: readonly string[], cwd: string): Promise<void> {
  const result = await run(program, args, { cwd });
  if (result.code !== 0) throw new Error(`${program} exited with ${result.code}: ${result.stderr.slice(-500)}`);
}

function peers(url: string, names: readonly string[]): readonly Contestant[] {
  const curlConfig = path.join(work, "curl.conf");
  const ariaList = path.join(work, "aria.list");
  const prepared = Promise.all([
    writeFile(curlConfig, names.map((name) => `url = "${url}${name}"\noutput = "${name}"\n`).join("")),
    writeFile(ariaList, names.map((name) => `${url}${name}\n`).join("")),
  ]);
  const curl = (into: string) => must("curl", ["-sS", "-Z", "--parallel-max", "8", "-K", curlConfig], into);
  return [
    {
      name: "curl -Z, then sha256sum -c",
      verifies: true,
      mirror: async (into) => {
        await prepared;
        return timed(async () => {
          await curl(into);
          await must("sha256sum", ["-c", "--quiet", path.join(root, "SHA256SUMS")], into);
        });
      },
    },
    { name: "curl -Z", verifies: false, mirror: (into) => timed(() => curl(into)) },
    {
      name: "aria2c -j8",
      verifies: false,
      mirror: (into) => timed(() => must("aria2c", ["-q", "-j8", "-x1", "-i", ariaList], into)),
    },
    {
      name: "wget -r",
      verifies: false,
      mirror: (into) => timed(() => must("wget", ["-q", "-r", "-nH", "-R", "index.html*", url], into)),
    },
    {
      name: "rclone copy",
      verifies: false,
      mirror: (into) =>
        timed(() =>
          must(
            "rclone",
            ["copy", "--config", "/dev/null", "--http-url", url, "--transfers", "8", ":http:", into],
            into,
          ),
        ),
    },
  ];
}

/** What one process took at most and in all, from the system's own account. */
interface Usage {
  readonly role: string;
  readonly peakMegabytes: number;
  readonly cpuSeconds: number;
}

async function usage(daemon: TestDaemon): Promise<readonly Usage[]> {
  const { processes } = await daemon.must({ verb: "status" });
  const list = [{ role: "keeper", pid: daemon.pid as number | null }, ...processes];
  return list.flatMap(({ role, pid }) => {
    if (pid === null) return [];
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return [
      {
        role,
        peakMegabytes: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_000,
        cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
      },
    ];
  });
}

interface RingfortRound {
  readonly first: number;
  readonly second: number;
  readonly secondRequests: number;
  readonly usage: readonly Usage[];
}

async function ringfort(url: string): Promise<RingfortRound> {
  const daemon = await startTestDaemon({ under: work, release: true });
  try {
    await daemon.addSource({
      name: "bench",
      feed: { format: "directory", list: { kind: "checksums" } },
      addresses: [url],
      trust: { kind: "minisign", keys: [vendor.publicKey] },
      schedule: "manual",
    });
    const sync = async (): Promise<number> =>
      timed(async () => {
        const result = await daemon.cli("sync", "bench", "--silent");
        if (result.code !== 0) throw new Error(`sync exited with ${result.code}: ${result.stdout}${result.stderr}`);
      });
    const first = await sync();
    const used = await usage(daemon);
    const { revisions } = await daemon.must({ verb: "revisions", source: "bench" });
    if (revisions[0]?.files !== total + 2) throw new Error(`the revision has ${revisions[0]?.files ?? 0} files`);
    const second = await sync();
    const { runs } = await daemon.must({ verb: "log", what: "runs", source: "bench", limit: 1 });
    return { first, second, secondRequests: runs[0]?.requests ?? -1, usage: used };
  } finally {
    await daemon.stop();
  }
}

/** Nobody pays for what another left to be written: most of them leave a gigabyte. */
async function settle(): Promise<void> {
  await must("sync", [], work);
}

/**
 * What a round has written is emptied at its end and removed when all is over. ext4 keeps a deleted file's inode aside
 * for up to some minutes and looks through all of those for every file that is made meanwhile: nobody pays for that.
 */
async function clearUp(round: number): Promise<void> {
  for (const name of await readdir(work)) {
    if (!name.startsWith("into-") && !name.startsWith("ringfort-test-")) continue;
    const done = path.join(work, `done-${round}-${name}`);
    await rename(path.join(work, name), done);
    for (const entry of await readdir(done, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) await emptied(path.join(entry.parentPath, entry.name));
  }
}

async function emptied(file: string): Promise<void> {
  await chmod(file, 0o600);
  await truncate(file, 0);
}

say(machine());
await buildRelease();
say(`making the vendor's tree (${shape.map(({ count, size }) => `${count} × ${size / 1_000} KB`).join(" + ")})`);
const names = await makeTree();
const total = names.length;
const nginx = await startNginx(root, path.join(work, "nginx"));
const contestants = peers(nginx.url, names);
const seconds = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
const ours: RingfortRound[] = [];
try {
  // One unmeasured reading of every file, so that nobody pays for a cold disk.
  for (const name of names) for await (const _ of createReadStream(path.join(root, name))) void _;
  for (let round = 1; round <= rounds; round += 1) {
    await settle();
    ours.push(await ringfort(nginx.url));
    for (const [index, contestant] of contestants.entries()) {
      const into = path.join(work, `into-${index}`);
      await mkdir(into);
      await settle();
      seconds.get(contestant.name)?.push(await contestant.mirror(into));
      const size = (await stat(path.join(into, names[0] ?? ""))).size;
      if (size !== shape[0]?.size) throw new Error(`${contestant.name} did not fetch`);
    }
    await clearUp(round);
    say(
      `round ${round} of ${rounds}: ringfort ${ours.at(-1)?.first.toFixed(2)} s, ${contestants.map(({ name }) => `${name} ${seconds.get(name)?.at(-1)?.toFixed(2)} s`).join(", ")}`,
    );
  }
  const log = await readFile(nginx.accessLog, "utf8");
  if (!log.includes("SHA256SUMS")) throw new Error("nginx saw no request");
} finally {
  await nginx.stop();
  await rm(work, { recursive: true, force: true });
}

const first = ours.map((round) => round.first);
const ratio = (name: string): number =>
  median(first.map((value, index) => value / (seconds.get(name)?.[index] ?? Number.NaN)));
const rows = [
  ["ringfort (hashed, judged, on disk, in the ledger)", median(first).toFixed(2), "1.00", "yes", "yes"],
  ...contestants.map(({ name, verifies }) => [
    name,
    median(seconds.get(name) ?? []).toFixed(2),
    ratio(name).toFixed(2),
    verifies ? "yes" : "no",
    "no",
  ]),
];
const roles = [...new Set(ours.flatMap((round) => round.usage.map(({ role }) => role)))];
const of = (role: string, pick: (usage: Usage) => number): number[] =>
  ours.flatMap((round) => round.usage.filter((entry) => entry.role === role).map(pick));
const peak = Math.max(...ours.flatMap((round) => round.usage.map(({ peakMegabytes }) => peakMegabytes)));
const second = median(ours.map((round) => round.second));
const secondRequests = Math.max(...ours.map((round) => round.secondRequests));
const goals = [
  { goal: "≤ 0.9 × curl -Z, then sha256sum -c", seen: ratio("curl -Z, then sha256sum -c"), most: 0.9 },
  { goal: "≤ 0.7 × aria2c -j8", seen: ratio("aria2c -j8"), most: 0.7 },
  { goal: "second sync under 1 s", seen: second, most: 1 },
  { goal: "second sync asks for no artifact (index and signature only)", seen: secondRequests, most: 2 },
  { goal: "every process under 200 MB", seen: peak, most: 200 },
];
say(`\n${table(["mirror of the tree", "seconds", "ringfort ÷ it", "verifies", "durable"], rows)}`);
say(
  `\n${table(
    ["process", "peak MB", "CPU s"],
    roles.map((role) => [
      role,
      Math.max(...of(role, (u) => u.peakMegabytes)).toFixed(0),
      median(of(role, (u) => u.cpuSeconds)).toFixed(2),
    ]),
  )}`,
);
say(
  `\n${table(
    ["goal", "seen", "met"],
    goals.map(({ goal, seen, most }) => [goal, seen.toFixed(2), seen <= most ? "yes" : "NO"]),
  )}`,
);
conclude(
  {
    bench: "sync",
    rounds,
    seconds: {
      ringfort: median(first),
      ...Object.fromEntries(contestants.map(({ name }) => [name, median(seconds.get(name) ?? [])])),
    },
    ratios: Object.fromEntries(contestants.map(({ name }) => [name, ratio(name)])),
    secondSyncSeconds: second,
    secondSyncRequests: secondRequests,
    peakMegabytes: Object.fromEntries(roles.map((role) => [role, Math.max(...of(role, (u) => u.peakMegabytes))])),
  },
  goals.every(({ seen, most }) => seen <= most),
);
