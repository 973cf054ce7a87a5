import * as z from "zod";
import { FAILURES, type FailureCode } from "../core/kernel/errors.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import {
  FTP_LOG_FIELDS,
  HTTP_LOG_FIELDS,
  MORE_FTP_LOG_FIELDS,
  MORE_HTTP_LOG_FIELDS,
} from "../core/model/access-log.ts";
import { contentSummary, SUMMARY_KINDS } from "../core/model/content-summary.ts";
import { feedListing, listedArtifact, listingFindings } from "../core/model/feed-listing.ts";
import { contentFindings } from "../core/model/findings.ts";
import { channelName, sourceName } from "../core/model/source.ts";
import { sightingBatch } from "./sightings.ts";

/**
 * Every job that the daemon gives to a worker and every answer, with its schema. A worker answers a job with any number
 * of messages and data frames and closes it with one message whose kind is in `closing` below.
 */
const url = z.string().max(8_192);
const path = z.string().max(LIMITS.pathLength * 4);
const login = z.strictObject({ user: z.string().max(255), password: z.string().max(4_096) });

/** What a later request sends to ask whether the file has changed (RFC 9110 section 13). */
export const validators = z.strictObject({
  etag: z.string().max(1_024).nullable(),
  lastModified: z.string().max(128).nullable(),
});
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
const listingDialect = z.enum(["html", "mlsd", "ftp-list", "names"]);
export type ListingDialect = z.infer<typeof listingDialect>;

/** What a worker could not do. */
export const failed = z.strictObject({
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
const neededFile = z.strictObject({
  path,
  list: z.boolean(),
  first: z.int().positive().nullable(),
  optional: z.boolean(),
  most: z.int().positive(),
});
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
  /** What a blob's content means. The lane's process opens it by its digest, among the blobs that it may read. */
  z.strictObject({
    kind: z.literal("summarize"),
    summary: z.enum(SUMMARY_KINDS),
    path,
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    size: z.int().nonnegative(),
    caps: z.strictObject({ expandedBytes: z.int().nonnegative() }),
  }),
]);
export type InspectRequest = z.infer<typeof inspectRequest>;

export const inspectAnswer = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("needs"), files: z.array(neededFile).max(10_000) }),
  z.strictObject({ kind: z.literal("listing"), listing: feedListing, findings: listingFindings }),
  z.strictObject({ kind: z.literal("content"), findings: contentFindings }),
  z.strictObject({ kind: z.literal("summary"), summary: contentSummary }),
  failed,
]);
export type InspectAnswer = z.input<typeof inspectAnswer>;

/** SHA-256 in hexadecimal. */
const treeHash = z.string().regex(/^[0-9a-f]{64}$/);

export const signerRequest = z.discriminatedUnion("kind", [
  /** Which key signs, and what it signed last. */
  z.strictObject({ kind: z.literal("signer-state") }),
  z.strictObject({
    kind: z.literal("sign"),
    size: z.int().nonnegative(),
    root: treeHash,
    /** Shows that this state continues the last one that was signed (RFC 6962 section 2.1.2). */
    proof: z.array(treeHash).max(128),
  }),
]);
export type SignerRequest = z.infer<typeof signerRequest>;

export const signerAnswer = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("signer-state"),
    verifier: z.string().max(512),
    size: z.int().nonnegative(),
    note: z.string().max(4_096).nullable(),
  }),
  z.strictObject({ kind: z.literal("signed"), note: z.string().max(4_096) }),
  failed,
]);
export type SignerAnswer = z.infer<typeof signerAnswer>;

/** One notice to be delivered; secrets stay out of it, but for the login that a mail server asks for. */
export const notifyRequest = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("mail"),
    server: z.strictObject({ host: z.string().max(255), port: z.int().min(1).max(65_535), tls: z.boolean() }),
    /** Of a connection that begins in clear: whether it must be turned to TLS before anything is said. */
    startTls: z.boolean(),
    login: login.nullable(),
    from: z.string().max(254),
    to: z.array(z.string().max(254)).min(1).max(50),
    subject: z.string().max(998),
    text: z.string().max(1024 * 1024),
    /** Names the mail, so that one that is sent twice after a stop is known as the same. */
    messageId: z.string().max(255),
  }),
  z.strictObject({
    kind: z.literal("webhook"),
    url,
    headers: z.record(z.string().max(64), z.string().max(512)),
    body: z.string().max(1024 * 1024),
  }),
]);
export type NotifyRequest = z.infer<typeof notifyRequest>;

export const notifyAnswer = z.discriminatedUnion("kind", [z.strictObject({ kind: z.literal("delivered") }), failed]);
export type NotifyAnswer = z.infer<typeof notifyAnswer>;

