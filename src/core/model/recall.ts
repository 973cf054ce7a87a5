import * as z from "zod";
import { channelName } from "./source.ts";

/** Where a channel shows its recalls, below its address; the signature stands beside as `.minisig`. */
export const RECALL_MOUNT = "/ringfort-recalls/";
export const RECALL_FILE = "recalls.json";

/**
 * One recall: clients of `channel` that hold `product` at a sequence in [`from`, `until`] go back to `to`, and take none
 * of that range again. It is explicit and signed, because a client must never go back on a mirror's word alone.
 */
const recall = z.strictObject({
  /** Rises with every recall that is ever issued; a client obeys each once. */
  serial: z.int().positive(),
  channel: channelName,
  product: z.strictObject({
    product: z.string().min(1).max(128),
    version: z.string().min(1).max(64),
    language: z.string().min(1).max(64),
  }),
  from: z.int().nonnegative(),
  until: z.int().nonnegative(),
  to: z.int().nonnegative(),
  reason: z.string().max(1_000),
  /** Milliseconds since 1970. */
  issuedAt: z.int().nonnegative(),
});

export const recallList = z.strictObject({
  format: z.literal("ringfort-recalls-1"),
  /** Milliseconds since 1970; a client takes no list older than the last it has seen. */
  issuedAt: z.int().nonnegative(),
  recalls: z.array(recall).max(10_000),
});

export type Recall = z.infer<typeof recall>;
export type RecallList = z.infer<typeof recallList>;
