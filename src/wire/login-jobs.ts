import * as z from "zod";
import { failed } from "./jobs.ts";

/** What the login process is told of the issuer with each job. It holds nothing between two. */
const issuer = z.strictObject({
  issuer: z.string().max(1_024),
  clientId: z.string().max(256),
  redirect: z.string().max(1_024),
  hosts: z.array(z.string().max(300)).max(16),
  authorities: z.array(z.string().max(65_536)).max(16),
});
export type IssuerTerms = z.infer<typeof issuer>;

const secret = z.string().min(16).max(128);

export const loginRequest = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("login-begin"),
    ...issuer.shape,
    scopes: z.array(z.string().max(128)).max(32),
    state: secret,
    nonce: secret,
    /** Of the code verifier, S256 (RFC 7636 section 4.2). */
    challenge: secret,
  }),
  z.strictObject({
    kind: z.literal("login-end"),
    ...issuer.shape,
    clientSecret: z.string().min(1).max(4_096),
    /** What the issuer sent the browser back with, as it came. */
    query: z.string().max(8_192),
    state: secret,
    nonce: secret,
    verifier: secret,
    nameClaim: z.string().max(256),
    groupsClaim: z.string().max(256),
    requiredClaims: z.array(z.string().max(256)).max(64),
  }),
]);
export type LoginRequest = z.infer<typeof loginRequest>;

const text = z.string().max(256);

export const loginAnswer = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("go"), url: z.string().max(8_192) }),
  z.strictObject({
    kind: z.literal("identity"),
    issuer: z.string().max(1_024),
    subject: text.min(1),
    name: text.nullable(),
    groups: z.array(text).max(1_000),
    required: z.record(text, z.array(text).max(1_000)),
  }),
  failed,
]);
export type LoginAnswer = z.infer<typeof loginAnswer>;
