import { Failure, quoteUrl } from "../../core/kernel/errors.ts";
import { LIMITS } from "../../core/kernel/limits.ts";
import type { FetchJob } from "../../wire/jobs.ts";
import type { CappedStream } from "../capped-stream.ts";
import type { Transport } from "../transport.ts";
import { within } from "../within.ts";
import { type Answer, type Asked, judgeAnswer } from "./http/answer.ts";
import { Connections, type Taken } from "./http/connections.ts";
import { exchange } from "./http/exchange.ts";
import { firstHop, type Hop, redirectHop, redirectUrl, sameOrigin } from "./http/redirect.ts";
import { type RangeAsked, rangeOf, requestHead } from "./http/request.ts";
import type { ResponseHead } from "./http/response-head.ts";

/**
 * HTTP/1.1 and HTTPS, GET only, on sockets of our own. Every general client that was measured costs 1.4 to 1.6 times
 * as much for this one job, and none hands over body bytes without a copy (docs/adr/0003). What it need not know
 * (other methods, uploads, cookies, codings, caches) is not here to be attacked either.
 */
export function httpTransport(userAgent: string): Transport {
  return new HttpTransport(userAgent);
}

class HttpTransport implements Transport {
  readonly #userAgent: string;
  readonly #connections: Connections;

  constructor(userAgent: string) {
    this.#userAgent = userAgent;
    this.#connections = new Connections(userAgent);
  }

  close(): void {
    this.#connections.close();
  }

  async fetch(job: FetchJob, stream: CappedStream, signal: AbortSignal): Promise<"done" | "not-modified"> {
    const configured = configuredUrl(job);
    const mostRedirects = Math.min(job.caps.redirects, LIMITS.redirects);
    let hop = firstHop(configured);
    let range = rangeOf(job);
    for (let redirects = 0; ; ) {
      const answer = await this.#ask(job, hop, range, sameOrigin(configured, hop.url), stream, signal);
      switch (answer.kind) {
        case "body":
          return "done";
        case "not-modified":
          return "not-modified";
        case "failed":
          throw answer.failure;
        case "ask-whole":
          range = null;
          break;
        case "redirect": {
          if (++redirects > mostRedirects) throw new Failure("upstream.redirect-loop", `more than ${mostRedirects}`);
          const url = redirectUrl(hop.url, answer.location, job.network);
          hop = await this.#judged(configured, url, job, signal);
          break;
        }
      }
    }
  }

  async #judged(configured: URL, url: URL, job: FetchJob, signal: AbortSignal): Promise<Hop> {
    const late = (): Failure =>
      new Failure("upstream.unreachable", `${url.hostname}: looking it up took too long`, { retry: "later" });
    return await within(redirectHop(configured, url, job.network), job.caps.connectTimeout, late, signal);
  }

  /** One request and its response; the body, where it is wanted, has gone into the stream. */
  async #ask(
    job: FetchJob,
    hop: Hop,
    range: RangeAsked | null,
    ownOrigin: boolean,
    stream: CappedStream,
    signal: AbortSignal,
    fresh = false,
  ): Promise<Answer> {
    const { network, caps } = job;
    const taken = await this.#connections.take(hop, network, caps.connectTimeout, fresh, signal);
    const proxied = network.proxy !== null && hop.url.protocol === "http:";
    const request = requestHead({
      url: hop.url,
      userAgent: this.#userAgent,
      login: ownOrigin ? network.login : null,
      proxy: proxied ? network.proxy : null,
      range,
      unless: job.unless,
    });
    const asked = { url: hop.url, range, conditional: job.unless !== null, throughProxy: proxied };
    try {
      return await this.#exchange(taken, request, asked, job, stream, signal);
    } catch (cause) {
      // A kept connection that the server had given up says nothing about the file; GET may be asked again
      // (RFC 9112 section 9.3.1). Once: a fresh one that dies is a fault.
      const gaveUp = cause instanceof Failure && cause.code === "upstream.cut-off" && taken.socket.heard === 0;
      taken.socket.destroy();
      if (!taken.reused || !gaveUp || signal.aborted) throw cause;
      return await this.#ask(job, hop, range, ownOrigin, stream, signal, true);
    }
  }

  async #exchange(
    taken: Taken,
    request: string,
    asked: Asked,
    job: FetchJob,
    stream: CappedStream,
    signal: AbortSignal,
  ): Promise<Answer> {
    const judge = (head: ResponseHead): Answer => {
      const answer = judgeAnswer(head, asked);
      if (answer.kind === "body") {
        const { offset, size, validators } = answer;
        stream.begin({ offset, size, validators, finalUrl: asked.url.href, dialect: job.list ? "html" : null });
      }
      return answer;
    };
    const done = await exchange(taken.socket, request, judge, stream, job.caps.leastRateWindow, signal);
    if (done.reusable) this.#connections.keep(taken);
    else taken.socket.destroy();
    return done.answer;
  }
}

function configuredUrl(job: FetchJob): URL {
  if (!URL.canParse(job.url)) throw new Failure("address.unsupported", `${quoteUrl(job.url)} is no address`);
  const url = new URL(job.url);
  url.username = "";
  url.password = "";
  url.hash = "";
  if (job.list && !url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}
