import type { Series } from "../model/feed-listing.ts";
import { canonicalName } from "./index-spelling.ts";

const SERIES_MOST = 8_192;

/**
 * The series of the date of a LiveUpdate guard, in seconds since 1970: of the index, or the file, at this path. However the
 * name is spelled: else an old index under another spelling would be the first of its series.
 */
export function guardSeries(path: string): string {
  return `guard ${path.split("/").map(canonicalName).join("/")}`.slice(-256);
}

/**
 * Series with those of the last revision that nothing was said of. Without them, whoever hides a product for one run makes
 * us forget how far it was, and offers an old, truly signed one of it in the next.
 */
export function carriedOver(said: readonly Series[], held: readonly Series[]): readonly Series[] {
  const names = new Set(said.map(({ name }) => name));
  const silent = held.filter(({ name }) => !names.has(name));
  return inOrder([...said, ...silent].slice(0, SERIES_MOST));
}

/** Series with those that files have proven themselves to be at, which replace what was held of the same name. */
export function withProven(series: readonly Series[], proven: readonly Series[]): readonly Series[] {
  return proven.length === 0 ? series : carriedOver(proven, series);
}

/** Two runs that say the same must write it alike: another order would be sealed as something new. */
function inOrder(series: readonly Series[]): readonly Series[] {
  return series.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
