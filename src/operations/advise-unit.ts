import { type Fact, known } from "../core/machine/facts.ts";
import { inOrder, type UnitLine } from "../core/units/copy-unit.ts";
import { DIRECTIVES, type Directive } from "../core/units/directives.ts";
import { type Exposure, openSum } from "../core/units/exposure.ts";
import { isSet, type UnitEntries } from "../core/units/unit-file.ts";

/** The exposure of a unit with each of these sets of lines behind it; in the order of the sets. */
export type Measure = (sets: readonly (readonly UnitLine[])[]) => Promise<Fact<readonly Exposure[]>>;

/** One directive that is advised, with what it brings behind those before it. */
export interface Step {
  readonly directive: Directive;
  readonly value: string;
  /** By how much the score falls behind those before it; 0.0 is less than a tenth. */
  readonly gain: number;
  readonly scoreAfter: number;
}

export interface Advice {
  readonly score: number;
  readonly steps: readonly Step[];
}

/** How many of the most promising are measured again before the next one is chosen. */
const LOOKED_AT = 8;

interface Candidate {
  readonly directive: Directive;
  readonly value: string;
  readonly brings: Brought;
}

/** In points of the score, which is rounded to tenths; and the sum of what is open, which is finer. */
interface Brought {
  readonly score: number;
  readonly open: number;
}

/**
 * The next directives for a unit, the one that brings most first. What one brings depends on those before it: of two that take away the same,
 * the second brings nothing and is left out. So the best ones are measured again, behind what is chosen, before each choice.
 */
export async function adviseUnit(directives: readonly Directive[], measure: Measure): Promise<Fact<Advice>> {
  const bare = await measure([[]]);
  if ("unknown" in bare) return bare;
  const [start] = bare.is;
  if (start === undefined) return { unknown: "systemd says nothing of the unit" };
  const steps: Step[] = [];
  let now = start;
  // What no trial can vouch for comes last, for it takes away what others would: a user of its own implies half of them.
  for (const triable of [true, false]) {
    const offered = directives.filter((each) => each.triable === triable);
    const found = await bestFirst(offered, { steps, now }, measure);
    if ("unknown" in found) return found;
    steps.push(...found.is.steps);
    now = found.is.now;
  }
  return known({ score: start.score, steps });
}

async function bestFirst(
  offered: readonly Directive[],
  from: { readonly steps: readonly Step[]; readonly now: Exposure },
  measure: Measure,
): Promise<Fact<{ readonly steps: readonly Step[]; readonly now: Exposure }>> {
  const usual = offered.map((directive) => ({ directive, value: directive.usual }));
  let waiting = await measureBehind(from.steps, from.now, usual, measure);
  const steps: Step[] = [];
  let { now } = from;
  while ("is" in waiting && waiting.is.length > 0) {
    const again = await measureBehind([...from.steps, ...steps], now, waiting.is.slice(0, LOOKED_AT), measure);
    if ("unknown" in again) return again;
    const rest = waiting.is.slice(LOOKED_AT);
    const [best, ...others] = again.is;
    waiting = known([...others, ...rest].toSorted(byGain));
    if (best === undefined) continue;
    const after = await measure([inOrder([...from.steps, ...steps, best].map(lineOf))]);
    if ("unknown" in after) return after;
    now = after.is[0] ?? now;
    steps.push({ directive: best.directive, value: best.value, gain: best.brings.score, scoreAfter: now.score });
  }
  return "unknown" in waiting ? waiting : known({ steps, now });
}

/** What each brings behind those that are chosen, the best first; without those that bring nothing. */
async function measureBehind(
  chosen: readonly { readonly directive: Directive; readonly value: string }[],
  now: Exposure,
  candidates: readonly { readonly directive: Directive; readonly value: string }[],
  measure: Measure,
): Promise<Fact<readonly Candidate[]>> {
  const before = chosen.map(lineOf);
  const measured = await measure(candidates.map((one) => inOrder([...before, lineOf(one)])));
  if ("unknown" in measured) return measured;
  return known(
    candidates
      .map(({ directive, value }, at) => ({ directive, value, brings: difference(now, measured.is[at] ?? now) }))
      .filter(({ brings }) => brings.open > 0)
      .toSorted(byGain),
  );
}

function byGain(a: Candidate, b: Candidate): number {
  return b.brings.score - a.brings.score || b.brings.open - a.brings.open;
}

function difference(before: Exposure, after: Exposure): Brought {
  return { score: tenths(before.score - after.score), open: openSum(before) - openSum(after) };
}

/** What each brings behind those before it. */
export async function measureInTurn(
  chosen: readonly { readonly directive: Directive; readonly value: string }[],
  bare: Exposure,
  measure: Measure,
): Promise<Fact<readonly Step[]>> {
  if (chosen.length === 0) return known([]);
  const growing = chosen.map((_, at) => inOrder(chosen.slice(0, at + 1).map(lineOf)));
  const after = await measure(growing);
  if ("unknown" in after) return after;
  return known(
    chosen.map((one, at) => {
      const now = after.is[at] ?? bare;
      const before = after.is[at - 1] ?? bare;
      return { ...one, gain: tenths(before.score - now.score), scoreAfter: now.score };
    }),
  );
}

export function lineOf({ directive, value }: { readonly directive: Directive; readonly value: string }): UnitLine {
  return { name: directive.name, value };
}

/** What may be said of this unit at all. */
export function offeredFor(entries: UnitEntries): readonly Directive[] {
  return DIRECTIVES.filter(({ name, onlyWhereUnset }) => !(onlyWhereUnset && isSet(entries, name)));
}

function tenths(sum: number): number {
  return Math.max(0, Math.round(sum * 10) / 10);
}
