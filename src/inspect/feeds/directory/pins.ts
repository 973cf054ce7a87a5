import type { Digests } from "../../../core/kernel/digest.ts";
import type { Trust } from "../../../core/model/source.ts";

/** The digest that the source pins for a path. A file without a pin has none, and judging refuses it. */
export function pinnedDigests(trust: Extract<Trust, { kind: "pinned" }>, path: string): Digests {
  const sha256 = Object.hasOwn(trust.digests, path) ? trust.digests[path] : undefined;
  return sha256 === undefined ? {} : { sha256 };
}
