import { createHash } from "node:crypto";
import type { Digests } from "../core/kernel/digest.ts";
import type { ListedArtifact, SignatureFinding } from "../core/model/feed-listing.ts";
import type { Reading } from "./feed-format.ts";

/** A file of which the feed says a name, perhaps digests and a size in bytes, and nothing more. */
export function bareArtifact(
  path: string,
  digests: Digests & ListedArtifact["digests"],
  size: number | null = null,
): ListedArtifact {
  return {
    path,
    size,
    digests,
    series: null,
    version: null,
    optional: false,
    immutable: false,
    companion: null,
    inspect: false,
  };
}

/** A file that has been read here: its own digest binds what is published to the bytes that were read. */
export function readArtifact(path: string, bytes: Uint8Array): ListedArtifact {
  return bareArtifact(path, { sha256: createHash("sha256").update(bytes).digest("hex") }, bytes.length);
}

/** A reading that ended before its listing: `malformed` says why and where. What was seen of signatures goes with it. */
export function unreadable(malformed: string, signatures: readonly SignatureFinding[] = []): Reading {
  return {
    kind: "listing",
    listing: { artifacts: [], series: [] },
    findings: { signatures: [...signatures], malformed: malformed.slice(0, 1_024) },
  };
}