/** The walls around one channel's listeners, and their defaults. Durations in milliseconds. */
const serveLimits = z.strictObject({
  /** For a request's head to arrive; a body is never waited for. */
  headerTimeout: z.int().positive().default(5_000),
  checkingInterval: z.int().positive().default(1_000),
  /** How long an idle connection is kept for a next request. */
  keepAlive: z.int().positive().default(3_000),
  headerBytes: z
    .int()
    .positive()
    .default(8 * 1_024),
  connections: z.int().positive().default(512),
  /** From one IPv4 address, or one IPv6 /64. */
  connectionsPerClient: z.int().positive().default(32),
  /** TLS handshakes that one client may begin; a sixth of them at once. */
  handshakesPerMinute: z.int().positive().default(3_000),
  requestsPerConnection: z.int().positive().default(100),
  /** Bytes a second that a client must take, averaged over `leastRateWindow`; a slower one is cut. */
  leastRate: z.int().nonnegative().default(1_024),
  leastRateWindow: z.int().positive().default(8_000),
  /** How long a stop waits for transfers under way. */
  stopGrace: z.int().nonnegative().default(10_000),
});
export type ServeLimits = z.infer<typeof serveLimits>;

/** Passive ports of FTP that are open, unless said otherwise. */
export const PASSIVE_PORTS = 64;

/** The walls around one channel's FTP sessions, and their defaults. Durations in milliseconds. */
const ftpLimits = z.strictObject({
  sessions: z.int().positive().default(256),
  /** From one IPv4 address, or one IPv6 /64. */
  sessionsPerClient: z.int().positive().default(16),
  /** From one client, all its sessions together; one that sends more is made to wait. */
  commandsPerMinute: z.int().positive().default(60_000),
  /** From the first byte to the login, however much is said in between. */
  loginTime: z.int().positive().default(30_000),
  /** Silence before the login, and after it. */
  idleBeforeLogin: z.int().positive().default(15_000),
  idle: z.int().positive().default(120_000),
  /** The longest that a session, and with it a revision, is held; a transfer under way then ends first. */
  longest: z.int().positive().default(3_600_000),
  /** How long a refused login waits for its answer, and how many there may be. */
  refusalDelay: z.int().nonnegative().default(1_000),
  refusals: z.int().positive().default(3),
  /** How long a data port waits for its connection. */
  dataWait: z.int().positive().default(20_000),
  /** Passive ports that are open, and that one client may wait on at once. */
  ports: z.int().min(1).max(1_024).default(PASSIVE_PORTS),
  portsPerClient: z.int().positive().default(16),
  lineBytes: z.int().min(64).max(65_536).default(512),
});

const portNumber = z.int().min(0).max(65_535);

/** What a TLS server shows: PEM, each. `authorities`: whose certificates a client may show; `null`: none is asked for. */
const tlsIdentity = z.strictObject({
  certificate: z.string().max(64 * 1_024),
  key: z.string().max(64 * 1_024),
  authorities: z
    .string()
    .max(256 * 1_024)
    .nullable()
    .default(null),
});
export type TlsIdentity = z.infer<typeof tlsIdentity>;

/** The first and only message to the console's process; its lane is descriptor 3. */
/** A descriptor of the process that listens already; `null`: it opens its own. */
const listenerFd = z.int().min(3).max(65_535).nullable().default(null);

export const consoleStart = z.strictObject({
  kind: z.literal("console-start"),
  host: z.string().max(255),
  port: z.int().min(0).max(65_535),
  fd: listenerFd,
  /** PEM, both; `null` only on the loopback. */
  tls: tlsIdentity.nullable(),
  /** The keeper's socket for it. */
  socket: z.string().max(4_096),
  version: z.string().max(64),
  /** Whether people log in through an issuer, and whether they come by https. */
  issuer: z.strictObject({ secure: z.boolean() }).nullable(),
});
export type ConsoleStart = z.infer<typeof consoleStart>;

export const consoleAnswer = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("listening"), address: z.string().max(64), port: z.int() }),
  failed,
]);
export type ConsoleAnswer = z.infer<typeof consoleAnswer>;

const leastVersion = z.enum(["1.2", "1.3"]).default("1.2");
export type LeastVersion = z.infer<typeof leastVersion>;

const networks = z.array(z.string().max(64)).max(1_024);

/** How a channel is served by HTTPS. */
const serveHttps = z.strictObject({
  host: z.string().max(255),
  port: portNumber,
  fd: listenerFd,
  ...tlsIdentity.shape,
  leastVersion,
  /** Whether a client shows a certificate. */
  clients: z.enum(["none", "optional", "required"]).default("none"),
  /** Seconds of Strict-Transport-Security; `null`: nothing is said. */
  hsts: z.int().nonnegative().nullable().default(null),
});
export type ServeHttps = z.infer<typeof serveHttps>;
/** As the daemon writes it: what has a default may be left out. */
export type ServeHttpsInput = z.input<typeof serveHttps>;

