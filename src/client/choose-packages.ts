import type { IndexedPackage } from "../formats/liveupdate/dialect.ts";

/** Sequences that a recall has taken back, both ends included. */
export interface SequenceRange {
  readonly from: number;
  readonly until: number;
}

export interface ChoiceInput {
  /** Of one product and one item, from a verified index. */
  readonly packages: readonly IndexedPackage[];
  readonly installed: number | null;
  /** Nothing below it is taken: what this machine had, it does not lose on a mirror's word. */
  readonly floor: number;
  readonly barred: readonly SequenceRange[];
  /** Whether a delta may be applied to what is installed: not to a damaged version. */
  readonly deltas: boolean;
}

export type Choice =
  | { readonly kind: "packages"; readonly steps: readonly IndexedPackage[]; readonly sequence: number }
  /** `offered`: the newest sequence that the index names, which may be older than what is installed. */
  | { readonly kind: "nothing-new"; readonly offered: number | null };

/**
 * What to download, in the order of installing: of all ways to the highest sequence that can be reached the one with
 * the fewest bytes, then the fewest packages. Every step goes up, none stands inside a barred range. Pure.
 */
export function choosePackages(input: ChoiceInput): Choice {
  const offered = input.packages.reduce<number | null>(
    (newest, { sequence }) => (sequence === null ? newest : Math.max(newest ?? 0, sequence)),
    null,
  );
  const best = cheapestWays(input);
  const target = [...best.keys()].reduce<number | null>((high, at) => (high === null || at > high ? at : high), null);
  if (target === null) return { kind: "nothing-new", offered };
  const steps: IndexedPackage[] = [];
  for (let at = best.get(target); at !== undefined; ) {
    steps.unshift(at.step);
    at = at.step.from === null ? undefined : best.get(at.step.from);
  }
  return { kind: "packages", steps, sequence: target };
}

interface Way {
  readonly step: IndexedPackage;
  readonly bytes: number;
  readonly count: number;
}

/** Where a size is not listed, a package counts as if it were the largest: what is known is preferred. */
const UNKNOWN_SIZE = 2 ** 40;

/**
 * The cheapest last step to every sequence that can be reached. Steps only go up, so that one pass in the order of
 * their sequences meets each start before what leads on from it.
 */
function cheapestWays({ packages, installed, floor, barred, deltas }: ChoiceInput): ReadonlyMap<number, Way> {
  const best = new Map<number, Way>();
  const rising = packages
    .filter(({ sequence }) => sequence !== null && acceptable(sequence, { installed, floor, barred }))
    .toSorted((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0));
  for (const step of rising) {
    const before = startOf(step, installed, deltas, best);
    if (before === null || step.sequence === null) continue;
    const way = { step, bytes: before.bytes + (step.size ?? UNKNOWN_SIZE), count: before.count + 1 };
    const known = best.get(step.sequence);
    if (known === undefined || way.bytes < known.bytes || (way.bytes === known.bytes && way.count < known.count))
      best.set(step.sequence, way);
  }
  return best;
}

function startOf(
  step: IndexedPackage,
  installed: number | null,
  deltas: boolean,
  best: ReadonlyMap<number, Way>,
): { readonly bytes: number; readonly count: number } | null {
  if (step.from === null) return { bytes: 0, count: 0 };
  // A delta that leads to where it starts, or down, is a loop or a downgrade in disguise.
  if (step.sequence === null || step.from >= step.sequence) return null;
  if (deltas && step.from === installed) return { bytes: 0, count: 0 };
  return best.get(step.from) ?? null;
}

function acceptable(
  sequence: number,
  { installed, floor, barred }: Pick<ChoiceInput, "installed" | "floor" | "barred">,
): boolean {
  return (
    sequence >= floor &&
    (installed === null || sequence > installed) &&
    !barred.some(({ from, until }) => sequence >= from && sequence <= until)
  );
}

/** The smallest full package of exactly this sequence, which a recall goes back to. */
export function fullPackageOf(packages: readonly IndexedPackage[], sequence: number): IndexedPackage | null {
  const full = packages.filter((one) => one.sequence === sequence && one.from === null);
  return full.toSorted((a, b) => (a.size ?? UNKNOWN_SIZE) - (b.size ?? UNKNOWN_SIZE))[0] ?? null;
}
