import { judgeFile } from "../core/intake/judge-file.ts";
import type { Sha256 } from "../core/kernel/digest.ts";
import { Failure } from "../core/kernel/errors.ts";
import { type SafePath, safePath } from "../core/kernel/safe-path.ts";
import { parseHttpDate, quarantinedAs, timeLeft } from "./run-limits.ts";
import { newRun, type Report, type Run, type SyncDoors } from "./sync-run.ts";

export interface DamagedBlob {
  readonly sha256: Sha256;
  readonly state: "damaged" | "missing";
  readonly places: readonly { readonly source: string; readonly revision: number; readonly path: SafePath }[];
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
 * judged when it was accepted, and binds what comes now.
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
      repair && (await refetch(doors, sha256, size, state, places, newRun(doors.clock.now(), signal, report)));
    damaged.push({ sha256, state, places, repaired });
  }
  if (repair) await doors.blobs.settle();
  return { checked, bytes, damaged, unreferenced: await countUnreferenced(doors, referenced) };
}

async function countUnreferenced({ blobs }: SyncDoors, referenced: ReadonlyMap<Sha256, number>): Promise<number> {
  let count = 0;
  for await (const { sha256 } of blobs.list()) if (!referenced.has(sha256)) count += 1;
  return count;
}

async function refetch(
  doors: SyncDoors,
  sha256: Sha256,
  size: number,
  state: DamagedBlob["state"],
  places: DamagedBlob["places"],
  run: Run,
): Promise<boolean> {
  for (const { source, path } of places) {
    const spec = await doors.ledger.source(source);
    for (const address of spec?.addresses.keys() ?? []) {
      if (spec === null) continue;
      try {
        const progress = (): void => {};
        const wish = {
          address,
          path,
          list: false,
          first: null,
          unless: null,
          most: size,
          sha512: false,
          wallTime: timeLeft(spec, run, doors.clock.now()),
          progress,
        };
        const fetched = await doors.fetcher.fetch(spec, wish, run.signal);
        if (fetched.kind !== "landed") continue;
        const file = quarantinedAs(path, fetched.landed, {
          partial: false,
          dialect: null,
          lastModified: parseHttpDate(fetched.lastModified),
        });
        const artifact = {
          path: safePath(path),
          size,
          digests: { sha256 },
          series: null,
          version: null,
          optional: false,
          immutable: true,
          companion: null,
          inspect: false,
        };
        const findings = { size: fetched.landed.size, sha256: fetched.landed.sha256, sha512: null, content: null };
        const verdict = judgeFile(
          { artifact, file: file.file, findings, lastModified: file.lastModified },
          spec.trust,
          doors.clock.now(),
        );
        if (verdict.kind === "refused") {
          await doors.quarantine.discard(file.file);
          continue;
        }
        // The broken bytes go first: admitting finds nothing under the name and puts the whole ones there.
        if (state === "damaged") await doors.blobs.remove(sha256);
        await doors.blobs.admit(verdict);
        doors.events.emit("blob.repaired", { sha256, source, path });
        return true;
      } catch (error) {
        if (!(error instanceof Failure) || !error.code.startsWith("upstream.")) throw error;
      }
    }
  }
  return false;
}
