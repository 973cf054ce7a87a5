import * as z from "zod";
import { REFUSALS, type RefusalCode } from "../core/kernel/errors.ts";
import { releasePolicy, signOffDemand } from "../core/model/policy.ts";
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