/** How a channel is served by FTP. */
const serveFtp = z.strictObject({
  host: z.string().max(255),
  port: portNumber,
  fd: listenerFd,
  passive: z.strictObject({
    /** The range of passive ports; 0 and 0: any. */
    from: portNumber,
    to: portNumber,
    /** Listeners on such ports, where the process is handed them; it then opens none. */
    fds: z.array(z.int().min(3).max(65_535)).max(1_024).default([]),
    /** The IPv4 address that PASV names, where a translator of addresses stands before us. */
    announce: z.ipv4().nullable(),
  }),
  /** Whether PORT and EPRT are answered: the process then keeps its right to connect. */
  active: z.boolean(),
  /** Networks of clients, within the channel's; none: all of the channel's. */
  allow: networks,
  /** What PASS must say; `null`: anything. */
  password: z.string().max(255).nullable(),
  /** `null`: AUTH is refused. */
  tls: z
    .strictObject({
      required: z.boolean(),
      ...tlsIdentity.shape,
      leastVersion,
      /** A data connection must resume the TLS session of its control connection. */
      boundData: z.boolean(),
    })
    .nullable(),
  limits: ftpLimits.prefault({}),
  logFields: z
    .array(z.enum([...FTP_LOG_FIELDS, ...MORE_FTP_LOG_FIELDS]))
    .min(1)
    .max(64)
    .default([...FTP_LOG_FIELDS]),
});
export type ServeFtp = z.infer<typeof serveFtp>;
/** As the daemon writes it: what has a default may be left out. */
export type ServeFtpInput = z.input<typeof serveFtp>;

/**
 * The first message to a serve process. Lane: descriptor 3; access log, a pipe: descriptor 4. The
 * process may read `blobs` and `views` (both as the data folder has them) and nothing else but the program.
 */
const serveStart = z.strictObject({
  kind: z.literal("serve-start"),
  channel: channelName,
  /** Plain HTTP; `null`: none. */
  listen: z.strictObject({ host: z.string().max(255), port: portNumber, fd: listenerFd }).nullable(),
  https: serveHttps.nullable().default(null),
  /** Networks of clients, for every protocol; none: every client. */
  allow: networks.default([]),
  /** Networks of caches, which ask for many clients: their requests are held on no revision. */
  caches: networks.default([]),
  /** Absent: no FTP. Its access log is descriptor 5. */
  ftp: serveFtp.nullable().default(null),
  /** The data folder's `blobs` and `views`, absolute. */
  blobs: z.string().max(4_096),
  views: z.string().max(4_096),
  limits: serveLimits.prefault({}),
  /**
   * Milliseconds. A client's requests within `idle` of its last see the revision that its first saw, but no longer than
   * `most` after that: a blob is kept longer than `most` and a transfer once it is no longer shown.
   */
  session: z.strictObject({ idle: z.int().nonnegative(), most: z.int().nonnegative() }),
  /** Whether clients are noted. */
  sightings: z.boolean().default(true),
  logFields: z
    .array(z.enum([...HTTP_LOG_FIELDS, ...MORE_HTTP_LOG_FIELDS]))
    .min(1)
    .max(64)
    .default([...HTTP_LOG_FIELDS]),
});
export type ServeStart = z.infer<typeof serveStart>;

export const serveRequest = z.discriminatedUnion("kind", [
  serveStart,
  /** The channel's pointer file has been replaced: read it again. */
  z.strictObject({ kind: z.literal("reopen"), serial: z.int() }),
  /** What the next handshakes show; connections that are there keep what they saw. */
  z.strictObject({ kind: z.literal("identity"), by: z.enum(["https", "ftp"]), identity: tlsIdentity }),
  /** Stop accepting, finish what is under way, exit. */
  z.strictObject({ kind: z.literal("stop") }),
]);

/** As the daemon writes it: what has a default may be left out. */
export type ServeRequest = z.input<typeof serveRequest>;

/** It becomes part of what a person is shown and may click. */
const ipAddress = z.string().regex(/^[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9_.-]{1,32})?$/);

const listensAt = z
  .strictObject({ address: ipAddress, port: z.int().min(1).max(65_535) })
  .nullable()
  .default(null);
/** `null`: it does not. */
export type ListensAt = z.input<typeof listensAt>;

export const serveAnswer = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("listening"),
    /** Where each listens that was asked for. */
    http: listensAt,
    https: listensAt,
    ftp: listensAt,
  }),
  z.strictObject({ kind: z.literal("reopened"), serial: z.int() }),
  /** A file of the channel could not be served; said once a minute of each blob. Needs no request. */
  z.strictObject({
    kind: z.literal("blob-missing"),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    path,
    source: sourceName,
    revision: z.int().positive(),
    reason: z.enum(["missing", "size-differs", "unreadable"]),
  }),
  /** Connections that were cut off because of where they came from or arrived; at most once a minute. */
  z.strictObject({ kind: z.literal("turned-away"), count: z.int().positive(), from: ipAddress, to: ipAddress }),
  /** What it saw of its clients in about a second. */
  sightingBatch,
  /** Begins, or the last `reopen`, failed; or, without a request and once a minute, a view is damaged. */
  failed,
]);
/** As a serve process writes it: what has a default may be left out. */
export type ServeAnswer = z.input<typeof serveAnswer>;
