import type { ContentFindings } from "../../../core/model/findings.ts";

const CONTRADICTIONS_MOST = 64;

/** What was seen of a file, in part. */
export type Seen = Partial<Readonly<Omit<ContentFindings, "contradictions">>> & {
  readonly contradictions?: readonly string[];
};

const NOTHING_SEEN: ContentFindings = {
  malformed: null,
  signatures: [],
  contradictions: [],
  version: null,
  builtAt: null,
  expandedBytes: null,
  expandedPastCap: false,
  notes: {},
};

/** Findings with what was seen; what was not is `null` or empty. One contradiction is as good as a thousand. */
export function findings(seen: Seen): ContentFindings {
  const contradictions = (seen.contradictions ?? []).slice(0, CONTRADICTIONS_MOST);
  return { ...NOTHING_SEEN, ...seen, contradictions };
}
