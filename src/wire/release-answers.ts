import * as z from "zod";
import { REFUSALS, type RefusalCode } from "../core/kernel/errors.ts";
import { ROLES } from "../core/model/actor.ts";
import { releasePolicy, signOffDemand } from "../core/model/policy.ts";
import { PROPOSAL_KINDS, PROPOSAL_STATES } from "../core/model/proposal.ts";
import { instant } from "./measures.ts";

/** What the daemon tells of release control; parts of the promised answers of `requests.ts`. */

export const policyState = z.strictObject({
  source: z.string(),
  version: z.int().describe("counts the states of this source's policy from 1"),
  policy: releasePolicy.nullable().describe("null: taken away; the default stands in"),
  at: instant,
  by: z.string(),
  reason: z.string(),
});

const hindrance = z.strictObject({
  code: z.enum(Object.keys(REFUSALS) as [RefusalCode, ...RefusalCode[]]).describe("errors.md"),
  detail: z.string().describe("for people; not promised"),
  clears: z
    .discriminatedUnion("by", [
      z.strictObject({ by: z.literal("time"), at: instant }),
      z.strictObject({ by: z.literal("sign-off"), missing: z.array(signOffDemand) }),
      z.strictObject({ by: z.literal("clients") }),
      z.strictObject({ by: z.literal("person"), how: z.string() }),
      z.strictObject({ by: z.literal("nothing") }),
    ])
    .describe("what would make it go away"),
});

export const ringOutlook = z.strictObject({
  channel: z.string(),
  revision: z.int().nullable().describe("what it shows; null: nothing yet"),
  automatic: z.boolean().describe("the daemon moves it"),
  share: z.number().nullable().describe("of the fleet, as the policy says"),
  next: z
    .strictObject({
      revision: z.int(),
      since: instant.nullable().describe("since when it has been in the ring before"),
      soakedAt: instant.nullable().describe("when its soak is over"),
      mayMove: z.boolean(),
      hindrances: z.array(hindrance).describe("everything that stands in its way"),
      overruled: z.array(hindrance).describe("what would, if the staleness limit or a lane did not overrule it"),
    })
    .nullable()
    .describe("what comes next; null: it has everything that the ring before has"),
  overdueAt: instant.nullable().describe("when its staleness limit is reached; null: it has the newest, or no limit"),
  overdue: z.boolean(),
  collides: z.boolean().describe("the soak ends after the staleness limit, or the limit has passed"),
});

export const proposal = z.strictObject({
  id: z.int().describe("0: only a preview"),
  source: z.string(),
  channel: z.string(),
  kind: z.enum(PROPOSAL_KINDS),
  revision: z.int(),
  reason: z.string(),
  by: z.string().describe("who proposed it, or edited it last"),
  at: instant,
  version: z.int().describe("counts its edits from 1"),
  demands: z.array(signOffDemand).describe("who must sign"),
  expiresAt: instant.nullable(),
  state: z.enum(PROPOSAL_STATES),
  signOffs: z
    .array(z.strictObject({ by: z.string(), roles: z.array(z.enum(ROLES)), at: instant, comment: z.string() }))
    .describe("of this version"),
  authors: z.array(z.string()).describe("none of them may sign"),
});

export const proposed = z.strictObject({
  proposal,
  moved: z.boolean().describe("the channel was moved"),
  waitsFor: z.array(hindrance),
  rides: z
    .strictObject({
      from: z.int().nullable().describe("the revision that the channel shows; null: nothing"),
      added: z.int(),
      changed: z.int(),
      removed: z.int(),
      paths: z.array(z.string()).describe("the first of them, by name"),
      revisions: z.array(z.int()).describe("all revisions that the move would bring, the proposed one included"),
    })
    .describe("everything that comes with it"),
});

const restraintOn = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("hold"), source: z.string().nullable(), channel: z.string().nullable() }),
  z.strictObject({ kind: z.literal("pin"), source: z.string(), channel: z.string(), revision: z.int() }),
  z.strictObject({ kind: z.literal("block-revision"), source: z.string(), revision: z.int() }),
  z.strictObject({ kind: z.literal("block-digest"), sha256: z.string() }),
  z.strictObject({ kind: z.literal("block-signer"), signer: z.string() }),
]);

export const restraint = z.strictObject({
  id: z.int(),
  on: restraintOn.describe("what may not be; null as a source or channel: any"),
  reason: z.string(),
  by: z.string(),
  at: instant,
  expiresAt: instant.nullable(),
  released: z.strictObject({ by: z.string(), at: instant, reason: z.string() }).nullable(),
});

export const ringWaiting = z.strictObject({ source: z.string(), ring: ringOutlook });
