import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import { drained } from "./drained.ts";
import { indexPage } from "./index-page.ts";
import { listenOnLoopback } from "./listen.ts";

/** One file of the scripted vendor. */
export interface VendorFile {
  /** Its bytes, or what makes them for each request. */
  readonly body: Uint8Array | (() => AsyncIterable<Uint8Array>);
  /** An HTTP date. */
  readonly lastModified?: string;
  readonly etag?: string;
}

/** What the vendor does wrong. A fault stands for one path, or for "*": all of them. */
export type HttpFault =
  /** A body without end; announced with a Content-Length of a petabyte, or chunked. */
  | { readonly kind: "endless"; readonly announced: boolean }
  /** A Content-Length that is not the body's. */
  | { readonly kind: "lying-length"; readonly says: number }
  /** `bytes` of the body every `every` milliseconds. */
  | { readonly kind: "drip"; readonly bytes: number; readonly every: number }
  /** The connection ends after so many bytes of the body; `times`: only so often. */
  | { readonly kind: "cut"; readonly after: number; readonly times?: number }
  /** The connection stays open and silent after so many bytes of the body; -1: before the head. */
  | { readonly kind: "stall"; readonly after: number }
  | { readonly kind: "redirect"; readonly to: string; readonly status?: number }
  /** The connection ends without a byte; `times`: only so often. */
  | { readonly kind: "drop"; readonly times?: number }
  | { readonly kind: "status"; readonly status: number; readonly times?: number }
  /** Other content, with another tag, at every request. */
  | { readonly kind: "changing" }
  /** These bytes and nothing else; then the connection ends unless `open`. */
  | { readonly kind: "raw"; readonly bytes: string; readonly open?: boolean };

export interface LoggedRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Which connection it came on, numbered from 1. */
  readonly connection: number;
}

export interface HttpVendor {
  /** "http://127.0.0.1:12345" */
  readonly url: string;
  readonly port: number;
  readonly files: Map<string, VendorFile>;
  readonly faults: Map<string, HttpFault>;
  readonly requests: LoggedRequest[];
  /** Bytes of bodies that were handed to the network, to see that a client stops listening. */
  sent(): number;
  readonly close: () => Promise<void>;
}

export interface HttpVendorOptions {
  /** By path, "/a/b.bin". */
  readonly files?: Map<string, VendorFile>;
  readonly faults?: Map<string, HttpFault>;
  /** PEM; makes it an https vendor. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Demands this login. */
  readonly login?: { readonly user: string; readonly password: string };
}

