import { Failure } from "../../../core/kernel/errors.ts";
import type { FoundDirectory, FoundFile } from "../../../core/publish/channel-view.ts";
import type { ChannelView } from "../../open-view.ts";
import type { Serving } from "../../protocol.ts";
import { AnswerHead } from "./answer-head.ts";
import type { Exchange } from "./exchange.ts";
import { LISTING_HEADERS, listingPage } from "./listing-page.ts";
import { type FilePlan, planFile } from "./plan-file.ts";
import { encodePath, type RequestTarget } from "./request-path.ts";
import { sendPieces } from "./send-body.ts";
import { type WellKnown, wellKnown } from "./well-known.ts";

/** Whose content was asked for, for the log. */
export type Owner = FoundFile | { readonly kind?: never; readonly source: string; readonly revision: number } | null;

/**
 * Answers one request from a view; at once where what is asked for is at hand, and else in its time. What a client may
 * not have and what does not exist are the same 404: real clients take a 403 or a 429 for a reason to stay away for a day.
 */
export function answer(
  exchange: Exchange,
  { path, query }: RequestTarget,
  serving: Serving,
  view: () => ChannelView,
): Owner | Promise<Owner> {
  const { method, fields, hasBody } = exchange.request;
  if (method !== "GET" && method !== "HEAD") return say(exchange, 405, ["Allow", "GET, HEAD"]);
  // A body would have to be read to find the next request behind it; nothing that we answer has one.
  if (hasBody) return say(exchange, 413);
  if (fields.expect !== undefined && fields.expect.toLowerCase() !== "100-continue") return say(exchange, 417);
  if (serving.shutOff()) return unable(exchange, null);
  if (path === null) return say(exchange, 404);
  const known = wellKnown(path, query, serving.channel);
  if (known !== null) return sendKnown(exchange, known);
  try {
    const channel = view();
    const found = channel.find(path);
    if (found === null) return say(exchange, 404, [], channel.ownerOf(path));
    if (found.kind === "file") return sendFile(exchange, serving, found, method);
    if (!path.endsWith("/")) return say(exchange, 301, ["Location", encodePath(found.path)], found.owner);
    return sendListing(exchange, serving, found);
  } catch (cause) {
    return damaged(exchange, serving, cause);
  }
}

const REASONS: Readonly<Record<number, string>> = {
  301: "Moved",
  404: "Not found",
  405: "Only GET and HEAD",
  413: "A request for a file has no body",
  414: "Too much behind the question mark",
  417: "Nothing is expected of a server of files",
  503: "Not available at the moment",
};

const PLAIN: readonly string[] = [
  "Content-Type",
  "text/plain; charset=utf-8",
  "X-Content-Type-Options",
  "nosniff",
  "Cache-Control",
  "no-cache",
];

function say(exchange: Exchange, status: number, headers: readonly string[] = [], owner: Owner = null): Owner {
  const text = `${REASONS[status] ?? status}\n`;
  const head = new AnswerHead(status, [...headers, ...PLAIN, "Content-Length", String(text.length)]);
  exchange.respond(head, bodyFor(exchange, text));
  return owner;
}

function bodyFor({ request }: Exchange, text: string): Uint8Array | null {
  return request.method === "HEAD" ? null : Buffer.from(text);
}

/** Of no source and no revision, and it begins no session: a channel without content has a name too. */
function sendKnown(exchange: Exchange, { status, headers, body }: WellKnown): Owner {
  if (status !== 200 && status !== 204) return say(exchange, status);
  const length = status === 204 ? [] : ["Content-Length", String(Buffer.byteLength(body))];
  exchange.respond(new AnswerHead(status, [...headers, ...length]), status === 204 ? null : bodyFor(exchange, body));
  return null;
}

/** Something is broken on our side: before the head is out a 503, after it the answer is cut off, which clients retry. */
function unable(exchange: Exchange, owner: Owner): Owner {
  if (exchange.status === 0) return say(exchange, 503, ["Retry-After", "60"], owner);
  exchange.cut();
  return owner;
}

function damaged(exchange: Exchange, serving: Serving, cause: unknown): Owner {
  if (!(cause instanceof Failure)) throw cause;
  serving.viewDamaged(cause.message);
  return unable(exchange, null);
}

function sendFile(
  exchange: Exchange,
  serving: Serving,
  file: FoundFile,
  method: "GET" | "HEAD",
): Owner | Promise<Owner> {
  const plan = planFile(file, method, exchange.request.fields, serving.now(), serving.boundary);
  if (plan.body.length === 0) {
    exchange.respond(plan, null);
    return file;
  }
  const held = serving.blobs.held(file.sha256, file.size);
  const whole = held === null ? null : wholeOf(plan, held);
  if (whole === null) return sendStored(exchange, serving, file, plan);
  exchange.respond(plan, method === "HEAD" ? null : whole);
  return file;
}

/** The body, where it is one piece of bytes in memory: it then leaves together with the head. */
function wholeOf({ body }: FilePlan, held: Uint8Array): Uint8Array | null {
  const [piece] = body;
  if (body.length !== 1 || piece === undefined || piece instanceof Uint8Array) return null;
  return held.subarray(piece.first, piece.last + 1);
}

async function sendStored(exchange: Exchange, serving: Serving, file: FoundFile, plan: FilePlan): Promise<Owner> {
  // Opened for a HEAD too: it must not promise what a GET cannot keep.
  const blob = await serving.blobs.open(file.sha256, file.size);
  if (typeof blob === "string") {
    serving.blobMissing(file, blob);
    return unable(exchange, file);
  }
  try {
    if (exchange.request.method === "HEAD") {
      exchange.respond(plan, null);
      return file;
    }
    exchange.begin(plan);
    const sent = await sendPieces(exchange, plan.body, blob, serving);
    if (sent === "sent") exchange.end();
    if (sent === "short") {
      serving.blobMissing(file, "size-differs");
      unable(exchange, file);
    }
    return file;
  } finally {
    blob.close();
  }
}

const LISTING = new AnswerHead(200, LISTING_HEADERS);

async function sendListing(exchange: Exchange, serving: Serving, directory: FoundDirectory): Promise<Owner> {
  try {
    const pieces = listingPage(directory);
    // The first piece before the head: a view that turns out damaged is then a 503.
    const first = pieces.next();
    if (exchange.request.method === "HEAD") {
      exchange.respond(LISTING, null);
      return directory.owner;
    }
    exchange.begin(LISTING);
    for (let piece = first; piece.done !== true; piece = pieces.next()) {
      if (!(await exchange.write(Buffer.from(piece.value)))) return directory.owner;
    }
    exchange.end();
    return directory.owner;
  } catch (cause) {
    return damaged(exchange, serving, cause);
  }
}
