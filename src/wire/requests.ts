import * as z from "zod";
import { FAILURES, type FailureCode, REFUSALS, type RefusalCode } from "../core/kernel/errors.ts";
import { ROLES } from "../core/model/actor.ts";
import { SUMMARY_KINDS } from "../core/model/content-summary.ts";
import { series } from "../core/model/feed-listing.ts";
import { channelName, sourceName, sourceSpec } from "../core/model/source.ts";
import { personName } from "../core/people/person.ts";
import { clientsRequest, clientsResult } from "./client-requests.ts";
import { healthRequests, healthResults } from "./health-requests.ts";
import { blobPlace, event, move, recovery, run } from "./history-answers.ts";
import { bytes, instant } from "./measures.ts";
import { person, token } from "./people-answers.ts";
import { restraint, ringWaiting } from "./release-answers.ts";
import { releaseRequests, releaseResults } from "./release-requests.ts";
import { collection, purged } from "./retention-answers.ts";
import { traceRequest, traceResult } from "./trace-answers.ts";

/**
 * What the command line (and later the console) may ask of the daemon over its control socket: one request a
 * connection, answered by any number of `progress` messages and one that closes it. The result shapes below are what
 * `--json` prints: they are promised (docs/reference/json.md is made from them).
 */
const reason = z.string().max(1_000);
/** Who asks, as the operating system names them. */
const by = z.string().max(128);
const revisionNumber = z.int().positive();
const roles = z.array(z.enum(ROLES)).max(ROLES.length);
/** A revision by number, or the one that a channel points at. */
const revisionRef = z.union([revisionNumber, channelName]);

export const request = z.discriminatedUnion("verb", [
  z.strictObject({ verb: z.literal("source-add"), spec: z.unknown(), by }),
  z.strictObject({ verb: z.literal("source-change"), spec: z.unknown(), by }),
  z.strictObject({ verb: z.literal("source-list") }),
  z.strictObject({ verb: z.literal("source-show"), source: sourceName }),
  z.strictObject({ verb: z.literal("source-remove"), source: sourceName, force: z.boolean(), by }),
  z.strictObject({ verb: z.literal("sync"), source: sourceName, by }),
  z.strictObject({ verb: z.literal("channels"), source: sourceName.nullable() }),
  z.strictObject({ verb: z.literal("revisions"), source: sourceName }),
  z.strictObject({ verb: z.literal("diff"), source: sourceName, from: revisionRef, to: revisionRef }),
  z.strictObject({
    verb: z.literal("promote"),
    source: sourceName,
    channel: channelName,
    revision: revisionNumber.nullable(),
    reason,
    by,
  }),
  z.strictObject({
    verb: z.literal("rollback-preview"),
    source: sourceName,
    channel: channelName,
    revision: revisionNumber.nullable(),
  }),
  z.strictObject({
    verb: z.literal("rollback"),
    source: sourceName,
    channel: channelName,
    revision: revisionNumber.nullable(),
    reason,
    by,
  }),
  ...releaseRequests,
  ...healthRequests,
  z.strictObject({ verb: z.literal("status") }),
  /** A copy of the ledger, made in the data folder: whoever asks takes it away. */
  z.strictObject({ verb: z.literal("backup-ledger"), by }),
  z.strictObject({ verb: z.literal("metrics") }),
  z.strictObject({ verb: z.literal("store-check"), repair: z.boolean(), by }),
  z.strictObject({
    verb: z.literal("gc"),
    /** `null`: of all. */
    source: sourceName.nullable(),
    /** The fingerprint of a plan that was shown, and is to be carried out; `null`: a preview. */
    plan: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .nullable(),
    by,
  }),
  z.strictObject({
    verb: z.literal("export"),
    channel: channelName,
    /** Absolute; `null`: the configured one. */
    folder: z.string().min(1).max(3_000).nullable(),
    method: z.enum(["link", "copy"]).nullable(),
    anew: z.boolean(),
    by,
  }),
  z.strictObject({
    verb: z.literal("audit-log"),
    from: z.int().nonnegative(),
    // An entry may hold 500 paths: so many lines stay below what a message may be.
    limit: z.int().min(1).max(50),
  }),
  z.strictObject({ verb: z.literal("audit-checkpoint") }),
  z.strictObject({ verb: z.literal("audit-checkpoints"), limit: z.int().min(1).max(10_000) }),
  z.strictObject({ verb: z.literal("people") }),
  z.strictObject({
    verb: z.literal("person-set"),
    person: personName,
    fresh: z.boolean(),
    roles: roles.nullable(),
    disabled: z.boolean().nullable(),
    by,
  }),
  z.strictObject({
    verb: z.literal("person-password"),
    person: personName,
    password: z.string().max(1_024).nullable(),
    by,
  }),
  z.strictObject({ verb: z.literal("person-link"), person: personName, subject: z.string().min(1).max(255), by }),
  z.strictObject({ verb: z.literal("tokens"), person: personName.nullable() }),
  z.strictObject({
    verb: z.literal("token-make"),
    person: personName,
    label: z.string().min(1).max(100),
    roles: roles.nullable(),
    expiresIn: z.int().positive().nullable(),
    by,
  }),
  z.strictObject({ verb: z.literal("token-revoke"), id: z.string().max(64), by }),
  z.strictObject({ verb: z.literal("notify-list") }),
  z.strictObject({ verb: z.literal("notify-test"), subscriber: z.string().max(64), by }),
  clientsRequest,
  traceRequest,
  z.strictObject({
    verb: z.literal("log"),
    what: z.enum(["runs", "moves", "events"]),
    source: sourceName.nullable(),
    limit: z.int().min(1).max(10_000),
  }),
]);
export type Request = z.infer<typeof request>;
export type Verb = Request["verb"];

