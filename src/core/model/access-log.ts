import type { Instant } from "../kernel/instant.ts";

/** The fields that an access log may have, in the order that is used unless said otherwise (W3C Extended Log Format). */
export const HTTP_LOG_FIELDS = [
  "date",
  "time",
  "s-sitename",
  "s-ip",
  "cs-method",
  "cs-uri-stem",
  "cs-uri-query",
  "s-port",
  "c-ip",
  "cs-username",
  "cs-version",
  "cs(User-Agent)",
  "cs(Referer)",
  "sc-status",
  "sc-bytes",
  "cs-bytes",
  "time-taken",
  "x-source",
  "x-revision",
] as const;

/** The same for FTP, which has no query, version or header fields, and a user's name. */
export const FTP_LOG_FIELDS = [
  "date",
  "time",
  "s-sitename",
  "s-ip",
  "s-port",
  "c-ip",
  "cs-username",
  "cs-method",
  "cs-uri-stem",
  "sc-status",
  "sc-bytes",
  "cs-bytes",
  "time-taken",
  "x-source",
  "x-revision",
] as const;

/** What programs that read IIS's logs want to find beside these. HTTP does not know IIS's own numbers: `-`. */
export const MORE_HTTP_LOG_FIELDS = ["sc-substatus", "sc-win32-status"] as const;
export const MORE_FTP_LOG_FIELDS = ["sc-win32-status"] as const;

export type AccessLogField =
  | (typeof HTTP_LOG_FIELDS)[number]
  | (typeof FTP_LOG_FIELDS)[number]
  | (typeof MORE_HTTP_LOG_FIELDS)[number];

/** What a file, or a part of it, begins with. */
export function accessLogHeader(fields: readonly AccessLogField[], at: Instant): string {
  const date = new Date(at).toISOString().slice(0, 19).replace("T", " ");
  return `#Version: 1.0\n#Date: ${date}\n#Fields: ${fields.join(" ")}\n`;
}
