import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { WRITE_STEPS, type WriteStep } from "../../src/core/ports.ts";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { CRASH_VENDORS, type CrashVendor, type CrashVendorName } from "./vendors.ts";

/** What one proof did and found. `faults` is empty when the store held every promise of docs/store-format.md. */
export interface CrashReport {
  readonly seed: number;
  readonly randomKills: number;
  /** How many of the random kills found the act under way. */
  readonly interrupted: number;
  readonly stepKills: Readonly<Record<string, number>>;
  readonly restarts: number;
  readonly servedChecked: number;
  readonly faults: readonly string[];
}

const SOURCE = "vendor";
const CHANNELS = ["staging", "production"] as const;
const keeper = path.join(path.dirname(fileURLToPath(import.meta.url)), "keeper.ts");

/** A small, repeatable random number generator: the seed is printed, so that a fault can be walked again. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

type Act = "sync" | "promote" | "rollback" | "gc";

/** What brings a daemon to each step. */
const ACT_OF_STEP: Readonly<Record<WriteStep, Act>> = {
  "quarantine.written": "sync",
  "blob.synced": "sync",
  "blob.renamed": "sync",
  "blobs.directories-synced": "sync",
  "revision.committed": "sync",
  "revision.view-written": "sync",
  "revision.view-renamed": "sync",
  "channel.committed": "promote",
  "pointer.written": "promote",
  "pointer.renamed": "promote",
  "collect.revisions-removed": "gc",
  "collect.views-removed": "gc",
  "collect.blob-removed": "gc",
};

/**
 * How often a step comes in one act, where it is more than once. Two pointers are written as a daemon starts: a kill at
 * the first or second is a kill during recovery, one at the third during the promotion.
 */
const COMINGS: Partial<Record<WriteStep, number>> = {
  "quarantine.written": 3,
  "blob.synced": 3,
  "blob.renamed": 3,
  "pointer.written": 3,
  "pointer.renamed": 3,
};

async function act(daemon: TestDaemon, vendor: CrashVendor, what: Act): Promise<void> {
  const wish = { source: SOURCE, channel: "production", revision: null, reason: "proof", by: "proof" } as const;
  switch (what) {
    case "sync":
      await vendor.publish();
      await daemon.sync(SOURCE);
      return;
    case "promote":
      await daemon.ask({ verb: "promote", ...wish });
      return;
    case "rollback":
      await daemon.ask({ verb: "rollback", ...wish });
      return;
    case "gc":
      await collectAsShown(daemon);
      return;
  }
}

async function collectAsShown(daemon: TestDaemon): Promise<void> {
  const wish = { verb: "gc", source: null, by: "proof" } as const;
  const preview = await daemon.ask({ ...wish, plan: null });
  if ("plan" in preview) await daemon.ask({ ...wish, plan: preview.plan });
}

/** Everything that must hold after any stop: what is served, what is stored, what is recorded. */
async function faultsOf(
  daemon: TestDaemon,
  vendor: CrashVendor,
  checked: { count: number },
): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const channel of CHANNELS) faults.push(...(await servedFaults(daemon, vendor, channel, checked)));
  const { damaged } = await daemon.must({ verb: "store-check", repair: false, by: "proof" });
  for (const { sha256, state } of damaged) faults.push(`blob ${sha256} is ${state}`);
  const { revisions } = await daemon.must({ verb: "revisions", source: SOURCE });
  for (const { revision, files } of revisions)
    if (files !== vendor.editions[0]?.size) faults.push(`revision ${revision} has ${files} files`);
  return faults;
}

/** What a channel serves, compared with the edition whose index it serves; read again when it moved meanwhile. */
async function servedFaults(
  daemon: TestDaemon,
  vendor: CrashVendor,
  channel: string,
  checked: { count: number },
): Promise<readonly string[]> {
  const positionNow = async () => {
    const { positions } = await daemon.must({ verb: "channels", source: SOURCE });
    return positions.find((entry) => entry.channel === channel);
  };
  // A start moves the first channel by itself to what was sealed before the stop, and no session holds this client.
  for (let turn = 0; ; turn += 1) {
    const before = await positionNow();
    if (before === undefined || before.revision === null || before.url === null) return [];
    const { url } = before;
    const servedAs = async (name: string): Promise<string> => {
      const response = await fetch(`${url}${name}`);
      const body = Buffer.from(await response.arrayBuffer());
      checked.count += 1;
      return response.status === 200 ? createHash("sha256").update(body).digest("hex") : String(response.status);
    };
    const faults: string[] = [];
    const index = await servedAs(vendor.index);
    const edition = vendor.editions.find((each) => each.get(vendor.index) === index);
    if (edition === undefined) faults.push(`${channel}: what is served is no edition of the vendor's (${index})`);
    for (const [name, sha256] of edition ?? []) {
      const served = await servedAs(name);
      if (served !== sha256) faults.push(`${channel}: ${name} is ${served}, should be ${sha256}`);
    }
    if (faults.length === 0 || turn >= 3 || (await positionNow())?.movedAt === before.movedAt) return faults;
  }
}

