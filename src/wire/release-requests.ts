import * as z from "zod";
import { releasePolicy } from "../core/model/policy.ts";
import { channelName, sourceName } from "../core/model/source.ts";
import { instant } from "./measures.ts";
import { policyState, proposal, proposed, restraint, ringOutlook } from "./release-answers.ts";

/** Release control's part of `requests.ts`: what may be asked, and what is answered. */
const reason = z.string().max(1_000);
const by = z.string().max(128);
const revisionNumber = z.int().positive();
const recordId = z.int().positive();

export const releaseRequests = [
  z.strictObject({
    verb: z.literal("policy-set"),
    source: sourceName,
    policy: z.unknown().describe("null: none"),
    after: z.int().nonnegative().nullable(),
    reason,
    by,
  }),
  z.strictObject({ verb: z.literal("policy-show"), source: sourceName, limit: z.int().min(1).max(1_000) }),
  z.strictObject({ verb: z.literal("policy-explain"), source: sourceName }),
  z.strictObject({
    verb: z.literal("propose"),
    source: sourceName,
    channel: channelName,
    revision: revisionNumber.nullable(),
    kind: z.enum(["promotion", "security", "emergency"]),
    expires: z.int().positive().nullable(),
    preview: z.boolean(),
    reason,
    by,
  }),
  z.strictObject({
    verb: z.literal("propose-edit"),
    id: recordId,
    revision: revisionNumber.nullable(),
    reason: reason.nullable(),
    by,
  }),
  z.strictObject({
    verb: z.literal("sign-off"),
    id: recordId,
    version: recordId.nullable().describe("what the signer has seen; null: nothing yet, tell it"),
    comment: reason,
    by,
  }),
  z.strictObject({ verb: z.literal("withdraw"), id: recordId, reason, by }),
  z.strictObject({
    verb: z.literal("proposals"),
    source: sourceName.nullable(),
    all: z.boolean(),
    limit: z.int().min(1).max(1_000),
  }),
  z.strictObject({
    verb: z.literal("restrain"),
    on: z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("hold"), source: sourceName.nullable(), channel: channelName.nullable() }),
      z.strictObject({
        kind: z.literal("pin"),
        source: sourceName,
        channel: channelName,
        revision: revisionNumber.nullable().describe("null: the one that it shows"),
      }),
      z.strictObject({ kind: z.literal("block-revision"), source: sourceName, revision: revisionNumber }),
      z.strictObject({ kind: z.literal("block-digest"), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
      z.strictObject({ kind: z.literal("block-signer"), signer: z.string().min(1).max(1_000) }),
    ]),
    reason,
    expires: z.int().positive().nullable().describe("milliseconds from now; null: never"),
    by,
  }),
  z.strictObject({ verb: z.literal("release"), id: recordId, reason, by }),
  z.strictObject({ verb: z.literal("restraints"), all: z.boolean() }),
] as const;

export const releaseResults = {
  restrain: z.strictObject({
    restraint,
    touched: z
      .array(
        z.strictObject({
          source: z.string(),
          channel: z.string(),
          now: z.enum(["taken-back", "withheld"]),
          revision: z.int().describe("that it shows now, or that it would show"),
        }),
      )
      .describe("channels that showed what is blocked"),
  }),
  release: z.strictObject({ restraint }),
  restraints: z.strictObject({ restraints: z.array(restraint) }),
  "policy-set": z.strictObject({ state: policyState }),
  "policy-show": z.strictObject({
    source: z.string(),
    policy: releasePolicy,
    version: z.int().describe("of the policy; 0: none was ever set, and the default stands in"),
    history: z.array(policyState).describe("newest first"),
  }),
  "policy-explain": z.strictObject({
    source: z.string(),
    at: instant,
    version: z.int().describe("of the policy; 0: the default"),
    zone: z.string().describe("in which hours are meant"),
    rings: z.array(ringOutlook).describe("in order"),
  }),
  propose: proposed,
  "propose-edit": proposed,
  "sign-off": proposed,
  withdraw: z.strictObject({ proposal }),
  proposals: z.strictObject({ proposals: z.array(proposal) }),
} as const;
