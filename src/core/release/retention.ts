import type { Sha256 } from "../kernel/digest.ts";
import { type Duration, formatDuration, type Instant } from "../kernel/instant.ts";
import type { ChannelMove, ChannelPosition } from "../model/channel.ts";
import type { Restraint } from "../model/restraint.ts";
import type { ContentSpan, Revision } from "../model/revision.ts";
import type { SourceSpec } from "../model/source.ts";

/** Why a revision stays. */
export const KEPT_FOR = {
  shown: "a channel points at it",
  newest: "among the newest that the source keeps",
  young: "younger than the source keeps revisions",
  "way-back": "a channel may go back to it",
  leaving: "a channel showed it within the grace: clients may still read it",
  awaited: "a ring of the release policy waits for it",
  proposed: "an open proposal names it",
  pinned: "a pin names it",
  held: "a hold stands that was put when it was there already",
} as const satisfies Record<string, string>;

export type KeptFor = keyof typeof KEPT_FOR;

/** What speaks for one revision; with nothing, it goes. */
export interface RetentionVerdict {
  readonly source: string;
  readonly revision: number;
  readonly stays: readonly { readonly for: KeptFor; readonly detail: string }[];
}

/** What of one source may need a revision. */
export interface RetentionFacts {
  readonly source: string;
  readonly rule: SourceSpec["retention"];
  readonly revisions: readonly Pick<Revision, "number" | "sealedAt">[];
  readonly positions: readonly Pick<ChannelPosition, "channel" | "revision">[];
  /** Newest first. */
  readonly moves: readonly Pick<ChannelMove, "channel" | "to" | "at">[];
  /** What the rings of its policy wait for (`awaitedRevisions`). */
  readonly awaited: ReadonlySet<number>;
  /** What open proposals name. */
  readonly proposed: ReadonlySet<number>;
  /** The active ones, of any source. */
  readonly restraints: readonly Pick<Restraint, "id" | "on" | "at">[];
  readonly now: Instant;
  /** Longer than any client is kept on a revision that its channel has left. */
  readonly grace: Duration;
}

/**
 * Judges every revision of one source, newest first. What nothing speaks for may be forgotten: everything else stays,
 * whatever the rule says. The order of the facts does not matter but for that of the moves, and to forget what nothing
 * speaks for changes no other verdict. Pure.
 */
export function judgeRetention(facts: RetentionFacts): readonly RetentionVerdict[] {
  const newestFirst = facts.revisions.toSorted((a, b) => b.number - a.number);
  const held = new Set(newestFirst.map(({ number }) => number));
  const needs = new Needs();
  for (const { number } of newestFirst.slice(0, facts.rule.revisions))
    needs.add(number, "newest", `the newest ${facts.rule.revisions}`);
  // A revision from the future is of a clock that was put back since: its age is not known.
  for (const { number, sealedAt } of newestFirst)
    if (facts.now - sealedAt < facts.rule.age) needs.add(number, "young", formatDuration(facts.rule.age));
  for (const { channel, revision } of facts.positions) needs.add(revision, "shown", channel);
  for (const channel of new Set(facts.moves.map((move) => move.channel))) needChannel(needs, facts, channel, held);
  for (const number of facts.awaited) needs.add(number, "awaited", "");
  for (const number of facts.proposed) needs.add(number, "proposed", "");
  for (const restraint of facts.restraints) needRestrained(needs, facts, restraint);
  return newestFirst.map(({ number }) => ({
    source: facts.source,
    revision: number,
    stays: needs.of(number),
  }));
}

class Needs {
  readonly #found = new Map<number, Map<KeptFor, Set<string>>>();

  add(revision: number, why: KeptFor, detail: string): void {
    const found = this.#found.get(revision) ?? new Map<KeptFor, Set<string>>();
    found.set(why, (found.get(why) ?? new Set()).add(detail));
    this.#found.set(revision, found);
  }

  of(revision: number): RetentionVerdict["stays"] {
    const found = this.#found.get(revision);
    return (Object.keys(KEPT_FOR) as KeptFor[]).flatMap((why) => {
      const details = found?.get(why);
      return details === undefined ? [] : [{ for: why, detail: [...details].toSorted().join(", ") }];
    });
  }
}

/** The last revisions that a channel has shown, of those that are held, where its plain rollback leads, and what it has just left. */
function needChannel(needs: Needs, facts: RetentionFacts, channel: string, held: ReadonlySet<number>): void {
  const moves = facts.moves.filter((move) => move.channel === channel);
  const shown = [...new Set(moves.map(({ to }) => to))].filter((number) => held.has(number));
  for (const number of shown.slice(0, facts.rule.rollbackWindow)) needs.add(number, "way-back", channel);
  const present = facts.positions.find((position) => position.channel === channel)?.revision ?? 0;
  const older = shown.filter((number) => number < present);
  if (older.length > 0) needs.add(Math.max(...older), "way-back", channel);
  for (const [index, move] of moves.slice(1).entries()) {
    // Moves that come faster than one a second are written as ahead of the clock (`nextMove`).
    const left = Math.min(facts.now, moves[index]?.at ?? facts.now);
    if (facts.now - left < facts.grace) needs.add(move.to, "leaving", channel);
  }
}