/** Waits for the act to end or for the daemon to be gone, whichever is first. */
async function quietly(work: Promise<void>): Promise<void> {
  await work.catch(() => {});
}

/**
 * Kills the daemon `randomKills` times at random moments of syncs, promotions, rollbacks and collections, and once at
 * each named step `stepRounds` times; after each, starts it again and checks every promise.
 */
export async function proveCrash(options: {
  readonly randomKills: number;
  readonly stepRounds: number;
  readonly seed: number;
  readonly progress: (text: string) => void;
  /** Where the daemon's mains are: `src/main`, or `dist/main`, which starts in a third of the time. */
  readonly house?: string;
  readonly vendor?: CrashVendorName;
}): Promise<CrashReport> {
  const random = randomFrom(options.seed);
  const work = await mkdtemp(path.join(tmpdir(), "ringfort-crash-"));
  const folder = path.join(work, "vendor");
  await mkdir(folder);
  const vendor = CRASH_VENDORS[options.vendor ?? "directory"](folder);
  const checked = { count: 0 };
  const faults: string[] = [];
  const stepKills: Record<string, number> = {};
  let restarts = 0;
  let interrupted = 0;
  // How long each act takes here, in milliseconds, learned as they are seen to end: a kill after the end proves little.
  const typical = new Map<Act, number>([["sync", 500]]);
  const main = { file: keeper, args: options.house === undefined ? [] : ["--house", options.house] };
  const daemon = await startTestDaemon({
    main,
    under: work,
    config: { collect: { grace: 0 }, session: { idle: 0, most: 0 } },
  });
  const restart = async (where: string): Promise<void> => {
    await daemon.kill();
    await daemon.start();
    restarts += 1;
    for (const fault of await faultsOf(daemon, vendor, checked)) faults.push(`after ${where}: ${fault}`);
  };
  try {
    await vendor.publish();
    await daemon.addSource({
      name: SOURCE,
      ...vendor.source,
      schedule: "manual",
      retention: { revisions: 3, age: 0, rollbackWindow: 1 },
    });
    for (const what of ["sync", "promote", "sync", "promote"] as const) await act(daemon, vendor, what);
    for (let round = 0; round < options.stepRounds; round += 1) {
      for (const step of WRITE_STEPS) {
        await daemon.kill("SIGTERM");
        const died = await dieAt(main, daemon, vendor, step, 1 + Math.floor(random() * (COMINGS[step] ?? 1)));
        stepKills[step] = (stepKills[step] ?? 0) + (died ? 1 : 0);
        if (!died) faults.push(`the step ${step} was never reached`);
        await restart(`a kill at ${step}`);
        options.progress(`step ${step}`);
      }
    }
    for (let kill = 1; kill <= options.randomKills; kill += 1) {
      const what = (["sync", "sync", "promote", "rollback", "gc"] as const)[Math.floor(random() * 5)] ?? "sync";
      const began = performance.now();
      let ended = false;
      const going = quietly(act(daemon, vendor, what)).then(() => {
        ended = true;
        return performance.now() - began;
      });
      await new Promise((resolve) => setTimeout(resolve, random() * 1.2 * (typical.get(what) ?? 20)));
      if (!ended) interrupted += 1;
      else typical.set(what, 0.8 * (typical.get(what) ?? 20) + 0.2 * (await going));
      await restart(`random kill ${kill} during ${what}`);
      await going;
      if (kill % 50 === 0) options.progress(`${kill} of ${options.randomKills} random kills, ${faults.length} faults`);
    }
  } finally {
    await daemon.end();
    await rm(work, { recursive: true, force: true });
  }
  return {
    seed: options.seed,
    randomKills: options.randomKills,
    interrupted,
    stepKills,
    restarts,
    servedChecked: checked.count,
    faults,
  };
}

/** Runs a daemon that kills itself at the step's nth coming, and does what leads there; whether it died of it. */
async function dieAt(
  main: { readonly file: string; readonly args: readonly string[] },
  daemon: TestDaemon,
  vendor: CrashVendor,
  step: WriteStep,
  nth: number,
): Promise<boolean> {
  if (ACT_OF_STEP[step] === "promote" || ACT_OF_STEP[step] === "gc") {
    await daemon.start();
    await act(daemon, vendor, "sync");
    if (ACT_OF_STEP[step] === "gc")
      for (const what of ["promote", "sync", "promote", "sync", "promote", "sync"] as const)
        await act(daemon, vendor, what);
    await daemon.kill("SIGTERM");
  }
  await daemon.start({ file: main.file, args: [...main.args, "--die-at", step, "--nth", String(nth)] }).then(
    () => quietly(act(daemon, vendor, ACT_OF_STEP[step])),
    () => {},
  );
  return daemon.isGone();
}
