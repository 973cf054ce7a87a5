import * as z from "zod";
import { ROLES } from "../core/model/actor.ts";
import { request } from "./requests.ts";

/**
 * What the console's process may say to the keeper, over a socket of its own: what somebody showed, and what they ask.
 * The keeper alone knows whether it is good.
 */
const credential = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("token"), token: z.string().max(128) }),
  z.strictObject({ kind: z.literal("session"), session: z.string().max(64) }),
]);
export type Credential = z.infer<typeof credential>;

export const apiRequest = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("log-in"), name: z.string().max(64), password: z.string().max(1_024) }),
  z.strictObject({ kind: z.literal("log-out"), session: z.string().max(64) }),
  z.strictObject({ kind: z.literal("oidc-begin") }),
  /** What the browser showed of its beginning, and the query that the issuer sent it back with. */
  z.strictObject({ kind: z.literal("oidc-end"), flow: z.string().max(64), query: z.string().max(8_192) }),
  z.strictObject({ kind: z.literal("who"), credential }),
  /** `by` in the request is replaced by who it is. */
  z.strictObject({ kind: z.literal("ask"), credential, request }),
]);
export type ApiRequest = z.infer<typeof apiRequest>;

const actor = z.strictObject({ name: z.string(), roles: z.array(z.enum(ROLES)) });

/** The values of a closing `result` for everything but `ask`, whose results are those of its verb. */
export const apiResults = {
  "log-in": z.strictObject({ session: z.string(), actor }),
  "log-out": z.strictObject({}),
  "oidc-begin": z.strictObject({ url: z.string(), flow: z.string() }),
  "oidc-end": z.strictObject({ session: z.string(), actor }),
  who: z.strictObject({ actor }),
} as const;