/** A vendor on 127.0.0.1 that keeps to HTTP, but for its faults, which may be switched while it runs. */
export async function startHttpVendor(options: HttpVendorOptions = {}): Promise<HttpVendor> {
  const vendor = new Vendor(options);
  const server = options.tls === undefined ? createServer() : createSecureServer(options.tls);
  const numbers = new WeakMap<object, number>();
  let connections = 0;
  server.on(options.tls === undefined ? "connection" : "secureConnection", (socket: object) => {
    numbers.set(socket, ++connections);
  });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    vendor.requests.push({
      path: request.url ?? "",
      headers: request.headers,
      connection: numbers.get(request.socket) ?? 0,
    });
    vendor.answer(request, response).catch(() => response.destroy());
  });
  const port = await listenOnLoopback(server);
  return {
    url: `${options.tls === undefined ? "http" : "https"}://${options.tls === undefined ? "127.0.0.1" : "localhost"}:${port}`,
    port,
    files: vendor.files,
    faults: vendor.faults,
    requests: vendor.requests,
    sent: () => vendor.sentBytes,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

class Vendor {
  readonly files: Map<string, VendorFile>;
  readonly faults: Map<string, HttpFault>;
  readonly requests: LoggedRequest[] = [];
  readonly #login: string | null;
  sentBytes = 0;
  #generation = 0;
  readonly #done = new Map<HttpFault, number>();

  constructor({ files, faults, login }: HttpVendorOptions) {
    this.files = files ?? new Map();
    this.faults = faults ?? new Map();
    this.#login =
      login === undefined ? null : `Basic ${Buffer.from(`${login.user}:${login.password}`).toString("base64")}`;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://vendor").pathname);
    const fault = this.#fault(path);
    if (this.#login !== null && request.headers.authorization !== this.#login) {
      end(response, 401, { "www-authenticate": "Basic" });
    } else if (fault === null || !this.#insteadOfFile(fault, response)) {
      await this.#file(path, fault, request, response);
    }
  }

  #fault(path: string): HttpFault | null {
    const fault = this.faults.get(path) ?? this.faults.get("*") ?? null;
    if (fault === null || !("times" in fault) || fault.times === undefined) return fault;
    const done = this.#done.get(fault) ?? 0;
    this.#done.set(fault, done + 1);
    return done < fault.times ? fault : null;
  }

  /** Does the faults that answer without any file; `false` for the others. */
  #insteadOfFile(fault: HttpFault, response: ServerResponse): boolean {
    if (fault.kind === "redirect") end(response, fault.status ?? 302, { location: fault.to });
    else if (fault.kind === "status") end(response, fault.status, {});
    else if (fault.kind === "drop") response.destroy();
    else if (fault.kind === "raw") {
      response.socket?.write(fault.bytes, "latin1");
      if (fault.open !== true) response.socket?.end();
    } else return fault.kind === "stall" && fault.after < 0;
    return true;
  }

  async #file(
    path: string,
    fault: HttpFault | null,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const found = this.files.get(path);
    if (fault?.kind === "endless") return await this.#endless(fault.announced, response);
    if (found === undefined) {
      const page = path.endsWith("/") ? indexPage(path, this.files) : null;
      if (page === null) end(response, 404, {});
      else end(response, 200, { "content-type": "text/html" }, page);
      return;
    }
    if (!(found.body instanceof Uint8Array)) {
      response.writeHead(200, headersOf(found));
      for await (const piece of found.body()) await this.#write(response, piece);
      response.end();
      return;
    }
    const file =
      fault?.kind === "changing" ? changed(found, found.body, ++this.#generation) : { ...found, body: found.body };
    const { status, body, headers } = conditional(file, request.headers);
    const length = fault?.kind === "lying-length" ? fault.says : body.length;
    response.writeHead(status, status === 304 ? headers : { ...headers, "content-length": length });
    // The runtime's own check would end a lie early.
    response.strictContentLength = false;
    await this.#body(status === 304 ? new Uint8Array(0) : body, fault, response);
  }

  async #body(body: Uint8Array, fault: HttpFault | null, response: ServerResponse): Promise<void> {
    if (fault?.kind === "stall" || fault?.kind === "cut") {
      await this.#write(response, body.subarray(0, fault.after));
      if (fault.kind === "cut") response.destroy();
      return;
    }
    const step = fault?.kind === "drip" ? fault.bytes : Math.max(1, body.length);
    for (let at = 0; at === 0 || (at < body.length && !response.destroyed); at += step) {
      await this.#write(response, body.subarray(at, at + step));
      if (fault?.kind === "drip") await delay(fault.every);
    }
    if (fault?.kind === "lying-length" && fault.says > body.length) response.destroy();
    else response.end();
  }

  async #endless(announced: boolean, response: ServerResponse): Promise<void> {
    response.writeHead(200, announced ? { "content-length": 1e15 } : {});
    const piece = new Uint8Array(64 * 1024).fill(0x41);
    while (!response.destroyed) await this.#write(response, piece);
  }

  async #write(response: ServerResponse, piece: Uint8Array): Promise<void> {
    if (response.destroyed) return;
    if (piece.length === 0) {
      response.flushHeaders();
      return;
    }
    this.sentBytes += piece.length;
    if (response.write(piece)) return;
    await drained(response);
  }
}

function end(response: ServerResponse, status: number, headers: Record<string, string>, body = `${status}\n`): void {
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

type Held = VendorFile & { readonly body: Uint8Array };

function changed(file: VendorFile, body: Uint8Array, generation: number): Held {
  const other = Uint8Array.from(body);
  if (other.length > 0) other[0] = generation & 255;
  return { ...file, etag: `"generation-${generation}"`, body: other };
}

function headersOf(file: VendorFile): Record<string, string> {
  return {
    "accept-ranges": "bytes",
    ...(file.etag === undefined ? {} : { etag: file.etag }),
    ...(file.lastModified === undefined ? {} : { "last-modified": file.lastModified }),
  };
}

/** Range and conditions as RFC 9110 sections 13 and 14 want them. */
function conditional(
  file: Held,
  asked: IncomingMessage["headers"],
): { readonly status: number; readonly body: Uint8Array; readonly headers: Record<string, string> } {
  const headers = headersOf(file);
  const none = asked["if-none-match"];
  const same = none === undefined ? isSince(file, asked["if-modified-since"]) : none === file.etag;
  if (same) return { status: 304, body: file.body, headers };
  const range = /^bytes=(\d+)-(\d*)$/.exec(asked.range ?? "");
  const ifRange = asked["if-range"];
  const holds = ifRange === undefined || ifRange === file.etag || ifRange === file.lastModified;
  if (range === null || !holds) return { status: 200, body: file.body, headers };
  const start = Number(range[1]);
  const size = file.body.length;
  const last = Math.min(range[2] === "" ? size - 1 : Number(range[2]), size - 1);
  if (start > last) {
    return { status: 416, body: new Uint8Array(0), headers: { ...headers, "content-range": `bytes */${size}` } };
  }
  const part = { ...headers, "content-range": `bytes ${start}-${last}/${size}` };
  return { status: 206, body: file.body.subarray(start, last + 1), headers: part };
}

function isSince(file: VendorFile, since: string | undefined): boolean {
  if (since === undefined || file.lastModified === undefined) return false;
  return Date.parse(file.lastModified) <= Date.parse(since);
}
