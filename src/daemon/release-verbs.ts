import * as z from "zod";
import { Failure } from "../core/kernel/errors.ts";
import { releasePolicy } from "../core/model/policy.ts";
import type { RingOutlook } from "../core/release/ring-outlook.ts";
import { outlooks, sourceFacts } from "../operations/release-facts.ts";
import { setPolicy } from "../operations/set-policy.ts";
import type { Verb } from "../wire/requests.ts";
import type { Answers, Verbs } from "./control-server.ts";
import { known, type VerbParts } from "./verb-parts.ts";

type ReleaseVerb = Extract<Verb, "policy-set" | "policy-show" | "policy-explain">;

/** Release control, as the command line may ask for it. */
export function releaseVerbs(parts: VerbParts): Pick<Verbs, ReleaseVerb> {
  const { doors } = parts;
  return {
    "policy-set": async ({ source, policy, after, reason, by }) => {
      await known(parts, source);
      const parsed = releasePolicy.nullable().safeParse(policy);
      if (!parsed.success) throw new Failure("policy.invalid", z.prettifyError(parsed.error));
      const state = await setPolicy(doors, { source, policy: parsed.data, after, by, reason });
      parts.pacer.nudge();
      return "kind" in state ? state : { state };
    },
    "policy-show": async ({ source, limit }) => {
      await known(parts, source);
      const { policy, stored } = await sourceFacts(doors, source);
      const history = await doors.ledger.policyHistory(source, limit);
      return { source, policy, version: stored?.version ?? 0, history };
    },
    "policy-explain": async ({ source }) => {
      await known(parts, source);
      const all = await sourceFacts(doors, source);
      const rings = (await outlooks(doors, all)).map(told);
      return { source, at: all.now, version: all.stored?.version ?? 0, zone: all.policy.zone, rings };
    },
  };
}

function told({
  ring,
  revision,
  next,
  overdue,
  overdueAt,
  collides,
}: RingOutlook): Answers["policy-explain"]["rings"][number] {
  return {
    channel: ring.channel,
    revision,
    automatic: ring.automatic,
    share: ring.share ?? null,
    next:
      next === null
        ? null
        : {
            revision: next.revision,
            since: next.since,
            soakedAt: next.soakedAt,
            mayMove: next.decision.kind === "may-move",
            hindrances: next.decision.kind === "may-move" ? [] : next.decision.hindrances,
            overruled: next.decision.kind === "may-move" ? next.decision.overruled : [],
          },
    overdue,
    overdueAt,
    collides,
  };
}

/** Every ring with something newer before it, of sources that have a policy or whose ring is overdue. */
export async function ringsWaiting({ doors }: VerbParts): Promise<Answers["status"]["rings"]> {
  const found: { source: string; ring: Answers["policy-explain"]["rings"][number] }[] = [];
  for (const { name } of await doors.ledger.sources()) {
    const all = await sourceFacts(doors, name);
    for (const outlook of await outlooks(doors, all))
      if (outlook.next !== null && (all.stored?.policy != null || outlook.overdue))
        found.push({ source: name, ring: told(outlook) });
  }
  return found;
}
