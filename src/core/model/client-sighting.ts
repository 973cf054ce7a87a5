import { ipv6Network } from "../kernel/address-network.ts";
import type { Sha256 } from "../kernel/digest.ts";
import { type Duration, type Instant, MINUTE } from "../kernel/instant.ts";
import { sameVisit } from "./hours-seen.ts";

/**
 * What came of one request, as far as it says what the client has. `whole`: all bytes of a file left, in one answer or
 * in parts that together are the file; `partial`: some did; `unchanged`: the client holds these bytes already (304);
 * `looked`: it asked about something and got no bytes of a file (HEAD, SIZE, a listing); `missing`: a name that the
 * source does not have.
 */
export const SIGHTING_RESULTS = ["whole", "partial", "unchanged", "looked", "missing"] as const;
export type SightingResult = (typeof SIGHTING_RESULTS)[number];

export const SIGHTING_PROTOCOLS = ["http", "https", "ftp"] as const;
export type SightingProtocol = (typeof SIGHTING_PROTOCOLS)[number];

/** Characters of a User-Agent, or of what stands for it in FTP, that are kept. */
export const MOST_AGENT = 160;

/**
 * Who was seen. A client is an address (or the name of its certificate) with one kind of program: what two programs of
 * one machine do has two rhythms, and machines behind one translator of addresses are told apart where their programs
 * differ or name themselves. Where neither does they are one client here, and nothing can tell otherwise.
 */
export interface SeenClient {
  readonly name: string;
  /** What it calls itself, cut. */
  readonly agent: string;
}

/** One client seen by the server: who, when, which revision, what it fetched. Several requests for one file may be one. */
export interface Sighting {
  readonly at: Instant;
  readonly client: SeenClient;
  readonly channel: string;
  readonly source: string;
  readonly revision: number;
  /** Below the channel's address, with `/` in front. */
  readonly path: string;
  /** Of a file that is there. */
  readonly sha256: Sha256 | null;
  readonly protocol: SightingProtocol;
  readonly result: SightingResult;
  /** Bytes that were sent. */
  readonly bytes: number;
}

/** What a client said of itself: ringfort-agent after an update, or one line of a script. */
export interface ClientReport {
  readonly at: Instant;
  readonly client: SeenClient;
  readonly channel: string;
  /** What it speaks of: a product, a check. */
  readonly about: string;
  readonly outcome: "ok" | "failed" | "back";
  readonly code: string;
  /** The source that it names, or "". */
  readonly source: string;
}

/**
 * The kind of program behind an agent's text: its name without its version, so that a machine that is upgraded stays the
 * same client, and the name that it gives itself, where it gives one (freshclam's UUID), so that two machines behind one
 * address are two.
 */
export function likenessOf(agent: string): string {
  const kind = (/^[^/]{0,60}/.exec(agent)?.[0] ?? "").trim();
  const own = /\bUUID: ([0-9A-Fa-f-]{8,40})/.exec(agent)?.[1];
  return own === undefined ? kind : `${kind} ${own.toLowerCase()}`;
}

/** The network that a client's address is in, which it mostly keeps when the address is given anew; of a name, the name. */
export function networkOf(name: string): string {
  if (name.includes(":")) return ipv6Network(name);
  return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(name) ? name.slice(0, name.lastIndexOf(".")) : name;
}

/** A visit without a pause ends here all the same: one who asks without end would otherwise never be seen to return. */
const LONGEST_VISIT: Duration = 5 * MINUTE;

/** How one client has come for one source in one channel. */
export interface Visits {
  readonly firstSeen: Instant;
  readonly lastSeen: Instant;
  /** When the last visit began. */
  readonly began: Instant;
  readonly visits: number;
  /** The revision of which it last got a file whole, or learnt that its copy is unchanged. */
  readonly held: number | null;
  /** Since when it holds that one. */
  readonly heldSince: Instant | null;
}

/** What is known of a client after one more sighting; `fresh`: it began a visit. What comes late moves nothing back. */
export function noteSighting(
  before: Visits | null,
  { at, result, revision }: Pick<Sighting, "at" | "result" | "revision">,
): { readonly visits: Visits; readonly fresh: boolean } {
  const fresh = before === null || (at >= before.began && !continues(before, at));
  const late = before !== null && at < before.lastSeen;
  const holds = !late && (result === "whole" || result === "unchanged");
  const moved = holds && before?.held !== revision;
  return {
    fresh,
    visits: {
      firstSeen: Math.min(before?.firstSeen ?? at, at),
      lastSeen: Math.max(before?.lastSeen ?? at, at),
      began: fresh ? at : (before?.began ?? at),
      visits: (before?.visits ?? 0) + (fresh ? 1 : 0),
      held: moved ? revision : (before?.held ?? null),
      heldSince: moved ? at : (before?.heldSince ?? null),
    },
  };
}

function continues({ lastSeen, began }: Visits, at: Instant): boolean {
  return sameVisit(lastSeen, at) && at - began < LONGEST_VISIT;
}

/** One client that took a revision's files. */
export interface Taking {
  readonly firstAt: Instant;
  /** When it first got a file of it whole. */
  readonly wholeAt: Instant | null;
  readonly lastAt: Instant;
  /** Files that it got whole, each time counted. */
  readonly files: number;
  readonly bytes: number;
  /** Visits since the first. */
  readonly returns: number;
}

/** A client as a list shows it: in one channel, for one source. */
export interface ClientRow extends Visits {
  readonly client: SeenClient;
  readonly channel: string;
  readonly source: string;
  /** Of the revision or file that was asked about. */
  readonly taking: Taking | null;
}

/** Which clients a list is of: those of the revision or file that it names are the ones that took it. */
export interface ClientQuery {
  readonly source: string | null;
  readonly channel: string | null;
  /** With a source. */
  readonly revision: number | null;
  readonly sha256: Sha256 | null;
  /** Of the page before; `null`: from the start. */
  readonly after: string | null;
  readonly limit: number;
}

export interface ClientPage {
  readonly rows: readonly ClientRow[];
  /** What `after` is for the next page; `null`: there is none. */
  readonly next: string | null;
}

/** How far one revision has come among the clients that were seen. */
export interface RevisionSpread {
  readonly channel: string;
  /** Clients that got a file of it whole. */
  readonly took: number;
  /** Of these: hold another one since. */
  readonly left: number;
  /** Clients of the channel for this source, and those of them that hold the revision now. */
  readonly clients: number;
  readonly holding: number;
}

/** How far one content has come among the clients that were seen. */
export interface ContentSpread {
  readonly source: string;
  readonly channel: string;
  /** Clients that got all of it, and those that got parts only. */
  readonly whole: number;
  readonly part: number;
  readonly firstAt: Instant;
  readonly lastAt: Instant;
}
