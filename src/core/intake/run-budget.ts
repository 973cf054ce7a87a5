import { type Refusal, type RefusalCode, refuse } from "../kernel/errors.ts";
import { LIMITS } from "../kernel/limits.ts";
import { formatSize } from "../kernel/size.ts";
import type { ListedArtifact } from "../model/feed-listing.ts";
import type { Revision } from "../model/revision.ts";
import type { Budget } from "../model/source.ts";

/** Below these a feed may grow as it likes: a source that held two files may hold thirty tomorrow. */
const GROWTH_FLOOR = { bytes: 64 * 1024 * 1024, files: 200 } as const;

/** How far one download may go, and what is said when it goes further. */
export interface Cap {
  /** Bytes. */
  readonly most: number;
  readonly code: RefusalCode;
  readonly why: string;
}

/** What one run may bring in all, by the budget and by the source's own history. */
export function totalCap(budget: Budget, last: Revision | null): Cap {
  const grown = last === null ? Number.POSITIVE_INFINITY : Math.max(last.bytes, GROWTH_FLOOR.bytes) * budget.growth;
  return grown < budget.bytes
    ? {
        most: Math.floor(grown),
        code: "budget.growth",
        why: `${formatSize(grown)} is ${budget.growth} times what the last revision held`,
      }
    : {
        most: budget.bytes,
        code: "budget.total-bytes",
        why: `the source's budget for a run is ${formatSize(budget.bytes)}`,
      };
}

/** Judges what the index itself says of counts and sizes, before a byte of it is fetched. */
export function judgeListedSizes(
  artifacts: readonly ListedArtifact[],
  budget: Budget,
  last: Revision | null,
): Refusal | null {
  if (artifacts.length > budget.files)
    return refuse("budget.files", `${artifacts.length} files, the budget is ${budget.files}`);
  const mostFiles = last === null ? Number.POSITIVE_INFINITY : Math.max(last.files, GROWTH_FLOOR.files) * budget.growth;
  if (artifacts.length > mostFiles)
    return refuse("budget.growth", `${artifacts.length} files, the last revision had ${last?.files ?? 0}`);
  let listed = 0;
  for (const { path, size } of artifacts) {
    if (size !== null && size > budget.artifactBytes)
      return refuse(
        "budget.artifact-bytes",
        `${path}: ${formatSize(size)}, the budget is ${formatSize(budget.artifactBytes)}`,
      );
    listed += size ?? 0;
  }
  const total = totalCap(budget, last);
  return listed > total.most ? refuse(total.code, `${formatSize(listed)} are listed; ${total.why}`) : null;
}

/** Why a run may not even begin: the disk has no more than its reserve. */
export function refusedForRoom(budget: Budget, freeBytes: number): Refusal | null {
  const detail = `${formatSize(freeBytes)} are free, ${formatSize(budget.freeDisk)} are kept in reserve`;
  return freeBytes <= budget.freeDisk ? refuse("budget.free-disk", detail) : null;
}

/**
 * The cap of one download: the tightest of the listed size, the budget for a file, what is left of the run and what
 * the disk can spare. It is known before the first byte is asked for, and names its own refusal.
 */
export function capOf(
  artifact: ListedArtifact,
  budget: Budget,
  last: Revision | null,
  spent: number,
  freeBytes: number,
): Cap {
  const total = totalCap(budget, last);
  const caps: Cap[] = [
    {
      most: budget.artifactBytes,
      code: "budget.artifact-bytes",
      why: `the source's budget for a file is ${formatSize(budget.artifactBytes)}`,
    },
    { ...total, most: Math.max(0, total.most - spent) },
    {
      most: Math.max(0, freeBytes - budget.freeDisk),
      code: "budget.free-disk",
      why: `${formatSize(freeBytes)} are free, ${formatSize(budget.freeDisk)} are kept in reserve`,
    },
  ];
  if (artifact.size !== null)
    caps.push({ most: artifact.size, code: "artifact.size-differs", why: `the index says ${artifact.size} bytes` });
  return caps.reduce((tightest, cap) => (cap.most < tightest.most ? cap : tightest));
}

/** Why a download may not even begin: what is listed would not fit under another cap than its own size. */
export function refusedBefore(artifact: ListedArtifact, cap: Cap): Refusal | null {
  return artifact.size !== null && artifact.size > cap.most
    ? refuse(cap.code, `${artifact.path}: ${formatSize(artifact.size)}; ${cap.why}`)
    : null;
}

/** What an archive may unpack to. */
export function expansionCap(size: number, budget: Budget): number {
  return Math.min(LIMITS.archiveExpandedBytes, Math.ceil(size * budget.expansion));
}
