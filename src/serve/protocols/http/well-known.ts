import { CHANNEL_FILE, channelDocument, REPORT_FILE } from "../../../core/publish/channel-document.ts";

/** Below it every channel answers for itself, whatever is mounted; `core/model/source.ts` lets no source stand there. */
const OWN = "/.ringfort";

/**
 * Characters of a report's query. The access log keeps 2,048 of one field, so that what is taken is kept whole; past it
 * the client learns that it says too much.
 */
const MOST_REPORT = 1_024;

/** An answer that comes from no view. */
export interface WellKnown {
  readonly status: 200 | 204 | 404 | 414;
  /** Name and value in turn, as they are sent. */
  readonly headers: readonly string[];
  readonly body: string;
}

/**
 * Answers what is asked of the channel itself; `null` for every other path. Its own name, so that a client or
 * `ringfort hostfile check` learns whether it talks to staging or to production; and a place for a client's report,
 * which is read by nobody here: the query stands in the access log, escaped and cut, and that is all.
 */
export function wellKnown(path: string, query: string | null, channel: string): WellKnown | null {
  if (path !== OWN && !path.startsWith(`${OWN}/`)) return null;
  if (path === `/${CHANNEL_FILE}`) return { status: 200, headers: JSON_HEADERS, body: channelDocument(channel) };
  if (path !== `/${REPORT_FILE}`) return { status: 404, headers: [], body: "" };
  if ((query?.length ?? 0) > MOST_REPORT) return { status: 414, headers: [], body: "" };
  return { status: 204, headers: ["Cache-Control", "no-store"], body: "" };
}

// A cache between would go on naming the channel that stood at this address before.
const JSON_HEADERS: readonly string[] = [
  "Content-Type",
  "application/json",
  "X-Content-Type-Options",
  "nosniff",
  "Cache-Control",
  "no-store",
];
