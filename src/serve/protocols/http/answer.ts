import type { IncomingMessage, ServerResponse } from "node:http";
import { Failure } from "../../../core/kernel/errors.ts";
import type { FoundDirectory, FoundFile } from "../../../core/publish/channel-view.ts";
import type { ChannelView } from "../../open-view.ts";
import type { Serving } from "../../protocol.ts";
import { LISTING_HEADERS, listingPage } from "./listing-page.ts";
import { type FilePlan, planFile } from "./plan-file.ts";
import { encodePath } from "./request-path.ts";
import { BodyWriter } from "./send-body.ts";
import { type WellKnown, wellKnown } from "./well-known.ts";

/** One request and the answer being written to it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Decoded; `null` when it can name nothing. */
  readonly path: string | null;
  /** As it was sent. */
  readonly query: string | null;
  /** The connection ends with this answer. */
  readonly last: boolean;
}

/** Whose content was asked for, for the log. */
export type Owner = { readonly source: string; readonly revision: number } | null;

/**
 * Answers one request from a view. What a client may not have and what does not exist are the same 404: real clients
 * take a 403 or a 429 for a reason to stay away for a day.
 */
export async function answer(exchange: Exchange, serving: Serving, view: () => ChannelView): Promise<Owner> {
  const { request, path } = exchange;
  const { method } = request;
  // A request line without a version is HTTP/0.9, which has no heads and is older than any client of ours.
  if (request.httpVersionMajor !== 1) return say({ ...exchange, last: true }, 505);
  // A body would have to be read to find the next request behind it; nothing that we answer has one.
  const body =
    request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) !== 0;
  if (method !== "GET" && method !== "HEAD")
    return say({ ...exchange, last: exchange.last || body }, 405, ["Allow", "GET, HEAD"]);
  if (body) return say({ ...exchange, last: true }, 413);
  if (path === null) return say(exchange, 404);
  const known = wellKnown(path, exchange.query, serving.channel);
  if (known !== null) return sendKnown(exchange, known);
  let found: FoundFile | FoundDirectory | null;
  try {
    found = view().find(path);
    if (found === null) return say(exchange, 404);
    if (found.kind === "file") return await sendFile(exchange, serving, found, method);
    if (!path.endsWith("/")) return say(exchange, 301, ["Location", encodePath(found.path)], found.owner);
    return await sendListing(exchange, found, method);
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    serving.viewDamaged(cause.message);
    return unable(exchange, null);
  }
}

const REASONS: Readonly<Record<number, string>> = {
  301: "Moved",
  404: "Not found",
  405: "Only GET and HEAD",
  413: "A request for a file has no body",
  414: "Too much behind the question mark",
  505: "Only HTTP/1.0 and HTTP/1.1",
  503: "Not available at the moment",
};

function say(exchange: Exchange, status: number, headers: readonly string[] = [], owner: Owner = null): Owner {
  const body = `${REASONS[status] ?? status}\n`;
  const plain = [
    "Content-Type",
    "text/plain; charset=utf-8",
    "X-Content-Type-Options",
    "nosniff",
    "Cache-Control",
    "no-cache",
  ];
  head(exchange, status, [...headers, ...plain, "Content-Length", String(body.length)]);
  exchange.response.end(body);
  return owner;
}

/** Of no source and no revision, and it begins no session: a channel without content has a name too. */
function sendKnown(exchange: Exchange, { status, headers, body }: WellKnown): Owner {
  if (status !== 200 && status !== 204) return say(exchange, status);
  head(exchange, status, status === 204 ? headers : [...headers, "Content-Length", String(body.length)]);
  exchange.response.end(body);
  return null;
}

/** Something is broken on our side: before the head is out a 503, after it the connection ends, which clients retry. */
function unable(exchange: Exchange, owner: Owner): Owner {
  if (!exchange.response.headersSent) return say(exchange, 503, ["Retry-After", "60"], owner);
  exchange.request.socket.destroy();
  return owner;
}

function head({ response, last }: Exchange, status: number, headers: readonly string[]): void {
  response.writeHead(status, [...headers, ...(last ? ["Connection", "close"] : [])]);
}

async function sendFile(exchange: Exchange, serving: Serving, file: FoundFile, method: "GET" | "HEAD"): Promise<Owner> {
  const { request, response } = exchange;
  const plan = planFile(file, method, request.headers, serving.now(), serving.boundary);
  if (plan.body.length === 0) {
    head(exchange, plan.status, plan.headers);
    response.end();
    return file;
  }
  // Opened for a HEAD too: it must not promise what a GET cannot keep.
  const blob = await serving.blobs.open(file.sha256, file.size);
  if (typeof blob === "string") {
    serving.blobMissing(file, blob);
    return unable(exchange, file);
  }
  try {
    head(exchange, plan.status, plan.headers);
    const whole = wholeOf(plan, blob.held);
    if (method === "HEAD" || whole !== null) {
      response.end(whole);
      return file;
    }
    const sent = await new BodyWriter(response).pieces(plan.body, blob, serving.buffers, serving.elapsed);
    if (sent === "sent") response.end();
    if (sent === "short") {
      serving.blobMissing(file, "size-differs");
      unable(exchange, file);
    }
    return file;
  } finally {
    blob.close();
  }
}

/** The body, where it is one piece of bytes in memory: it then leaves together with the head. */
function wholeOf({ body }: FilePlan, held: Uint8Array | null): Uint8Array | null {
  const [piece] = body;
  if (held === null || body.length !== 1 || piece === undefined || piece instanceof Uint8Array) return null;
  return held.subarray(piece.first, piece.last + 1);
}

async function sendListing(exchange: Exchange, directory: FoundDirectory, method: "GET" | "HEAD"): Promise<Owner> {
  const pieces = listingPage(directory);
  // The first piece before the head: a view that turns out damaged is then a 503.
  const first = pieces.next();
  head(exchange, 200, LISTING_HEADERS);
  if (method === "GET") {
    const writer = new BodyWriter(exchange.response);
    for (let piece = first; piece.done !== true; piece = pieces.next()) {
      if (!(await writer.write(piece.value))) return directory.owner;
    }
  }
  exchange.response.end();
  return directory.owner;
}
