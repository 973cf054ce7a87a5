import http from "node:http";
import https from "node:https";
import { Failure } from "../core/kernel/errors.ts";
import type { NotifyRequest } from "../wire/jobs.ts";

/** Milliseconds for the whole request. */
const TIMEOUT = 15_000;

/**
 * Sends one webhook request. Its answer's body is never read. Redirects are not followed: the address is the
 * configuration's. Throws `Failure` `notice.refused` for a lasting no (4xx but 408, 425 and 429), else
 * `notice.undelivered`, later.
 */
export async function sendWebhook({ url, headers, body }: Extract<NotifyRequest, { kind: "webhook" }>): Promise<void> {
  const status = await post(url, headers, body);
  if (status >= 200 && status < 300) return;
  const passing = status < 400 || status >= 500 || [408, 425, 429].includes(status);
  const detail = `the receiver answered ${status}`;
  if (passing) throw new Failure("notice.undelivered", detail, { retry: "later" });
  throw new Failure("notice.refused", detail);
}

async function post(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<number> {
  const { request } = url.startsWith("https:") ? https : http;
  const signal = AbortSignal.timeout(TIMEOUT);
  return new Promise((resolve, reject) => {
    const undelivered = (cause: Error): void =>
      reject(new Failure("notice.undelivered", cause.message, { cause, retry: "later" }));
    const length = Buffer.byteLength(body);
    const sent = request(
      url,
      {
        method: "POST",
        agent: false,
        signal,
        maxHeaderSize: 16_384,
        headers: { ...headers, "Content-Length": length },
      },
      (answer) => {
        resolve(answer.statusCode ?? 0);
        answer.destroy();
      },
    );
    // Behind the answer the connection is ended by us, and may say so: by then nobody listens.
    sent.on("error", undelivered);
    sent.end(body);
  });
}
