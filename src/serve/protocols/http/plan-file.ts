import type { Instant } from "../../../core/kernel/instant.ts";
import type { FoundFile } from "../../../core/publish/channel-view.ts";
import { AnswerHead } from "./answer-head.ts";
import { contentType } from "./content-type.ts";
import { formatHttpDate } from "./http-date.ts";
import { judgePreconditions, rangeStillApplies } from "./preconditions.ts";
import { type ByteRange, readRange } from "./ranges.ts";
import type { RequestFields } from "./request-fields.ts";

/** A piece of a body: bytes of our own, or of the file. */
export type Piece = Uint8Array | ByteRange;

/** An answer about a file, before any of its bytes is read. */
export class FilePlan extends AnswerHead {
  readonly body: readonly Piece[];

  constructor(status: 200 | 206 | 304 | 412 | 416, headers: readonly string[], body: readonly Piece[] = []) {
    super(status, headers);
    this.body = body;
  }
}

/** RFC 9111 section 5.2.2 and RFC 8246: a year, in which nobody need ask again. */
const FOR_EVER = "public, max-age=31536000, immutable";

/** What is the same for every answer about a file. A view does not change, and keeps the files that are asked for. */
interface FileHeads {
  readonly etag: string;
  readonly validators: readonly string[];
  readonly described: readonly string[];
  readonly type: string;
  readonly whole: FilePlan;
  readonly notModified: FilePlan;
}

const HEADS = new WeakMap<FoundFile, FileHeads>();

function headsOf(file: FoundFile): FileHeads {
  const known = HEADS.get(file);
  if (known !== undefined) return known;
  const made = makeHeads(file);
  HEADS.set(file, made);
  return made;
}

/** Decides how a GET or HEAD of a file is answered. `boundary` parts a multipart answer; nobody may guess it. */
export function planFile(
  file: FoundFile,
  method: "GET" | "HEAD",
  headers: RequestFields,
  now: Instant,
  boundary: () => string,
): FilePlan {
  const { etag, validators, described, type, whole, notModified } = headsOf(file);
  const current = { etag, lastModified: file.lastModified };
  const verdict = judgePreconditions(headers, current, now);
  if (verdict === "not-modified") return notModified;
  if (verdict === "failed") return new FilePlan(412, [...validators, "Content-Length", "0"]);
  // Range is defined for GET alone: a HEAD says what the whole is (RFC 9110 section 14.2).
  const asked = method === "GET" && rangeStillApplies(headers["if-range"], current, now) ? headers.range : undefined;
  const range = readRange(asked, file.size);
  if (range.kind === "unsatisfiable") {
    return new FilePlan(416, [...described, "Content-Range", `bytes */${file.size}`, "Content-Length", "0"]);
  }
  if (range.kind === "whole") return whole;
  const [only] = range.parts;
  if (range.parts.length === 1 && only !== undefined) {
    const length = ["Content-Length", String(only.last - only.first + 1)];
    return new FilePlan(
      206,
      [...described, "Content-Type", type, "Content-Range", contentRange(only, file.size), ...length],
      [only],
    );
  }
  return multipart(range.parts, file.size, type, described, boundary());
}

function makeHeads(file: FoundFile): FileHeads {
  const etag = `"${file.sha256}"`;
  const digest = Buffer.from(file.sha256, "hex").toString("base64");
  // No Vary: of two clients that see two revisions at once each asks anew, by the ETag, before it believes a cache.
  const validators = [
    "ETag",
    etag,
    "Last-Modified",
    formatHttpDate(file.lastModified),
    "Cache-Control",
    file.immutable === true ? FOR_EVER : "no-cache",
    "Accept-Ranges",
    "bytes",
    // Both are of the whole file, in a 206 too (RFC 9530 section 3.1, RFC 3230 section 4.3.2).
    "Repr-Digest",
    `sha-256=:${digest}:`,
    "Digest",
    `sha-256=${digest}`,
  ];
  // Of one content under two names nobody can say which type it has, and an answer for a year must not change.
  const type = file.immutable === true ? "application/octet-stream" : contentType(file.path);
  const described = [...validators, "X-Content-Type-Options", "nosniff"];
  const body = file.size === 0 ? [] : [{ first: 0, last: file.size - 1 }];
  const headers = [...described, "Content-Type", type, "Content-Length", String(file.size)];
  const notModified = new FilePlan(304, validators);
  return { etag, validators, described, type, whole: new FilePlan(200, headers, body), notModified };
}

/** RFC 9110 section 14.6, "multipart/byteranges". */
function multipart(
  parts: readonly ByteRange[],
  size: number,
  type: string,
  described: readonly string[],
  boundary: string,
): FilePlan {
  const body: Piece[] = [];
  for (const part of parts) {
    body.push(
      Buffer.from(`\r\n--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(part, size)}\r\n\r\n`),
      part,
    );
  }
  body.push(Buffer.from(`\r\n--${boundary}--\r\n`));
  const length = body.reduce(
    (sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : piece.last - piece.first + 1),
    0,
  );
  const headers = [
    ...described,
    "Content-Type",
    `multipart/byteranges; boundary=${boundary}`,
    "Content-Length",
    String(length),
  ];
  return new FilePlan(206, headers, body);
}

function contentRange({ first, last }: ByteRange, size: number): string {
  return `bytes ${first}-${last}/${size}`;
}
