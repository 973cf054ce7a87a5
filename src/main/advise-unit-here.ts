import process from "node:process";
import type { UnitTrialWish, UnitWish } from "../cli/context.ts";
import { type Refusal, refuse } from "../core/kernel/errors.ts";
import { type Fact, known } from "../core/machine/facts.ts";
import { inOrder, type UnitLine } from "../core/units/copy-unit.ts";
import type { Directive } from "../core/units/directives.ts";
import { openSum } from "../core/units/exposure.ts";
import { type AdvisedDirective, type UnitAdvice, writableValue } from "../core/units/unit-advice.ts";
import type { UnitEntries } from "../core/units/unit-file.ts";
import { exposureWith } from "../host/unit-exposure.ts";
import { type ReadUnit, readUnit } from "../host/unit-files.ts";
import { UnitTrial } from "../host/unit-trial.ts";
import { adviseUnit, lineOf, type Measure, measureInTurn, offeredFor, type Step } from "../operations/advise-unit.ts";
import { type Kept, type Tried, tryDirectives } from "../operations/try-directives.ts";

type Told = Pick<UnitAdvice, "score" | "scoreAfter" | "directives" | "seldom">;

/** Advice for one unit of this machine, or for a unit's file: `ringfort audit --advise`. */
export async function adviseUnitHere(wish: UnitWish): Promise<UnitAdvice | Refusal> {
  const read = readUnit(wish.unit, wish.cwd);
  if ("kind" in read) return read;
  const unit = withWritable(read, wish.writable);
  const measure: Measure = async (sets) => exposureWith(unit.entries, sets);
  const head = { unit: unit.name, files: unit.files, writable: wish.writable };
  if (wish.trial !== null) {
    const tried = await tryHere(unit, wish.trial, measure);
    if ("kind" in tried) return tried;
    const { settle, check } = wish.trial;
    const untried = offeredFor(unit.entries).filter((each) => !each.triable);
    return { ...head, ...(await toldOf(tried, untried, measure)), trial: { settle, check, runs: tried.runs } };
  }
  return { ...head, ...(await untriedAdvice(unit.entries, measure)), trial: null };
}

async function untriedAdvice(entries: UnitEntries, measure: Measure): Promise<Told> {
  const offered = offeredFor(entries);
  const all = await adviseUnit(offered, measure);
  const seldom = await adviseUnit(
    offered.filter(({ triable, breaksOften }) => triable && !breaksOften),
    measure,
  );
  if ("unknown" in all || "unknown" in seldom) {
    const why = "unknown" in all ? all : { unknown: "no score" };
    return { score: why, scoreAfter: why, directives: unmeasured(entries), seldom: null };
  }
  const { score, steps } = all.is;
  return {
    score: known(score),
    scoreAfter: known(steps.at(-1)?.scoreAfter ?? score),
    directives: steps.map((step) => told(step, "advised")),
    seldom: {
      directives: seldom.is.steps.map((step) => told(step, "advised")),
      scoreAfter: seldom.is.steps.at(-1)?.scoreAfter ?? score,
    },
  };
}

/** The operator's word about what the daemon writes goes with every trial and every score. */
function withWritable(unit: ReadUnit, writable: readonly string[]): ReadUnit {
  const value = writableValue(writable);
  if (value === null) return unit;
  const added = { section: "Service", name: "ReadWritePaths", value, line: 0 };
  return { ...unit, entries: [...unit.entries, added] };
}

async function tryHere(
  unit: ReadUnit,
  { settle, check, instead, onRun }: UnitTrialWish,
  measure: Measure,
): Promise<Tried | Refusal> {
  const ending = new AbortController();
  const stop = (): void => ending.abort();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  try {
    const trial = await UnitTrial.open({ unit, settle, check, instead, signal: ending.signal });
    if ("kind" in trial) return trial;
    try {
      const tryOut = async (lines: readonly UnitLine[]) => {
        onRun(lines.length);
        return trial.run(lines);
      };
      const bare = await tryOut([]);
      if (!bare.works) return refuse("unit.no-copy", `${unit.name}: ${bare.why}`);
      const triable = offeredFor(unit.entries).filter((each) => each.triable);
      const tried = await tryDirectives(triable, tryOut, (kept, more) => brings(kept, more, measure));
      const once = await tryOut(tried.kept.map(lineOf));
      if (!once.works) return refuse("unit.unsteady", `${unit.name}: ${once.why}`);
      return { ...tried, runs: tried.runs + 2 };
    } finally {
      await trial.close();
    }
  } finally {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, stop);
  }
}

/** Whether a directive still takes something away; where nobody can say, it is tried. */
async function brings(kept: readonly Kept[], more: Directive, measure: Measure): Promise<boolean> {
  const lines = kept.map(lineOf);
  const [value] = more.values;
  const both = await measure([inOrder(lines), inOrder([...lines, { name: more.name, value }])]);
  if ("unknown" in both) return true;
  const [before, after] = both.is;
  return before === undefined || after === undefined || openSum(after) < openSum(before);
}

async function toldOf({ kept, left }: Tried, untried: readonly Directive[], measure: Measure): Promise<Told> {
  const bare = await measure([[]]);
  const leftOut: readonly AdvisedDirective[] = left.map(({ directive, why }) => ({
    ...plain(directive, directive.values.at(-1) ?? ""),
    state: "left-out",
    why,
  }));
  const steps: Fact<readonly Step[]> =
    "is" in bare && bare.is[0] !== undefined ? await measureInTurn(kept, bare.is[0], measure) : { unknown: "no score" };
  if ("unknown" in steps || "unknown" in bare) {
    const why = "unknown" in bare ? bare : { unknown: "no score" };
    const unscored = kept.map(
      ({ directive, value }) => ({ ...plain(directive, value), state: "kept", why: "" }) as const,
    );
    return { score: why, scoreAfter: why, directives: [...unscored, ...leftOut], seldom: null };
  }
  const score = bare.is[0]?.score ?? 10;
  const besides: AdvisedDirective[] = [];
  for (const directive of untried)
    if (await brings(kept, directive, measure))
      besides.push({
        ...plain(directive, directive.usual),
        state: "advised",
        why: "a trial of some seconds would not show it",
      });
  return {
    score: known(score),
    scoreAfter: known(steps.is.at(-1)?.scoreAfter ?? score),
    directives: [...steps.is.map((step) => told(step, "kept")), ...leftOut, ...besides],
    seldom: null,
  };
}

function told({ directive, value, gain, scoreAfter }: Step, state: "advised" | "kept"): AdvisedDirective {
  return { ...plain(directive, value), gain, scoreAfter, state, why: "" };
}

function plain(directive: Directive, value: string): Omit<AdvisedDirective, "state" | "why"> {
  const { name, takesAway, mayBreak } = directive;
  return { line: { name, value }, takesAway, mayBreak, gain: null, scoreAfter: null };
}

/** Without systemd-analyze: everything that could be said, in the table's order. */
function unmeasured(entries: UnitEntries): readonly AdvisedDirective[] {
  return offeredFor(entries)
    .filter(({ usual }) => !usual.startsWith("~"))
    .map((directive) => ({ ...plain(directive, directive.usual), state: "advised", why: "" }) as const);
}
