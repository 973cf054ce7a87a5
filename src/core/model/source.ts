import * as z from "zod";
import { parseDuration } from "../kernel/instant.ts";
import { pathFault } from "../kernel/safe-path.ts";
import { parseSize } from "../kernel/size.ts";

/** A length of time: "90s", "1h 30m", or milliseconds as a number. Becomes milliseconds. */
export const duration = z.union([
  z.int().nonnegative(),
  z.string().transform((text, context) => {
    const parsed = parseDuration(text);
    if (parsed === null) context.addIssue({ code: "custom", message: `"${text}" is no length of time; write for example "90s", "4h" or "1d 12h"` });
    return parsed ?? 0;
  }),
]);

/** A number of bytes: "400 MB", "64KiB", or a number. Becomes bytes. */
export const size = z.union([
  z.int().nonnegative(),
  z.string().transform((text, context) => {
    const parsed = parseSize(text);
    if (parsed === null) context.addIssue({ code: "custom", message: `"${text}" is no size; write for example "400 MB" or "64KiB"` });
    return parsed ?? 0;
  }),
]);

const artifactPath = z.string().superRefine((text, context) => {
  const fault = pathFault(text);
  if (fault !== null) context.addIssue({ code: "custom", message: `"${text}" is no path inside a feed (${fault})` });
});

const address = z.string().superRefine((text, context) => {
  const scheme = URL.canParse(text) ? new URL(text).protocol : "";
  if (!["http:", "https:", "ftp:", "file:"].includes(scheme)) {
    context.addIssue({ code: "custom", message: `"${text}" is no address; write http://…, https://…, ftp://… or file:///…` });
  } else if (new URL(text).password !== "") {
    context.addIssue({ code: "custom", message: "a password does not belong into an address; use network.login with passwordFile" });
  }
});

export const sourceName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, "a name is 1 to 63 of a-z, 0-9 and -, and neither begins nor ends with -");

export const channelName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, "a channel's name is 1 to 63 of a-z, 0-9 and -");

const clamavFeed = z.strictObject({
  format: z.literal("clamav"),
  /** Database names without their ending. */
  databases: z.array(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/)).min(1).max(64).default(["main", "daily", "bytecode"]),
  /** How many incremental patches behind the newest version are carried for clients. */
  cdiffs: z.int().min(0).max(200).default(30),
});

const directoryFeed = z.strictObject({
  format: z.literal("directory"),
  list: z.discriminatedUnion("kind", [
    /** The file names are written down here. */
    z.strictObject({ kind: z.literal("files"), files: z.array(artifactPath).min(1).max(100_000) }),
    /** The upstream lists them: an HTTP index page, an FTP directory, or a folder; sub-folders down to `depth`. */
    z.strictObject({ kind: z.literal("listing"), depth: z.int().min(0).max(16).default(0) }),
    /** A checksum list names them (`SHA256SUMS`, GNU or BSD style, SHA-256 or SHA-512). */
    z.strictObject({ kind: z.literal("checksums"), file: artifactPath.default("SHA256SUMS") }),
  ]),
});

export const feed = z.discriminatedUnion("format", [clamavFeed, directoryFeed]);

const trust = z.discriminatedUnion("kind", [
  /** The ClamAV production keys, which Ringfort knows; `roots`: PEM certificates that `.sign` files must chain to. */
  z.strictObject({ kind: z.literal("clamav"), roots: z.array(z.string().max(65_536)).max(16).default([]) }),
  /** OpenPGP: a detached (`SHA256SUMS.gpg`, `.asc`) or clear-text signature over the list. `keys`: armoured public keys. */
  z.strictObject({
    kind: z.literal("openpgp"),
    keys: z.array(z.string().max(1_000_000)).min(1).max(16),
    signature: artifactPath.optional(),
    threshold: z.int().min(1).max(16).default(1),
  }),
  /** minisign: `keys` are the base64 lines of public keys. */
  z.strictObject({
    kind: z.literal("minisign"),
    keys: z.array(z.string().regex(/^RW[A-Za-z0-9+/]{54}$/, "a minisign public key is 56 characters that begin with RW")).min(1).max(16),
    signature: artifactPath.optional(),
    threshold: z.int().min(1).max(16).default(1),
  }),
  /** The SHA-256 of each wanted file, written down here. */
  z.strictObject({ kind: z.literal("pinned"), digests: z.record(artifactPath, z.string().regex(/^[0-9a-f]{64}$/, "a SHA-256 is 64 lower-case hexadecimal digits")) }),
  /** Nothing vouches for the content. It is shown in red and never leaves staging. */
  z.strictObject({ kind: z.literal("none") }),
]);