/** While somebody looks into something, nothing goes that they may want to look at: it is bounded by when they began. */
function needRestrained(
  needs: Needs,
  facts: RetentionFacts,
  { id, on, at }: RetentionFacts["restraints"][number],
): void {
  if (on.kind === "pin" && on.source === facts.source) needs.add(on.revision, "pinned", `number ${id}`);
  if (on.kind !== "hold" || (on.source ?? facts.source) !== facts.source) return;
  for (const { number, sealedAt } of facts.revisions) if (sealedAt <= at) needs.add(number, "held", `number ${id}`);
}

/** Why what goes may go, for a person. */
export function surplusText({ revisions, age }: SourceSpec["retention"]): string {
  const old = age === 0 ? "" : `, older than ${formatDuration(age)}`;
  return `not among the newest ${revisions}${old}, and nothing needs it`;
}

/** What one source holds, and which of its revisions go; both ascending. */
export interface WeighedSource {
  readonly source: string;
  readonly kept: readonly number[];
  readonly gone: readonly number[];
  readonly spans: readonly ContentSpan[];
}

/**
 * What is still named when these revisions are gone, and what each of them frees: its bytes are counted for the first of those that go,
 * and for none when one that stays names it. Each span is looked at once, however many revisions lie in it. Pure.
 */
export function weighContents(sources: readonly WeighedSource[]): {
  readonly named: ReadonlySet<Sha256>;
  /** By source, then revision. */
  readonly freed: ReadonlyMap<string, ReadonlyMap<number, number>>;
} {
  const named = new Set<Sha256>();
  for (const { kept, spans } of sources)
    for (const span of spans) if (firstWithin(kept, span) !== null) named.add(span.sha256);
  const counted = new Set<Sha256>();
  const freed = new Map<string, Map<number, number>>();
  for (const { source, gone, spans } of sources) {
    const own = new Map(gone.map((number) => [number, 0]));
    freed.set(source, own);
    const owners = new Map<Sha256, { readonly number: number; readonly size: number }>();
    for (const span of spans) {
      const number = named.has(span.sha256) || counted.has(span.sha256) ? null : firstWithin(gone, span);
      if (number !== null && number < (owners.get(span.sha256)?.number ?? Number.POSITIVE_INFINITY))
        owners.set(span.sha256, { number, size: span.size });
    }
    for (const [sha256, { number, size }] of owners) {
      counted.add(sha256);
      own.set(number, (own.get(number) ?? 0) + size);
    }
  }
  return { named, freed };
}

/** The first of these ascending numbers in which the span stands. */
function firstWithin(ascending: readonly number[], { since, until }: ContentSpan): number | null {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? 0) < since) low = middle + 1;
    else high = middle;
  }
  const found = ascending[low];
  return found !== undefined && (until === null || found < until) ? found : null;
}

/** What a plan removes, as text that is the same for the same plan: its digest is what an order to act names. */
export function planText(
  revisions: readonly { readonly source: string; readonly revision: number }[],
  blobs: readonly Pick<StoredBlob, "sha256">[],
): string {
  const lines = [
    ...revisions.map(({ source, revision }) => `revision ${source} ${revision}`),
    ...blobs.map(({ sha256 }) => `blob ${sha256}`),
  ];
  return `ringfort collection 1\n${lines.toSorted().join("\n")}\n`;
}

export interface StoredBlob {
  readonly sha256: Sha256;
  readonly size: number;
  readonly admittedAt: Instant;
}

export interface BlobPlan {
  readonly remove: readonly StoredBlob[];
  /** Unreferenced, but within the grace: a transfer may still read them, a run may be about to name them. */
  readonly waiting: number;
}

/** Which unreferenced blobs have outlived the grace. `unreferencedSince` is when a collection first saw each so. Pure. */
export function planBlobCollection(
  stored: readonly StoredBlob[],
  referenced: ReadonlyMap<Sha256, number> | ReadonlySet<Sha256>,
  unreferencedSince: ReadonlyMap<Sha256, Instant>,
  now: Instant,
  grace: Duration,
): BlobPlan {
  const loose = stored.filter(({ sha256 }) => !referenced.has(sha256));
  const remove = loose.filter(
    ({ sha256, admittedAt }) => now - Math.max(admittedAt, unreferencedSince.get(sha256) ?? now) >= grace,
  );
  return { remove, waiting: loose.length - remove.length };
}
