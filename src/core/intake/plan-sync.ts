import type { Sha256 } from "../kernel/digest.ts";
import type { Series } from "../model/feed-listing.ts";
import type { RevisionEntry } from "../model/revision.ts";
import type { WantedArtifact } from "./judge-feed.ts";

/** What to do for one artifact, its detached signature included: they are fetched and judged together. */
export type Step =
  /** Held already, at this path or as a blob of the digest that binds it. */
  | { readonly kind: "keep"; readonly entry: Omit<RevisionEntry, "since"> }
  | { readonly kind: "fetch"; readonly artifact: WantedArtifact; readonly companion: WantedArtifact | null };

export interface HeldContent {
  /** The last revision's entries by path. */
  readonly entries: ReadonlyMap<string, RevisionEntry>;
  readonly series: readonly Series[];
  /** Sizes of blobs that are in the store, for the digests that the feed names. */
  readonly blobs: ReadonlyMap<Sha256, number>;
}

/** Plans one run: what is wanted, what is held. A step for every artifact, companions folded into what they sign. Pure. */
export function planSync(artifacts: readonly WantedArtifact[], held: HeldContent): readonly Step[] {
  const byPath = new Map<string, WantedArtifact>(artifacts.map((artifact) => [artifact.path, artifact]));
  const companions = new Set(artifacts.map((artifact) => artifact.companion).filter((path) => path !== null));
  const steps: Step[] = [];
  for (const artifact of artifacts) {
    if (companions.has(artifact.path)) continue;
    const companion = artifact.companion === null ? null : (byPath.get(artifact.companion) ?? null);
    const entry = keep(artifact, held);
    if (entry === null) {
      steps.push({ kind: "fetch", artifact, companion });
      continue;
    }
    steps.push({ kind: "keep", entry });
    // A signature that the upstream did not have is asked for again only with its file: a held file is done with.
    const signature = companion === null ? undefined : held.entries.get(companion.path);
    if (signature !== undefined) steps.push({ kind: "keep", entry: signature });
  }
  return steps;
}

function keep(artifact: WantedArtifact, held: HeldContent): Omit<RevisionEntry, "since"> | null {
  const { path, digests, version, series, immutable, size } = artifact;
  const entry = held.entries.get(path);
  if (digests.sha256 !== undefined) {
    if (entry?.sha256 === digests.sha256) return entry;
    const blobSize = held.blobs.get(digests.sha256 as Sha256);
    const fits =
      blobSize !== undefined &&
      (size === null || size === blobSize) &&
      digests.sha512 === undefined &&
      !artifact.inspect;
    return fits ? { path, sha256: digests.sha256 as Sha256, size: blobSize, builtAt: null } : null;
  }
  if (entry === undefined) return null;
  // Another size is another content: then the name was no promise after all.
  if (immutable && (size === null || size === entry.size)) return entry;
  const heldVersion = held.series.find((s) => s.name === series)?.version;
  return series !== null && version !== null && heldVersion === version ? entry : null;
}

/** Whether a complete set says what the last revision says: then nothing is sealed. */
export function sameContent(
  entries: readonly Omit<RevisionEntry, "since">[],
  held: ReadonlyMap<string, RevisionEntry>,
): boolean {
  return entries.length === held.size && entries.every(({ path, sha256 }) => held.get(path)?.sha256 === sha256);
}
