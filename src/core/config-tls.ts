import * as z from "zod";
import { DAY } from "./kernel/instant.ts";
import { duration } from "./model/written-value.ts";

const file = z.string().min(1).max(4_096);

/** Where a certificate and its key lie, as the configuration has it: two files, or a folder that another tool fills. */
export const pairFields = {
  certificate: file.optional().describe("A file with the certificate and its chain, PEM."),
  key: file.optional().describe("A file with its private key, PEM, without a passphrase."),
  folder: file
    .optional()
    .describe(
      "Instead of both files: the folder that certbot, lego, acme.sh or another tool keeps them in " +
        "(`fullchain.pem` and `privkey.pem`, `NAME.crt` and `NAME.key`, `fullchain.cer` and `NAME.key`).",
    ),
  name: z
    .string()
    .regex(/^(?!\.)[A-Za-z0-9._*-]{1,253}$/, "the name of a certificate, for example mirror.example")
    .optional()
    .describe("Which NAME, where the folder has several."),
  leastVersion: z.enum(["1.2", "1.3"]).default("1.2").describe("The oldest TLS that a client may speak."),
};

type PairFields = {
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly folder?: string | undefined;
  readonly name?: string | undefined;
};

/** Where a certificate and its key lie. */
export type PairPlace =
  | { readonly certificate: string; readonly key: string }
  | { readonly folder: string; readonly name: string | null };

/** `null` when it is neither both files nor a folder. */
export function pairPlace({ certificate, key, folder, name }: PairFields): PairPlace | null {
  if (folder !== undefined)
    return certificate === undefined && key === undefined ? { folder, name: name ?? null } : null;
  return certificate === undefined || key === undefined || name !== undefined ? null : { certificate, key };
}

export const PAIR_ISSUE = "either certificate and key, or folder (with name where it has several)";

/** The same fields with every path made absolute by `resolve`. */
export function rootedPair<T extends PairFields>(fields: T, resolve: (path: string) => string): T {
  const rooted = (["certificate", "key", "folder"] as const).flatMap((field) => {
    const at = fields[field];
    return at === undefined ? [] : [[field, resolve(at)]];
  });
  return { ...fields, ...Object.fromEntries(rooted) };
}

const clients = z.strictObject({
  authorities: file.describe(
    "A file with the certificates of the authorities that clients' certificates come from, PEM.",
  ),
  mode: z
    .enum(["required", "optional"])
    .default("required")
    .describe(
      "`required`: no connection without one; `optional`: one that is shown must be good. Its name stands in the access log.",
    ),
});

/** What HTTPS has beside its address. */
export const httpsFields = {
  ...pairFields,
  clients: clients.optional().describe("Certificates of clients (mutual TLS); absent: none are asked for."),
  hsts: duration
    .refine((time) => time <= 730 * DAY, "at most two years")
    .optional()
    .describe(
      "How long a browser that was here once asks by HTTPS alone (Strict-Transport-Security). It holds for the name " +
        "and all its ports: not where the same name also serves plain HTTP. Absent: nothing is said.",
    ),
};
