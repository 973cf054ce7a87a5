import * as z from "zod";
import type { KernelSetting } from "./kernel-settings.ts";

/** One thing that is not as it should be. */
export interface NetworkDifference {
  readonly what: "rule-missing" | "rule-unexpected" | "rule-order" | "setting";
  /** The chain or set, or the setting's path. */
  readonly where: string;
  /** As `nft -j` or /proc/sys says it; `null`: nothing. */
  readonly wanted: string | null;
  readonly found: string | null;
}

const ruleSet = z.object({ nftables: z.array(z.record(z.string(), z.unknown())).max(200_000) });
const object = z.record(z.string(), z.unknown());

/**
 * Compares two lists of our table, each as `nft -j list table` prints it: one of a network namespace into which the wanted rules
 * have just been loaded, one of the host. Both have then been put into the kernel's own words. `null`: there is no such table.
 * Throws where nft's words are no rule set.
 */
export function compareRules(wanted: unknown, found: unknown): readonly NetworkDifference[] {
  const [want, have] = [partsOf(wanted), found === null ? new Map<string, string[]>() : partsOf(found)];
  return [...new Set([...want.keys(), ...have.keys()])].flatMap((where) => {
    const [ours, theirs] = [want.get(where) ?? [], have.get(where) ?? []];
    const missing = without(ours, theirs).map((rule) => difference("rule-missing", where, rule, null));
    const unexpected = without(theirs, ours).map((rule) => difference("rule-unexpected", where, null, rule));
    if (missing.length + unexpected.length > 0) return [...missing, ...unexpected];
    // The first rule that matches decides: the same ones in another order are others.
    const at = ours.findIndex((rule, index) => rule !== theirs[index]);
    return at === -1 ? [] : [difference("rule-order", where, ours[at] ?? null, theirs[at] ?? null)];
  });
}

/** `read` gives what stands in the kernel; `null`: it has no such setting, or the interface is not there. */
export function compareSettings(
  settings: readonly KernelSetting[],
  read: ReadonlyMap<string, string | null>,
): readonly NetworkDifference[] {
  return settings
    .filter(({ path, value }) => read.get(path) !== value)
    .map(({ path, value }) => difference("setting", path, value, read.get(path) ?? null));
}

/** What a table holds, by place, in order, without what changes by itself: handles, counts, elements that time out. */
function partsOf(listed: unknown): ReadonlyMap<string, string[]> {
  const parts = new Map<string, string[]>();
  for (const entry of ruleSet.parse(listed).nftables) {
    for (const [kind, value] of Object.entries(entry)) {
      if (kind === "metainfo") continue;
      const { handle: _, index: __, elem, ...rest } = object.parse(value);
      const lasting = rest["timeout"] === undefined && elem !== undefined ? { ...rest, elem: sorted(elem) } : rest;
      const where = kind === "rule" ? `chain ${String(rest["chain"])}` : `${kind} ${String(rest["name"])}`;
      parts.set(where, [...(parts.get(where) ?? []), JSON.stringify(withoutCounts(lasting))]);
    }
  }
  return parts;
}

function withoutCounts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutCounts);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, key === "counter" ? null : withoutCounts(inner)]),
  );
}

function sorted(elements: unknown): readonly unknown[] {
  const all = z.array(z.unknown()).parse(elements);
  return all.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function without(all: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others];
  return all.filter((one) => {
    const at = left.indexOf(one);
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
}

function difference(
  what: NetworkDifference["what"],
  where: string,
  wanted: string | null,
  found: string | null,
): NetworkDifference {
  return { what, where, wanted, found };
}