const revisionSummary = z.strictObject({
  source: z.string(),
  revision: z.int(),
  sealedAt: instant,
  files: z.int(),
  bytes: bytes.describe("of all its files, each path counted"),
  series: z.array(series).describe("what moves only forward, with its version"),
  vouchedBy: z.string().describe("who vouches for it: the signers, 'pinned', or 'none'"),
  unsigned: z.boolean().describe("nothing vouches for it; it never leaves staging"),
  channels: z.array(z.string()).describe("the channels that point at it now"),
});

const position = z.strictObject({
  source: z.string(),
  channel: z.string(),
  revision: z.int().nullable().describe("null: the channel shows nothing of this source yet"),
  movedAt: instant.nullable(),
  files: z.int().nullable(),
  bytes: bytes.nullable(),
  url: z.string().nullable().describe("where clients find it"),
  behind: z.int().nullable().describe("revisions between this channel and the newest of the source"),
  unsigned: z.boolean(),
});

const sourceSummary = z.strictObject({
  name: z.string(),
  format: z.string(),
  trust: z.string(),
  addresses: z.array(z.string()),
  schedule: z.string(),
  nextRun: instant.nullable(),
  syncing: z.boolean().describe("a run is going"),
  lastRun: run.nullable(),
  latestRevision: z.int().nullable(),
});

const damaged = z.strictObject({
  sha256: z.string(),
  state: z.enum(["damaged", "missing"]),
  places: z.array(blobPlace).describe("where it is named"),
  repaired: z.boolean(),
});

