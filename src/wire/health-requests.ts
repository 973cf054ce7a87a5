import * as z from "zod";
import { channelName, sourceName } from "../core/model/source.ts";
import { sightedClient } from "./client-requests.ts";
import { instant } from "./measures.ts";

/** What may be asked of the health of revisions and of who has them; parts of `requests.ts`. */

const reason = z.string().max(1_000);
const by = z.string().max(128);
const revisionNumber = z.int().positive();

const evidence = z.strictObject({
  source: z.string(),
  revision: z.int(),
  name: z.string().describe("of the check, the alarm or the reporter; of two with one name the later counts"),
  outcome: z.enum(["good", "bad", "note"]).describe("note: neither for nor against"),
  code: z.string().describe("what was found (docs/health.md)"),
  detail: z.string(),
  at: instant,
  by: z.string().describe("who says so: an operating-system user, 'check', or 'history'"),
});

const canaries = z.strictObject({
  source: z.string(),
  ring: z.string(),
  revision: z.int(),
  offeredAt: instant.nullable().describe("when the ring was first moved to it; null: it never was"),
  askedFor: z.boolean().describe("whether the next ring's policy asks for health; else the defaults stand in"),
  verdict: z.enum(["healthy", "unproven", "suspect"]),
  since: instant.nullable().describe("suspect since"),
  sureness: z.number().nullable().describe("how sure it is that this is no accident, 0 to 1"),
  reasons: z.array(z.strictObject({ code: z.string().describe("docs/health.md"), detail: z.string() })),
  tally: z.strictObject({
    known: z.int().describe("n: with a rhythm, alive"),
    fetched: z.int(),
    proven: z.int(),
    silent: z.int(),
    newcomers: z.int(),
    silentSince: instant.nullable(),
    sureness: z.number(),
  }),
  canaries: z
    .array(
      z.strictObject({
        client: z.string(),
        state: z.enum(["newcomer", "expected", "absent", "awaited", "proven", "silent", "unwell", "moved"]),
        fetchedAt: instant.nullable(),
        returns: z.int().describe("visits since its fetch"),
        lastSeen: instant,
        step: z.number().nullable().describe("milliseconds between its visits while it is awake; null: no rhythm yet"),
        silentFrom: instant
          .nullable()
          .describe("when it counts as silent unless it comes; of a silent one, since when"),
        sureness: z.number().nullable(),
      }),
    )
    .describe("up to 10,000, the silent first"),
});

const exposed = {
  clients: z.int().describe("of the source, seen"),
  took: z.int().describe("got a file of it whole"),
  recovered: z.int().describe("took it, and hold another revision since"),
  exposed: z.int().describe("took it, and hold it still as far as anybody knows"),
  contained: z.int().describe("did not take it, and will not: their channel shows another"),
  next: z.int().describe("did not take it, and will at their next visit"),
} as const;

const exposure = z.strictObject({
  source: z.string(),
  revision: z.int(),
  ...exposed,
  channels: z.array(
    z.strictObject({ channel: z.string(), shows: z.boolean().describe("it shows the revision now"), ...exposed }),
  ),
  list: z
    .array(sightedClient)
    .optional()
    .describe("every client that took it, with times: the command line asks for them page by page"),
});

export const healthRequests = [
  z.strictObject({
    verb: z.literal("canaries"),
    source: sourceName,
    ring: channelName.nullable(),
    revision: revisionNumber.nullable(),
  }),
  z.strictObject({ verb: z.literal("exposure"), source: sourceName, revision: revisionNumber }),
  z.strictObject({ verb: z.literal("check"), source: sourceName, revision: revisionNumber.nullable(), by }),
  z.strictObject({ verb: z.literal("evidence"), source: sourceName, revision: revisionNumber.nullable() }),
  z.strictObject({
    verb: z.literal("evidence-give"),
    source: sourceName,
    revision: revisionNumber,
    name: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, "a name is 1 to 63 of a-z, 0-9, . and -"),
    good: z.boolean(),
    detail: reason,
    by,
  }),
] as const;

export const healthResults = {
  canaries,
  exposure,
  check: z.strictObject({ source: z.string(), revision: z.int(), evidence: z.array(evidence) }),
  evidence: z.strictObject({ source: z.string(), revision: z.int(), evidence: z.array(evidence) }),
  "evidence-give": z.strictObject({ evidence }),
} as const;
