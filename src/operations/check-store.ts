import { type Accepted, judgeFile } from "../core/intake/judge-file.ts";
import type { Sha256 } from "../core/kernel/digest.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { SafePath } from "../core/kernel/safe-path.ts";
import type { SourceSpec } from "../core/model/source.ts";
import type { BlobPlace, Fetched } from "../core/ports.ts";
import { parseHttpDate, timeLeft } from "./run-limits.ts";
import { newRun, type Report, type Run, type SyncDoors } from "./sync-run.ts";

interface DamagedBlob {
  readonly sha256: Sha256;
  readonly state: "damaged" | "missing";
  readonly places: readonly BlobPlace[];
  readonly repaired: boolean;
}

export interface StoreChecked {
  readonly checked: number;
  readonly bytes: number;
  readonly damaged: readonly DamagedBlob[];
  /** Blobs that nothing names; collection will take them. */
  readonly unreferenced: number;
}

/**
 * Reads every blob that the ledger names and compares it with its name. With `repair`, what is damaged or missing is
 * asked of the upstreams that once had it, and taken when the bytes hash to the name: the digest in the ledger was
 * judged when it was accepted, and binds what comes now. What stays damaged is taken out of service.
 */
export async function checkStore(
  doors: SyncDoors,
  repair: boolean,
  signal: AbortSignal,
  report: Report,
): Promise<StoreChecked> {
  const referenced = await doors.ledger.referencedBlobs();
  const damaged: DamagedBlob[] = [];
  let checked = 0;
  let bytes = 0;
  for (const [sha256, size] of referenced) {
    if (signal.aborted) throw new Failure("daemon.stopping", "the check was ended", { retry: "later" });
    const state = await doors.blobs.check(sha256, size);
    checked += 1;
    bytes += size;
    report("checking blobs", checked, referenced.size, "files");
    if (state === "whole") continue;
    const places = await doors.ledger.whereBlob(sha256);
    doors.events.emit("blob.damaged", {
      sha256,
      state,
      source: places[0]?.source ?? null,
      path: places[0]?.path ?? null,
    });
    const repaired =
      repair && (await refetch(doors, { sha256, state, places }, size, newRun(doors.clock.now(), signal, report)));
    // Known to be bad, and there is nothing better: clients get no answer for it until a repair, rather than a wrong one.
    if (state === "damaged" && !repaired) {
      await doors.blobs.remove(sha256);
      doors.events.emit("blob.withdrawn", { sha256 });
    }
    damaged.push({ sha256, state, places, repaired });
  }
  if (repair) await doors.blobs.settle();
  doors.events.emit("store.checked", {
    checked,
    bytes,
    damaged: damaged.filter(({ repaired }) => !repaired).length,
  });
  return { checked, bytes, damaged, unreferenced: await countUnreferenced(doors, referenced) };
}

async function countUnreferenced({ blobs }: SyncDoors, referenced: ReadonlyMap<Sha256, number>): Promise<number> {
  let count = 0;
  for await (const { sha256 } of blobs.list()) if (!referenced.has(sha256)) count += 1;
  return count;
}

async function refetch(
  doors: SyncDoors,
  broken: Pick<DamagedBlob, "sha256" | "state" | "places">,
  size: number,
  run: Run,
): Promise<boolean> {
  for (const { source, path } of broken.places) {
    const spec = await doors.ledger.source(source);
    if (spec === null) continue;
    for (const address of spec.addresses.keys()) {
      const whole = await fetchWhole(doors, spec, address, { path, sha256: broken.sha256, size }, run);
      if (whole === null) continue;
      // The broken bytes go first: admitting finds nothing under the name and puts the whole ones there.
      if (broken.state === "damaged") await doors.blobs.remove(broken.sha256);
      await doors.blobs.admit(whole);
      doors.events.emit("blob.repaired", { sha256: broken.sha256, source, path });
      return true;
    }
  }
  return false;
}

/** What one address still has under the path, when it is what the ledger names; `null` when it is not, or nothing came. */
async function fetchWhole(
  doors: SyncDoors,
  spec: SourceSpec,
  address: number,
  wanted: { readonly path: SafePath; readonly sha256: Sha256; readonly size: number },
  run: Run,
): Promise<Accepted | null> {
  const { path, sha256, size } = wanted;
  const ask = async (): Promise<Fetched> => {
    const wallTime = timeLeft(spec, run, doors.clock.now());
    return doors.fetcher.fetch(spec, { ...WHOLE_FILE, address, path, most: size, wallTime }, run.signal);
  };
  // An address that took all of the time is no reason to leave the blobs behind this one unchecked.
  const fetched = await ask().catch((error: unknown) => {
    if (error instanceof Failure && error.code.startsWith("upstream.")) return null;
    throw error;
  });
  if (fetched?.kind !== "landed") return null;
  const { landed } = fetched;
  const artifact = { ...BOUND_BY_DIGEST, path, size, digests: { sha256 } };
  const findings = { size: landed.size, sha256: landed.sha256, sha512: null, content: null };
  const candidate = { artifact, file: landed.file, findings, lastModified: parseHttpDate(fetched.lastModified) };
  const verdict = judgeFile(candidate, spec.trust, doors.clock.now());
  if (verdict.kind === "accepted") return verdict;
  await doors.quarantine.discard(landed.file);
  return null;
}

const WHOLE_FILE = { list: false, first: null, unless: null, sha512: false, progress: (): void => {} } as const;

const BOUND_BY_DIGEST = {
  series: null,
  version: null,
  optional: false,
  immutable: true,
  companion: null,
  inspect: false,
} as const;