/** What each verb answers with when it is done. */
export const results = {
  "backup-ledger": z.strictObject({ file: z.string().describe("of the copy, in the data folder") }),
  "source-add": z.strictObject({ spec: sourceSpec }),
  "source-change": z.strictObject({ spec: sourceSpec }),
  "source-list": z.strictObject({ sources: z.array(sourceSummary) }),
  "source-show": z.strictObject({ summary: sourceSummary, spec: sourceSpec, revisions: z.array(revisionSummary) }),
  "source-remove": z.strictObject({ source: z.string() }),
  sync: z.strictObject({
    run,
    channel: z.string().nullable().describe("the channel that was moved to the new revision"),
  }),
  channels: z.strictObject({ positions: z.array(position) }),
  revisions: z.strictObject({
    revisions: z.array(revisionSummary),
    purged: z.array(purged).describe("the newest of those that a collection removed; the audit log has all"),
  }),
  diff: z.strictObject({
    source: z.string(),
    from: z.int(),
    to: z.int(),
    added: z.array(z.strictObject({ path: z.string(), size: bytes })),
    removed: z.array(z.strictObject({ path: z.string(), size: bytes })),
    changed: z.array(z.strictObject({ path: z.string(), sizeBefore: bytes, size: bytes })),
    series: z.array(z.strictObject({ name: z.string(), before: z.number().nullable(), after: z.number().nullable() })),
    content: z
      .array(
        z.strictObject({
          path: z.string(),
          kind: z.enum(SUMMARY_KINDS),
          groups: z
            .array(z.strictObject({ name: z.string(), before: z.int(), after: z.int() }))
            .describe("how many there are: signatures by type, rules by action, packages by architecture"),
          added: z.int(),
          removed: z.int(),
          changed: z.int(),
          items: z
            .array(
              z.strictObject({
                change: z.enum(["added", "removed", "changed"]),
                name: z.string().describe("a rule's sid, a package with its architecture"),
                group: z.string(),
                before: z.string().nullable(),
                after: z.string().nullable(),
              }),
            )
            .describe("the first 1,000, by name"),
          fault: z.string().nullable().describe("why one of the two could not be read whole"),
        }),
      )
      .describe("what the changes mean, of up to 16 files whose format is known"),
  }),
  promote: z.strictObject({ move, url: z.string().nullable() }),
  "rollback-preview": z.strictObject({
    source: z.string(),
    channel: z.string(),
    from: z.int().nullable(),
    to: z.int(),
    recovery,
  }),
  rollback: z.strictObject({ move, url: z.string().nullable(), recovery }),
  ...releaseResults,
  ...healthResults,
  status: z.strictObject({
    version: z.string(),
    startedAt: instant,
    data: z.string(),
    store: z.strictObject({ blobs: z.int(), bytes, freeBytes: bytes }),
    processes: z.array(
      z.strictObject({
        role: z.string(),
        pid: z.int().nullable(),
        restarts: z.int(),
        state: z.enum(["running", "idle", "waiting", "stopped"]),
        permissions: z.string(),
        /** How far the kernel says that it is confined; `null` while it does not run. */
        level: z.enum(["flags", "kernel", "users"]).nullable(),
      }),
    ),
    channels: z.array(
      z.strictObject({
        channel: z.string(),
        url: z.string().nullable().describe("where clients find it by plain HTTP; null where they do not"),
        https: z.string().nullable().default(null).describe("where clients find it by HTTPS; null where they do not"),
        ftp: z.string().nullable().default(null).describe("where clients find it by FTP; null where they do not"),
        seen: z.int().default(0).describe("different clients in the last 24 hours"),
        certificates: z
          .array(
            z.strictObject({
              by: z.enum(["https", "ftp"]),
              fingerprint: z.string().describe("SHA-256 of the certificate that is shown, hexadecimal"),
              notAfter: instant,
              names: z.array(z.string()),
              refused: z.string().nullable().describe("why what lies in the files now is not shown: a code"),
            }),
          )
          .default([]),
      }),
    ),
    sources: z.array(sourceSummary),
    positions: z.array(position),
    rings: z.array(ringWaiting).default([]).describe("rings with something newer before them, and why they wait"),
    restraints: z.array(restraint).default([]).describe("holds, pins and blocks that are not released"),
  }),
  metrics: z.strictObject({ text: z.string().describe("Prometheus' text format 0.0.4") }),
  "store-check": z.strictObject({
    checked: z.int(),
    bytes,
    damaged: z.array(damaged),
    unreferenced: z.int().describe("blobs that no revision names"),
  }),
  gc: collection,
  export: z.strictObject({
    channel: z.string(),
    folder: z.string(),
    root: z.string().describe("what other servers are to serve"),
    written: z.boolean().describe("false: the tree that stands there shows this already"),
    files: z.int(),
    bytes,
    copied: z.int().describe("files with bytes of their own"),
    removed: z.int().describe("old trees that went"),
  }),
  "audit-log": z.strictObject({
    size: z.int().describe("entries in all"),
    lines: z.array(z.string()).describe("entries as they stand in the log, each the bytes of a leaf"),
  }),
  "audit-checkpoint": z.strictObject({
    verifier: z.string().describe("the log's public key"),
    size: z.int().describe("entries that it covers"),
    at: instant,
    note: z.string().describe("the checkpoint, a signed note"),
  }),
  "audit-checkpoints": z.strictObject({
    checkpoints: z.array(z.strictObject({ size: z.int(), at: instant, note: z.string() })).describe("newest first"),
  }),
  people: z.strictObject({ people: z.array(person) }),
  "person-set": z.strictObject({ person }),
  "person-password": z.strictObject({ person: z.string() }),
  "person-link": z.strictObject({ person }),
  tokens: z.strictObject({ tokens: z.array(token) }),
  "token-make": z.strictObject({ token, text: z.string().describe("the token itself; it is shown this once") }),
  "token-revoke": z.strictObject({ id: z.string() }),
  "notify-list": z.strictObject({
    subscribers: z.array(
      z.strictObject({
        subscriber: z.string(),
        waiting: z.int().describe("notices that are not told yet"),
        lastSentAt: instant.nullable().describe("since the daemon's start"),
        trouble: z
          .strictObject({ code: z.string(), detail: z.string() })
          .nullable()
          .describe("why the last delivery failed; null when it did not"),
      }),
    ),
  }),
  "notify-test": z.strictObject({ subscriber: z.string() }),
  clients: clientsResult,
  trace: traceResult,
  log: z.strictObject({ runs: z.array(run), moves: z.array(move), events: z.array(event) }),
} as const satisfies Record<Verb, z.ZodType>;

export type Results = { readonly [V in Verb]: z.infer<(typeof results)[V]> };

/** How far a long piece of work is. */
const progress = z.strictObject({
  kind: z.literal("progress"),
  /** What is being done: "reading the feed", "daily.cvd". */
  phase: z.string().max(1_200),
  done: z.int().nonnegative(),
  total: z.int().nonnegative().nullable(),
  unit: z.enum(["bytes", "files", "steps"]),
});
export type Progress = z.infer<typeof progress>;

export const reply = z.discriminatedUnion("kind", [
  progress,
  z.strictObject({ kind: z.literal("result"), value: z.unknown() }),
  z.strictObject({
    kind: z.literal("refused"),
    code: z.enum(Object.keys(REFUSALS) as [RefusalCode, ...RefusalCode[]]),
    detail: z.string(),
  }),
  z.strictObject({
    kind: z.literal("failed"),
    code: z.enum(Object.keys(FAILURES) as [FailureCode, ...FailureCode[]]),
    detail: z.string(),
    retry: z.enum(["never", "later"]),
  }),
]);
