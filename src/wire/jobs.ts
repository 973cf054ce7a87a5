import * as z from "zod";
import { FAILURES, type FailureCode } from "../core/kernel/errors.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import { contentFindings } from "../core/model/findings.ts";
import { feedListing, listedArtifact, listingFindings } from "../core/model/feed-listing.ts";

/**
 * Every job that the daemon gives to a worker and every answer, with its schema. A worker answers a job with any number
 * of messages and data frames and closes it with one message whose kind is in `closing` below.
 */
const url = z.string().max(8_192);
const path = z.string().max(LIMITS.pathLength * 4);
const login = z.strictObject({ user: z.string().max(255), password: z.string().max(4_096) });

/** What a later request sends to ask whether the file has changed (RFC 9110 section 13). */
export const validators = z.strictObject({ etag: z.string().max(1_024).nullable(), lastModified: z.string().max(128).nullable() });
export type Validators = z.infer<typeof validators>;

const fetchJob = z.strictObject({
  kind: z.literal("fetch"),
  /** The whole address of the file, or of the directory when `list`. */
  url,
  /** Ask for the directory's listing instead of a file. */
  list: z.boolean(),
  /** Ask only for the first so many bytes (a header); the answer may still be the whole file. */
  first: z.int().positive().nullable(),
  /** Bytes that we hold of an interrupted download, and what names its version. */
  resume: z.strictObject({ offset: z.int().positive(), validators }).nullable(),
  /** Ask only if changed. */
  unless: validators.nullable(),
  caps: z.strictObject({
    bytes: z.int().nonnegative(),
    wallTime: z.int().positive(),
    leastRate: z.int().nonnegative(),
    leastRateWindow: z.int().positive(),
    redirects: z.int().nonnegative(),
    connectTimeout: z.int().positive(),
  }),
  network: z.strictObject({
    proxy: z.strictObject({ host: z.string(), port: z.int(), login: login.nullable() }).nullable(),
    login: login.nullable(),
    allowSchemeChange: z.boolean(),
    allowInside: z.boolean(),
    authorities: z.array(z.string()),
  }),
});
export type FetchJob = z.infer<typeof fetchJob>;

export const fetchRequest = z.discriminatedUnion("kind", [fetchJob, z.strictObject({ kind: z.literal("cancel") })]);

/** Which parser reads a listing. */
export const listingDialect = z.enum(["html", "mlsd", "ftp-list", "names"]);
export type ListingDialect = z.infer<typeof listingDialect>;

const failed = z.strictObject({
  kind: z.literal("failed"),
  code: z.enum(Object.keys(FAILURES) as [FailureCode, ...FailureCode[]]),
  detail: z.string().max(4_096),
  retry: z.enum(["never", "later"]),
});

export const fetchAnswer = z.discriminatedUnion("kind", [
  /** The body begins. `offset`: where its first byte stands in the file (0, or the resume offset). */
  z.strictObject({
    kind: z.literal("head"),
    offset: z.int().nonnegative(),
    /** Bytes of the whole file where the upstream said so. */
    size: z.int().nonnegative().nullable(),
    validators,
    finalUrl: url,
    dialect: listingDialect.nullable(),
  }),
  z.strictObject({ kind: z.literal("not-modified") }),
  z.strictObject({ kind: z.literal("done") }),
  failed,
]);
export type FetchAnswer = z.infer<typeof fetchAnswer>;

/** A file in quarantine, as inspection sees it. */
const quarantined = z.strictObject({
  /** The path within the feed that it was asked for under. */
  path,
  /** The file's own name inside the quarantine folder. */
  file: z.string().max(128),
  size: z.int().nonnegative(),
  /** Whether only the first bytes were asked for. */
  partial: z.boolean(),
  dialect: listingDialect.nullable(),
  /** The upstream's Last-Modified in milliseconds since 1970. */
  lastModified: z.int().nullable(),
  /** The upstream does not have it. */
  absent: z.boolean(),
});
export type QuarantinedFile = z.infer<typeof quarantined>;

/** A file that reading the feed needs next. */
const neededFile = z.strictObject({ path, list: z.boolean(), first: z.int().positive().nullable(), optional: z.boolean(), most: z.int().positive() });
export type NeededFile = z.infer<typeof neededFile>;

export const inspectRequest = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("read-feed"),
    /** The `feed` and `trust` parts of a source, as `core/model/source.ts` has them. */
    feed: z.unknown(),
    trust: z.unknown(),
    now: z.int(),
    files: z.array(quarantined).max(10_000),
  }),
  z.strictObject({
    kind: z.literal("inspect-artifact"),
    feed: z.unknown(),
    trust: z.unknown(),
    now: z.int(),
    artifact: listedArtifact,
    file: quarantined,
    /** The file that this one signs or describes, by the format's own rule, where it is at hand. */
    companion: quarantined.nullable(),
    caps: z.strictObject({ expandedBytes: z.int().nonnegative() }),
  }),
]);
export type InspectRequest = z.infer<typeof inspectRequest>;

export const inspectAnswer = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("needs"), files: z.array(neededFile).max(10_000) }),
  z.strictObject({ kind: z.literal("listing"), listing: feedListing, findings: listingFindings }),
  z.strictObject({ kind: z.literal("content"), findings: contentFindings }),
  failed,
]);
export type InspectAnswer = z.infer<typeof inspectAnswer>;

export const serveRequest = z.discriminatedUnion("kind", [
  /** The channel's pointer file has been replaced: read it again. */
  z.strictObject({ kind: z.literal("reopen"), serial: z.int() }),
  /** Stop accepting, finish what is under way, exit. */
  z.strictObject({ kind: z.literal("stop") }),
]);

export const serveAnswer = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("listening"), address: z.string().max(256), port: z.int() }),
  z.strictObject({ kind: z.literal("reopened"), serial: z.int() }),
  failed,
]);
export type ServeAnswer = z.infer<typeof serveAnswer>;
