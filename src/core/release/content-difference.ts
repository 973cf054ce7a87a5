import type { ContentSummary, SummaryKind } from "../model/content-summary.ts";

/** One thing that is in one of two readings only, or differs between them. */
interface ItemChange {
  readonly change: "added" | "removed" | "changed";
  readonly name: string;
  /** Of the later reading, where it is in both. */
  readonly group: string;
  readonly before: string | null;
  readonly after: string | null;
}

interface GroupChange {
  readonly name: string;
  readonly before: number;
  readonly after: number;
}

/** What differs in the meaning of one file between two revisions. */
export interface ContentDifference {
  readonly path: string;
  readonly kind: SummaryKind;
  /** By name; those that did not change too. */
  readonly groups: readonly GroupChange[];
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  /** The first of them, by name; `added`, `removed` and `changed` count them all. */
  readonly items: readonly ItemChange[];
  /** Why one of the two could not be read whole; then the figures are of what could. */
  readonly fault: string | null;
}

/** Changes of one file that are told one by one. */
const MOST_CHANGES = 1_000;
const NOTHING: ContentSummary = { groups: [], items: [], fault: null };

/** Compares two readings of one file; `null`: the file is not in that revision. Pure. */
export function compareContent(
  path: string,
  kind: SummaryKind,
  before: ContentSummary | null,
  after: ContentSummary | null,
): ContentDifference {
  const [old, now] = [before ?? NOTHING, after ?? NOTHING];
  const changes = itemChanges(old.items, now.items);
  const count = (change: ItemChange["change"]): number => changes.filter((each) => each.change === change).length;
  return {
    path,
    kind,
    groups: groupChanges(old.groups, now.groups),
    added: count("added"),
    removed: count("removed"),
    changed: count("changed"),
    items: changes.toSorted((a, b) => byName(a.name, b.name)).slice(0, MOST_CHANGES),
    fault: now.fault ?? old.fault,
  };
}

function groupChanges(before: ContentSummary["groups"], after: ContentSummary["groups"]): readonly GroupChange[] {
  const [old, now] = [new Map(before), new Map(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .toSorted(byName)
    .map((name) => ({ name, before: old.get(name) ?? 0, after: now.get(name) ?? 0 }));
}

function itemChanges(before: ContentSummary["items"], after: ContentSummary["items"]): readonly ItemChange[] {
  const old = new Map(before.map((item) => [item[0], item]));
  const changes: ItemChange[] = [];
  for (const [name, group, value] of after) {
    const was = old.get(name);
    old.delete(name);
    if (was === undefined) changes.push({ change: "added", name, group, before: null, after: value });
    else if (was[2] !== value || was[1] !== group)
      changes.push({ change: "changed", name, group, before: was[2], after: value });
  }
  for (const [name, group, value] of old.values())
    changes.push({ change: "removed", name, group, before: value, after: null });
  return changes;
}

/** Numbers in names are compared as numbers: sid 9 stands before sid 10. */
function byName(a: string, b: string): number {
  const [left, right] = [Number(a), Number(b)];
  return Number.isNaN(left) || Number.isNaN(right) ? (a < b ? -1 : a > b ? 1 : 0) : left - right;
}
