import { LIMITS } from "../../../core/kernel/limits.ts";
import type { ContentFindings } from "../../../core/model/findings.ts";
import type { Feed, Trust } from "../../../core/model/source.ts";
import { readRange, readShort } from "../../../formats/archive/read-range.ts";
import type { QuarantinedFile } from "../../../wire/jobs.ts";
import type { FeedFormat, QuarantineReader, Reading } from "../../feed-format.ts";
import { inspectCdiff } from "./cdiff.ts";
import { findings } from "./content-findings.ts";
import { inspectCvd } from "./cvd.ts";
import { CVD_HEADER_BYTES, parseCvdHeader } from "./cvd-header.ts";
import { type ClamavKeys, PRODUCTION_KEYS } from "./keys.ts";
import { type DatabaseHead, databasePath, headFault, listDatabases } from "./listing.ts";
import { verifySignFile } from "./sign-file.ts";

type ClamavFeed = Extract<Feed, { readonly format: "clamav" }>;
type Format = FeedFormat<ClamavFeed>;

/** What may come when only the header is asked for: a server that knows no ranges sends the whole file. */
const HEAD_MOST = 1024 * 1024;

/**
 * The ClamAV feed: there is no index, the header of each database is one. Clients take the version from it, and so do
 * we, but it is unauthenticated (see `parseCvdHeader`): the listing is a wish, and each file then proves itself.
 */
export function createClamavFormat(keys: ClamavKeys): Format {
  return {
    readFeed: (input) => readFeed(input),
    inspectArtifact: (input) => inspectArtifact(input, keys),
  };
}

export const clamavFormat: Format = createClamavFormat(PRODUCTION_KEYS);

async function readFeed({ feed, trust, files, quarantine }: Parameters<Format["readFeed"]>[0]): Promise<Reading> {
  const missing = feed.databases.filter((database) => !files.some((file) => file.path === databasePath(database)));
  if (missing.length > 0) {
    const need = { list: false, first: CVD_HEADER_BYTES, optional: false, most: HEAD_MOST };
    return { kind: "needs", files: missing.map((database) => ({ path: databasePath(database), ...need })) };
  }
  const heads: DatabaseHead[] = [];
  for (const database of feed.databases) {
    const file = files.find(({ path }) => path === databasePath(database));
    const head =
      file === undefined || file.absent
        ? { malformed: "the upstream does not have it" }
        : await readHead(file, quarantine);
    if ("malformed" in head) {
      const malformed = headFault(database, head.malformed);
      return { kind: "listing", listing: { artifacts: [], series: [] }, findings: { signatures: [], malformed } };
    }
    heads.push({ database, version: head.header.version });
  }
  const listing = listDatabases(heads, feed.cdiffs, rootsOf(trust).length > 0);
  return { kind: "listing", listing, findings: { signatures: [], malformed: null } };
}

async function readHead(
  file: QuarantinedFile,
  quarantine: QuarantineReader,
): Promise<ReturnType<typeof parseCvdHeader>> {
  const handle = await quarantine.open(file);
  try {
    return parseCvdHeader(await readShort({ handle, start: 0, end: Math.min(file.size, CVD_HEADER_BYTES) }));
  } finally {
    await handle.close();
  }
}

async function inspectArtifact(
  input: Parameters<Format["inspectArtifact"]>[0],
  keys: ClamavKeys,
): Promise<ContentFindings> {
  const { artifact, file, companion, caps, quarantine, trust, now } = input;
  const inspect = artifact.path.endsWith(".cvd") ? inspectCvd : artifact.path.endsWith(".cdiff") ? inspectCdiff : null;
  if (inspect === null) return findings({ malformed: "neither a .cvd nor a .cdiff" });
  const expandedBytes = Math.min(caps.expandedBytes, LIMITS.archiveExpandedBytes);
  const handle = await quarantine.open(file);
  try {
    const whole = { handle, start: 0, end: file.size };
    const inside = await inspect(whole, artifact.path, keys, expandedBytes);
    if (companion === null || companion.absent) return inside;
    const sign = await readCompanion(companion, quarantine);
    const content = (): AsyncIterable<Uint8Array> => readRange(whole);
    const beside = await verifySignFile({ sign, content, over: artifact.path, anchors: rootsOf(trust), now });
    return { ...inside, signatures: [...inside.signatures, ...beside] };
  } finally {
    await handle.close();
  }
}

async function readCompanion(companion: QuarantinedFile, quarantine: QuarantineReader): Promise<Uint8Array> {
  // One that is too large is no signature file; its first bytes say so as well as all of them.
  if (companion.size > LIMITS.signatureBytes) return new Uint8Array(0);
  return quarantine.read(companion, LIMITS.signatureBytes);
}

function rootsOf(trust: Trust): readonly string[] {
  return trust.kind === "clamav" ? trust.roots : [];
}
