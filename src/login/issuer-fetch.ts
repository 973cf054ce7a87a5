import http from "node:http";
import https from "node:https";
import { rootCertificates } from "node:tls";
import { Failure } from "../core/kernel/errors.ts";
import type { IssuerTerms } from "../wire/login-jobs.ts";

/** Milliseconds for one whole request, and bytes of one answer: a discovery document has some 5 KB, keys some 10. */
const TIMEOUT = 10_000;
const MOST_ANSWER = 512 * 1_024;

interface Asked {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string | URLSearchParams | Uint8Array | null | undefined;
}

/**
 * A `fetch` for what the OpenID library asks, of the issuer's host and of those that the configuration names: a document of the issuer's
 * cannot send us elsewhere. Redirects are not followed, and are answers like any other. Throws `Failure` `issuer.unreachable`,
 * later, and `issuer.unfit`.
 */
export function issuerFetch({
  issuer,
  hosts,
  authorities,
}: Pick<IssuerTerms, "issuer" | "hosts" | "authorities">): (url: string, asked: Asked) => Promise<Response> {
  const own = new URL(issuer);
  const allowed = new Set([own.host, ...hosts.map((host) => new URL(`${own.protocol}//${host}`).host)]);
  return async (url, asked) => {
    const at = new URL(url);
    if (at.protocol !== own.protocol || !allowed.has(at.host))
      throw new Failure("issuer.unfit", `the issuer names an address on ${at.host}, which is not among its hosts`);
    return ask(at, asked, authorities);
  };
}

async function ask(at: URL, { method, headers, body }: Asked, authorities: readonly string[]): Promise<Response> {
  const sent = body instanceof Uint8Array ? body : (body ?? "").toString();
  const { request } = at.protocol === "https:" ? https : http;
  const ca = authorities.length === 0 ? {} : { ca: [...rootCertificates, ...authorities] };
  return new Promise((resolve, reject) => {
    const lost = (cause: Error): void =>
      reject(new Failure("issuer.unreachable", `${at.host}: ${cause.message}`, { cause, retry: "later" }));
    const options = {
      method,
      agent: false,
      signal: AbortSignal.timeout(TIMEOUT),
      maxHeaderSize: 16_384,
      headers: { ...headers, "Content-Length": Buffer.byteLength(sent), "Accept-Encoding": "identity" },
      minVersion: "TLSv1.2",
      ...ca,
    } as const;
    const asking = request(at, options, (answer) => {
      const pieces: Buffer[] = [];
      let size = 0;
      answer.on("data", (piece: Buffer) => {
        size += piece.length;
        if (size > MOST_ANSWER) {
          reject(new Failure("issuer.unfit", `${at.host} answered with more than ${MOST_ANSWER} bytes`));
          answer.destroy();
        } else pieces.push(piece);
      });
      answer.on("error", lost);
      answer.on("end", () => {
        const status = answer.statusCode ?? 500;
        const type = answer.headers["content-type"] ?? "";
        // A `Response` of these may have no body.
        const content = [204, 205, 304].includes(status) ? null : Buffer.concat(pieces);
        if (status < 200 || status > 599) lost(new Error(`status ${status}`));
        else resolve(new Response(content, { status, headers: { "content-type": type } }));
      });
    });
    asking.on("error", lost);
    asking.end(sent);
  });
}