/** The budget of a source, checked while streaming: the limit comes before trust. */
export const budget = z.strictObject({
  /** All bytes of one run. */
  bytes: size.default(20e9),
  artifactBytes: size.default(4e9),
  files: z.int().min(1).max(1_000_000).default(100_000),
  wallTime: duration.default(2 * 60 * 60 * 1_000),
  /** Bytes a second, averaged over `leastRateWindow`; a slower upstream is left for the next address. */
  leastRate: size.default(1_024),
  leastRateWindow: duration.default(30_000),
  redirects: z.int().min(0).max(10).default(3),
  /** How many times its packed size an archive may unpack to. */
  expansion: z.number().min(1).max(10_000).default(200),
  /** How many times the last revision's bytes and files a new one may have. */
  growth: z.number().min(1).max(1_000).default(4),
  /** Bytes that stay free on the store's file system. */
  freeDisk: size.default(1e9),
});

const login = z.strictObject({ user: z.string().max(255), passwordFile: z.string().max(4_096) });

const network = z.strictObject({
  proxy: z.string().regex(/^http:\/\/[^/@]+\/?$/, "a proxy is http://host:port").optional(),
  proxyLogin: login.optional(),
  login: login.optional(),
  /** Redirects may change http to https or back. */
  allowSchemeChange: z.boolean().default(false),
  /** Redirects may lead to loopback, link-local and private addresses. */
  allowInside: z.boolean().default(false),
  parallel: z.int().min(1).max(16).default(8),
  connectTimeout: duration.default(10_000),
  /** PEM certificates trusted for https beside the system's own. */
  authorities: z.array(z.string().max(65_536)).max(16).default([]),
});

export const sourceSpec = z
  .strictObject({
    name: sourceName,
    feed,
    /** Tried in order; each prefixes every path of the feed. */
    addresses: z.array(address).min(1).max(16),
    trust,
    /** Only paths that match a pattern of `include` and none of `exclude` (`*` within a segment, `**` across). */
    selection: z.strictObject({ include: z.array(z.string().max(1_024)).max(256).default(["**"]), exclude: z.array(z.string().max(1_024)).max(256).default([]) }).prefault({}),
    /** Where clients find it below a channel's address. */
    mount: z.string().regex(/^\/(?:[A-Za-z0-9._-]+\/)*$/, "a mount begins and ends with /").optional(),
    /** "manual", "every 1h", or a cron pattern of five fields. */
    schedule: z.string().max(200).default("every 1h"),
    jitter: duration.default(5 * 60 * 1_000),
    budget: budget.prefault({}),
    network: network.prefault({}),
    retention: z.strictObject({ revisions: z.int().min(1).max(10_000).default(10) }).prefault({}),
  })
  .superRefine((spec, context) => {
    const allowed = spec.feed.format === "clamav" ? ["clamav"] : ["openpgp", "minisign", "pinned", "none"];
    if (!allowed.includes(spec.trust.kind)) {
      context.addIssue({ code: "custom", path: ["trust", "kind"], message: `a ${spec.feed.format} feed is trusted by ${allowed.join(", ")}, not by ${spec.trust.kind}` });
    }
    if ((spec.trust.kind === "openpgp" || spec.trust.kind === "minisign") && spec.feed.format === "directory" && spec.feed.list.kind !== "checksums") {
      context.addIssue({ code: "custom", path: ["feed", "list"], message: `${spec.trust.kind} signs a checksum list: use list kind "checksums"` });
    }
  });

/** Our subscription to one upstream, complete, as the ledger holds it. */
export type SourceSpec = z.infer<typeof sourceSpec>;
/** What a person writes: everything with a default may be left out. */
export type SourceSpecInput = z.input<typeof sourceSpec>;
export type Feed = z.infer<typeof feed>;
export type FeedFormatName = Feed["format"];
export type Trust = z.infer<typeof trust>;
export type Budget = z.infer<typeof budget>;

/** Where clients find the source below a channel's address: `/` at both ends. */
export function mountOf(spec: Pick<SourceSpec, "name" | "mount">): string {
  return spec.mount ?? `/${spec.name}/`;
}
