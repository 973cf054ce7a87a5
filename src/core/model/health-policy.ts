import * as z from "zod";
import { duration } from "./written-value.ts";

/**
 * What the health gate asks of the canaries of a ring before a revision may go on: `canaries` is its k, `returns` its m;
 * n is whoever is known by a rhythm and alive. The defaults come from the simulation (docs/canary-report.md).
 */
export const healthPolicy = z
  .strictObject({
    canaries: z
      .int()
      .min(1)
      .max(100_000)
      .default(5)
      .describe("k: at least so many canaries have fetched the revision and come back well."),
    share: z
      .number()
      .min(0)
      .max(1)
      .default(0.6)
      .describe("And at least this share of n, the canaries that are known and alive."),
    returns: z
      .int()
      .min(1)
      .max(1_000)
      .default(1)
      .describe("m: how often a canary must have come back after its fetch."),
    watch: duration
      .prefault("2h 30m")
      .describe("A canary counts once it was seen so long after its fetch: a poison may be slow."),
    silent: z
      .strictObject({
        count: z.int().min(0).max(100_000).default(1).describe("So many silent canaries are tolerated,"),
        share: z
          .number()
          .min(0)
          .max(0.45)
          .default(0.1)
          .describe("or this share of those that fetched, if that is more."),
      })
      .prefault({})
      .describe("Machines also fall silent for reasons of their own: how many may, before the revision is suspected."),
    checks: z
      .array(z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/))
      .max(32)
      .default([])
      .describe("Names of checks that must have spoken well of the revision, whatever the canaries do."),
  })
  .describe("What must be seen before a revision counts as healthy.");

export type HealthPolicy = z.infer<typeof healthPolicy>;
