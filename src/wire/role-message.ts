import * as z from "zod";
import type { Duration } from "../core/kernel/instant.ts";
import { SECOND } from "../core/kernel/instant.ts";

/**
 * What goes over the connection between the keeper and the starter of a role (`main/start-role.ts`): one message each way. Each
 * carries descriptors; the keeper's the worker's own, in their order, the starter's its `/proc/self/status`, opened.
 */
export const ROLE_MESSAGE_BYTES = 64 * 1024;
/** Lanes, log pipes, listeners: a channel's passive ports are most of them. The kernel passes 253. */
export const ROLE_DESCRIPTORS = 200;
export const ROLE_ANSWER_BYTES = 2_048;
/** How long a starter waits for what it is to become, and the keeper for its answer. */
export const ROLE_PATIENCE: Duration = 15 * SECOND;

/** Text that ends where the kernel takes it to end. */
const text = z
  .string()
  .max(4_096)
  .regex(/^[^\0]*$/);
const place = z
  .string()
  .max(4_096)
  .regex(/^\/[^\0]*$/);

export const roleStart = z.strictObject({
  kind: z.literal("role-start"),
  /** Whom the keeper takes itself to speak to. */
  role: z.string().max(64),
  args: z.array(text).max(16).readonly(),
  reads: z.array(place).max(64).readonly(),
  writes: z.array(place).max(4).readonly(),
  network: z.enum(["none", "connect", "listen", "listen-and-call-back", "listen-and-connect"]),
  /** How many descriptors come with it. */
  descriptors: z.int().min(1).max(ROLE_DESCRIPTORS),
});
export type RoleStart = z.infer<typeof roleStart>;

export const roleAnswer = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("role-ready") }),
  z.strictObject({ kind: z.literal("role-refused"), why: z.string().max(1_024) }),
]);
export type RoleAnswer = z.infer<typeof roleAnswer>;
