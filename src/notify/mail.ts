import { createTransport } from "nodemailer";
import { Failure } from "../core/kernel/errors.ts";
import type { NotifyRequest } from "../wire/jobs.ts";

/** Milliseconds for a connection, for a greeting, and of silence. */
const TIMEOUT = 15_000;

/**
 * Sends one mail over SMTP (RFC 5321). Throws `Failure` `notice.refused` when the server says a lasting no, and
 * `notice.undelivered`, later, for all that may pass.
 */
export async function sendMail(mail: Extract<NotifyRequest, { kind: "mail" }>): Promise<void> {
  const { server, startTls, login, from, to, subject, text, messageId } = mail;
  const transport = createTransport({
    host: server.host,
    port: server.port,
    secure: server.tls,
    requireTLS: startTls,
    ...(login === null ? {} : { auth: { user: login.user, pass: login.password } }),
    connectionTimeout: TIMEOUT,
    greetingTimeout: TIMEOUT,
    socketTimeout: TIMEOUT,
    // Nothing of a notice may name a file or an address to be read.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    await transport.sendMail({
      from,
      to: [...to],
      subject,
      text,
      messageId,
      // RFC 3834 section 5: no out-of-office answers to a machine.
      headers: { "Auto-Submitted": "auto-generated" },
    });
  } catch (cause) {
    throw failureOf(cause);
  } finally {
    transport.close();
  }
}

function failureOf(cause: unknown): Failure {
  if (!(cause instanceof Error)) throw cause;
  const status = "responseCode" in cause && typeof cause.responseCode === "number" ? cause.responseCode : 0;
  // RFC 5321 section 4.2.1: 5yz is a lasting no. What the server said may hold anything, and is cut by the keeper.
  if (status >= 500)
    return new Failure("notice.refused", `the mail server said ${status}: ${cause.message}`, { cause });
  return new Failure("notice.undelivered", cause.message, { cause, retry: "later" });
}
