import * as z from "zod";
import { ROLES } from "./model/actor.ts";

/** Where the issuer sends people back to, below the console's own address. */
export const OIDC_CALLBACK = "/api/v1/oidc/callback";

/** https, or http on the loopback: whoever reads or writes the line between is the issuer. */
function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(text);
  const loopback = hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  const plain = username === "" && password === "" && search === "" && hash === "";
  return plain && (protocol === "https:" || (protocol === "http:" && loopback));
}

const claim = z.string().min(1).max(256);
const value = z.string().min(1).max(256);
const values = z.array(value).min(1).max(1_000);

/** Log-in through an OpenID provider (docs/api.md). */
export const oidcConfig = z.strictObject({
  issuer: z
    .string()
    .max(1_024)
    .refine(isSafeUrl, "an issuer is an https address without a query")
    .describe("The issuer's identifier, exactly as it writes it; its discovery document lies below."),
  clientId: z.string().min(1).max(256).describe("What the issuer knows this mirror by."),
  clientSecretFile: z
    .string()
    .min(1)
    .max(4_096)
    .describe("A file that holds the client's secret; the daemon reads it, at each log-in."),
  redirect: z
    .string()
    .max(1_024)
    .refine(isSafeUrl, "an https address without a query")
    .refine((text) => !URL.canParse(text) || new URL(text).pathname === OIDC_CALLBACK, `its path is ${OIDC_CALLBACK}`)
    .describe("Where the issuer sends people back to; registered there, and never taken from a request."),
  hosts: z
    .array(z.string().regex(/^[A-Za-z0-9.-]+(?::\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](?::\d{1,5})?$/, "a host, or host:port"))
    .max(16)
    .default([])
    .describe("Further hosts that the issuer's endpoints lie on; any other that it names is not asked."),
  authorities: z
    .array(z.string().max(65_536))
    .max(16)
    .default([])
    .describe("PEM certificates trusted for the issuer beside the system's own."),
  scopes: z
    .array(z.string().regex(/^[!#-[\]-~]{1,128}$/))
    .max(32)
    .default(["openid", "profile"])
    .refine((scopes) => scopes.includes("openid"), "without openid there is no identity")
    .describe("What is asked of the issuer."),
  nameClaim: claim.default("preferred_username").describe("The claim that gives a person's name, at the first log-in."),
  groupsClaim: claim.default("groups").describe("The claim whose values `roles` speaks of."),
  roles: z
    .partialRecord(z.enum(ROLES), values)
    .refine((roles) => Object.keys(roles).length > 0, "with no role nobody can log in")
    .describe("For each role the values of groupsClaim that give it. Who has none of them does not come in."),
  require: z
    .record(claim, values)
    .default({})
    .describe("Claims that must have one of these values, as the tenant: { hd: [example.org] }."),
});
export type OidcConfig = z.infer<typeof oidcConfig>;
