import type { FoundFile } from "../../../core/publish/channel-view.ts";
import type { Seen, SightingNotes } from "../../sightings.ts";
import { readRange } from "./ranges.ts";

/** A request that has been answered, or broke off. */
export interface Answered {
  readonly method: string;
  readonly status: number;
  /** The Range field. */
  readonly range: string | undefined;
  /** Decoded; `null` when it can name nothing. */
  readonly path: string | null;
  readonly query: string | null;
  /** Bytes of the answer that left, its head included. */
  readonly sent: number;
}

/** Notes what an answered request says of its client. `owner`: the file, or whose content was asked for. */
export function noteAnswered(
  notes: SightingNotes,
  who: Seen,
  channel: string,
  owner: FoundFile | { readonly kind?: never; readonly source: string; readonly revision: number } | null,
  { method, status, range, path, query, sent }: Answered,
): void {
  if (path === null) return;
  if (owner === null) {
    if (status === 204 && query !== null) notes.report(who, channel, path, query);
    return;
  }
  if (owner.kind !== "file") return notes.note(who, { ...owner, path }, status === 404 ? "missing" : "looked", 0);
  if (status === 304) return notes.note(who, owner, "unchanged", 0);
  if (method === "HEAD" || (status !== 200 && status !== 206)) return notes.note(who, owner, "looked", 0);
  const asked = status === 206 ? readRange(range, owner.size) : null;
  const parts = asked?.kind === "parts" ? asked.parts : [{ first: 0, last: owner.size - 1 }];
  const promised = parts.reduce((bytes, { first, last }) => bytes + last + 1 - first, 0);
  notes.sent(who, owner, parts, { bytes: sent, complete: sent >= promised });
}
