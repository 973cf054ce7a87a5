import type { Transport } from "./transport.ts";
import { fileTransport } from "./transports/file.ts";
import { ftpTransport } from "./transports/ftp.ts";
import { httpTransport } from "./transports/http.ts";

/** How each kind of address is fetched. Each makes the transport of one lane. */
export const TRANSPORTS: Readonly<Record<string, (userAgent: string) => Transport>> = {
  "http:": httpTransport,
  "https:": httpTransport,
  "ftp:": ftpTransport,
  "file:": fileTransport,
};
