import * as z from "zod";
import { duration } from "./written-value.ts";

/** Which revisions a source keeps though nothing needs them, and who removes the others. */
export const retentionRule = z.strictObject({
  revisions: z
    .int()
    .min(1)
    .max(10_000)
    .default(10)
    .describe("How many of the newest revisions are kept at least, beside those that something needs."),
  age: duration.prefault("7d").describe("Revisions that are younger are kept, however many there are."),
  rollbackWindow: z
    .int()
    .min(1)
    .max(1_000)
    .default(3)
    .describe("How many of the revisions that each channel has shown last are kept, so that it can go back."),
  automatic: z
    .boolean()
    .default(false)
    .describe("The daemon collects by itself (`collect.every`); else somebody runs `ringfort gc`."),
});
