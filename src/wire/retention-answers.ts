import * as z from "zod";
import { KEPT_FOR, type KeptFor } from "../core/release/retention.ts";
import { bytes, instant } from "./measures.ts";

/** A revision that was removed: that it was there, and who removed it, when and why. */
export const purged = z.strictObject({
  source: z.string(),
  revision: z.int(),
  sealedAt: instant,
  files: z.int(),
  bytes,
  vouchedBy: z.string(),
  purgedAt: instant,
  by: z.string(),
  why: z.string(),
});

/** What a collection does or would do, and what it leaves, with why. */
export const collection = z.strictObject({
  preview: z.boolean(),
  plan: z.string().describe("the fingerprint of what goes, by which an order to act names it"),
  revisions: z
    .array(
      z.strictObject({
        source: z.string(),
        revision: z.int(),
        sealedAt: instant,
        why: z.string(),
        frees: bytes.describe("of what no revision that stays names; each content is counted once"),
      }),
    )
    .describe("what goes"),
  kept: z
    .array(
      z.strictObject({
        source: z.string(),
        revision: z.int(),
        why: z.array(z.strictObject({ for: z.enum(Object.keys(KEPT_FOR) as KeptFor[]), detail: z.string() })),
      }),
    )
    .describe("what stays, newest first; at most 10,000"),
  blobs: z.int().describe("contents that no revision names, and nothing has named for the grace: they go"),
  bytes: bytes.describe("of those contents: what acting frees at once"),
  waiting: z.int().describe("contents that nothing names once this is done, and that are still within the grace"),
  waitingBytes: bytes.describe("what a later collection frees of them"),
});
