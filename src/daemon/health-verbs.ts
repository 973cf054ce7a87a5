import { Failure } from "../core/kernel/errors.ts";
import { healthPolicy } from "../core/model/health-policy.ts";
import type { CanaryState } from "../core/release/canaries.ts";
import { exposureOf } from "../core/release/exposure.ts";
import { checkRevision, recordWord } from "../operations/check-revision.ts";
import { checkChannel, sourceFacts } from "../operations/release-facts.ts";
import { ringHealth } from "../operations/ring-health.ts";
import type { Verb } from "../wire/requests.ts";
import type { Verbs } from "./control-server.ts";
import { known, revisionOf, type VerbParts } from "./verb-parts.ts";

type HealthVerb = Extract<Verb, "check" | "evidence" | "evidence-give" | "canaries" | "exposure">;

/** Canaries that one answer tells of, those first that somebody should look at. */
const MOST_CANARIES = 10_000;
const ORDER: readonly CanaryState[] = [
  "silent",
  "unwell",
  "awaited",
  "expected",
  "moved",
  "proven",
  "absent",
  "newcomer",
];

/** What speaks for and against a revision, and how far it has come, as the command line may ask for it. */
export function healthVerbs(parts: VerbParts): Pick<Verbs, HealthVerb> {
  const { doors, turnstile } = parts;
  const { ledger } = doors;
  return {
    check: async ({ source, revision }, report, gone) => {
      const spec = await known(parts, source);
      const wanted = await revisionOf(parts, source, revision);
      const found = await turnstile.shared(() => checkRevision(doors, spec, wanted, report, gone));
      return { source, revision: wanted.number, evidence: found };
    },
    evidence: async ({ source, revision }) => {
      await known(parts, source);
      const { number } = await revisionOf(parts, source, revision);
      return { source, revision: number, evidence: await ledger.evidence(source, number) };
    },
    "evidence-give": async (word) => {
      await known(parts, word.source);
      return { evidence: await recordWord(doors, word) };
    },
    canaries: async ({ source, ring: asked, revision: number }) => {
      await known(parts, source);
      const { policy: release, now, positions } = await sourceFacts(doors, source);
      const ring = asked ?? release.rings[0]?.channel ?? "";
      checkChannel(doors, ring);
      const revision = number ?? positions.get(ring)?.revision;
      if (revision === undefined) throw new Failure("revision.unknown", `${ring} shows nothing of ${source} yet`);
      await revisionOf(parts, source, revision);
      const next = release.rings[release.rings.findIndex(({ channel }) => channel === ring) + 1];
      const policy = next?.health ?? healthPolicy.parse({});
      const { verdict, standing, offeredAt } = await ringHealth(doors, { source, ring, revision, policy, now });
      const { tally, reasons, kind } = verdict;
      const sorted = standing.canaries.toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
      return {
        source,
        ring,
        revision,
        offeredAt,
        askedFor: next?.health !== undefined,
        verdict: kind,
        since: kind === "suspect" ? verdict.since : null,
        sureness: kind === "suspect" ? verdict.sureness : null,
        reasons,
        tally,
        canaries: sorted.slice(0, MOST_CANARIES),
      };
    },
    exposure: async ({ source, revision }) => {
      await known(parts, source);
      const positions = (await ledger.positions()).filter((each) => each.source === source);
      const showing = positions.filter((each) => each.revision === revision).map(({ channel }) => channel);
      return { source, revision, ...exposureOf(await ledger.sightings.spread(source, revision), new Set(showing)) };
    },
  };
}
