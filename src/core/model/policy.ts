import * as z from "zod";
import { isTimeZone } from "../kernel/local-time.ts";
import { healthPolicy } from "./health-policy.ts";
import { channelName } from "./source.ts";
import { duration } from "./written-value.ts";

/**
 * How a source's revisions go from ring to ring (ADR 13). A ring is a channel; what stands under a ring is asked before
 * the ring moves, of the revision that it is to move to.
 */
const clock = z
  .string()
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'a time of day is written "08:00", up to "24:00"')
  .meta({ title: "time of day" });

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

const weekly = z.strictObject({
  days: z
    .array(z.enum(DAYS))
    .min(1)
    .max(7)
    .default([...DAYS])
    .describe("The days on which it begins."),
  from: clock.default("00:00").describe("When it begins, in the policy's zone."),
  to: clock.default("24:00").describe("When it ends; at or before `from`: on the next day."),
});
export type Weekly = z.infer<typeof weekly>;

const localMinute = z
  .string()
  .refine(
    (text) => /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}:00Z`)),
    'a day and time are written "2026-12-18T16:00", in the policy\'s zone',
  );

const span = z
  .strictObject({ begin: localMinute.describe("From this minute on,"), end: localMinute.describe("up to this one.") })
  .refine(({ begin, end }) => begin < end, { path: ["end"], message: "it ends before it begins" });
export type Span = z.infer<typeof span>;

export const signOffDemand = z.strictObject({
  role: z.enum(["operator", "approver", "admin"]).describe("What those who sign must be."),
  people: z.int().min(1).max(16).default(1).describe("How many different people of this role."),
});
export type SignOffDemand = z.infer<typeof signOffDemand>;

const signOffs = z
  .array(signOffDemand)
  .max(8)
  .default([])
  .describe("Who must sign before this ring moves. Of several rules that apply, the strictest wins for each role.");

const lane = z
  .strictObject({
    soak: duration.describe("As the ring's, for a revision that is proposed with `--lane security`."),
    signOffs: signOffs.default([{ role: "approver", people: 1 }]),
  })
  .describe("A quicker way for security fixes, which a person asks for and others sign.");

const ring = z.strictObject({
  channel: channelName.describe("The channel that is this ring."),
  share: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("Its share of the fleet, for reports: nothing is decided by it. Who its clients are, the channel says."),
  automatic: z
    .boolean()
    .default(false)
    .describe("Whether the daemon moves this ring when nothing that is asked here is missing. Else a person does."),
  soak: duration
    .prefault("0s")
    .describe("The least time that a revision has been in the ring before, since it came there."),
  staleness: duration
    .optional()
    .describe("The longest that this ring may be without a revision that was accepted: protection has a deadline too."),
  collision: z
    .enum(["hold", "ask", "release"])
    .default("hold")
    .describe(
      "When the soak would end after the staleness limit. `hold`: the soak wins, and the ring is shown as overdue. " +
        "`ask`: the daemon proposes to move without the rest of the soak, and somebody must sign. `release`: at the " +
        "limit the soak is cut short. Health, sign-offs, hours, holds and blocks are never cut short.",
    ),
  health: healthPolicy
    .optional()
    .describe("What is asked of the clients of the ring before (docs/release.md); absent: nothing."),
  signOffs,
  hours: z.array(weekly).max(32).default([]).describe("Only then the ring moves; none: at any time."),
  blackout: z
    .array(z.union([span, weekly]))
    .max(64)
    .default([])
    .describe("Then the ring does not move: a span of days (`begin`, `end`), or weekly hours."),
  lane: lane.optional(),
});
export type RingPolicy = z.infer<typeof ring>;

const AT_FIRST = ["soak", "health", "lane"] as const;

export const releasePolicy = z
  .strictObject({
    zone: z
      .string()
      .max(64)
      .refine(
        (name) => /^[A-Za-z]/.test(name) && isTimeZone(name),
        "no time zone of that name; write for example Europe/Helsinki or UTC",
      )
      .default("UTC")
      .describe("The IANA time zone that hours and days are in; changes of clocks are known."),
    rings: z
      .array(ring)
      .min(1)
      .max(32)
      .describe(
        "The channels that revisions pass, in order. The first is the one that a sync moves; the order is the " +
          "configuration's, and a channel that is not named never shows this source.",
      ),
    emergency: z
      .strictObject({
        signOffs: z
          .array(signOffDemand)
          .min(1)
          .max(8)
          .default([{ role: "approver", people: 1 }])
          .describe("Who must sign beside those of the ring: an emergency is never one person's alone."),
        expires: duration.prefault("4h").describe("After so long an emergency that was not signed is over."),
      })
      .prefault({})
      .describe("What the emergency lane asks beside the ring's own sign-offs."),
  })
  .superRefine(({ rings }, context) => {
    const seen = new Set<string>();
    for (const [index, each] of rings.entries()) {
      const issue = (key: string, message: string): void =>
        context.addIssue({ code: "custom", path: ["rings", index, key], message });
      if (seen.has(each.channel)) issue("channel", `${each.channel} stands twice`);
      seen.add(each.channel);
      if (index === 0) {
        for (const key of AT_FIRST)
          if (each[key] !== undefined && each[key] !== 0)
            issue(key, "the first ring has none before it: this belongs to a later ring");
        if (each.signOffs.length > 0) issue("signOffs", "a sync moves the first ring by itself; ask for them later on");
      }
      if (each.staleness !== undefined && each.staleness > 0 && each.soak > each.staleness && each.collision === "hold")
        issue(
          "soak",
          "the soak is longer than the staleness limit: this ring would be overdue each time; change one, or say " +
            "what happens with `collision`",
        );
    }
  });

/** A source's release policy, complete, as the ledger holds it. */
export type ReleasePolicy = z.infer<typeof releasePolicy>;
/** What a person writes. */
export type ReleasePolicyInput = z.input<typeof releasePolicy>;

/** One state of a source's policy in its history; `policy` is `null` where it was taken away. */
export interface StoredPolicy {
  readonly source: string;
  /** Counts the states of this source's policy from 1. */
  readonly version: number;
  readonly policy: ReleasePolicy | null;
  readonly at: number;
  readonly by: string;
  readonly reason: string;
}

/** What a source without a policy goes by: the first channel by itself, every further one by a person (ADR 10). */
export function defaultPolicy(channels: readonly string[]): ReleasePolicy {
  return releasePolicy.parse({ rings: channels.map((channel, index) => ({ channel, automatic: index === 0 })) });
}
