import * as z from "zod";
import { parseSha256 } from "../core/kernel/digest.ts";
import type { Instant } from "../core/kernel/instant.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import {
  type ClientReport,
  MOST_AGENT,
  SIGHTING_PROTOCOLS,
  SIGHTING_RESULTS,
  type Sighting,
} from "../core/model/client-sighting.ts";
import { sourceName } from "../core/model/source.ts";

/** Rows of one message: it stays below what a serve process may send. */
const MOST_ROWS = 4_096;

const line = (most: number): z.ZodString =>
  z
    .string()
    .max(most)
    .regex(/^[^\p{Cc}]*$/u);
/** An address, or the name in a client's certificate. */
const seenClient = z.tuple([line(255).min(1), line(MOST_AGENT)]);
const count = z.int().nonnegative();
const digest = z.string().transform((text, context) => {
  const sha256 = parseSha256(text);
  if (sha256 === null) context.addIssue({ code: "custom", message: "no digest" });
  return sha256;
});

/** Bytes of a report's subject and code. */
export const MOST_ABOUT = 200;
export const MOST_CODE = 64;

/**
 * What a server saw in about a second, without its channel, which its lane tells. Clients and files are said once and
 * named by their place: most of a fleet asks for the same few files.
 */
export const sightingBatch = z.strictObject({
  kind: z.literal("sightings"),
  clients: z.array(seenClient).max(MOST_ROWS),
  files: z
    .array(z.tuple([sourceName, z.int().positive(), line(LIMITS.pathLength * 4), digest.nullable()]))
    .max(MOST_ROWS),
  /** Time, client, file, protocol, result, bytes. */
  seen: z
    .array(z.tuple([z.int(), count, count, z.enum(SIGHTING_PROTOCOLS), z.enum(SIGHTING_RESULTS), count]))
    .max(MOST_ROWS),
  /** Time, client, subject, outcome, code, source. */
  reports: z
    .array(
      z.tuple([
        z.int(),
        count,
        line(MOST_ABOUT).min(1),
        z.enum(["ok", "failed", "back"]),
        line(MOST_CODE),
        z.union([sourceName, z.literal("")]),
      ]),
    )
    .max(MOST_ROWS),
  /** Sightings that the server could not keep. */
  lost: count,
});
export type SightingBatch = z.infer<typeof sightingBatch>;

interface Unpacked {
  readonly sightings: readonly Sighting[];
  readonly reports: readonly ClientReport[];
}

/**
 * A batch as sightings of a channel; `null` when it names what is not in it. Its times are the server's word: they are
 * taken for one between `earliest` and `now`.
 */
export function unpackSightings(
  batch: SightingBatch,
  channel: string,
  earliest: Instant,
  now: Instant,
): Unpacked | null {
  const clients = batch.clients.map(([name, agent]) => ({ name, agent }));
  const sightings: Sighting[] = [];
  const reports: ClientReport[] = [];
  const within = (at: Instant): Instant => Math.min(now, Math.max(earliest, at));
  for (const [at, who, what, protocol, result, bytes] of batch.seen) {
    const [client, file] = [clients[who], batch.files[what]];
    if (client === undefined || file === undefined) return null;
    const [source, revision, path, sha256] = file;
    sightings.push({ at: within(at), client, channel, source, revision, path, sha256, protocol, result, bytes });
  }
  for (const [at, who, about, outcome, code, source] of batch.reports) {
    const client = clients[who];
    if (client === undefined) return null;
    reports.push({ at: within(at), client, channel, about, outcome, code, source });
  }
  return { sightings, reports };
}
