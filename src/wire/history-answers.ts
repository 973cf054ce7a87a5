import * as z from "zod";
import { bytes, instant } from "./measures.ts";

/** What the daemon tells of what has happened; parts of the promised answers of `requests.ts`. */
export const run = z.strictObject({
  source: z.string(),
  startedAt: instant,
  endedAt: instant,
  outcome: z.enum(["new-revision", "nothing-new", "refused", "failed"]),
  code: z.string().nullable().describe("of the refusal or failure (errors.md)"),
  detail: z.string(),
  revision: z.int().nullable().describe("the one that was sealed"),
  bytes: bytes.describe("that came over the line"),
  requests: z.int().describe("files asked for"),
  by: z.string().describe("who asked: an operating-system user, or 'schedule'"),
});

export const move = z.strictObject({
  source: z.string(),
  channel: z.string(),
  kind: z.enum(["promotion", "rollback"]),
  from: z.int().nullable().describe("the revision before; null for the first move"),
  to: z.int(),
  at: instant,
  by: z.string().describe("who asked: an operating-system user, or 'schedule'"),
  reason: z.string(),
});

export const blobPlace = z.strictObject({
  source: z.string(),
  since: z.int().default(0).describe("the first revision that names it there"),
  revision: z.int().describe("the newest"),
  path: z.string(),
});

export const event = z.strictObject({
  at: instant,
  name: z.string(),
  fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});

export const recovery = z.array(z.string()).describe("who follows by itself, who does not, and what to do about it");
