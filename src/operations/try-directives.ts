import type { UnitLine } from "../core/units/copy-unit.ts";
import type { Directive } from "../core/units/directives.ts";
import { lineOf } from "./advise-unit.ts";

/** A run of the daemon under further directives. `why` tells what was wrong with it. */
interface TrialRun {
  readonly works: boolean;
  readonly why: string;
}

type TryOut = (lines: readonly UnitLine[]) => Promise<TrialRun>;

export interface Kept {
  readonly directive: Directive;
  readonly value: string;
}

interface LeftOut {
  readonly directive: Directive;
  readonly why: string;
}

export interface Tried {
  readonly kept: readonly Kept[];
  readonly left: readonly LeftOut[];
  /** How often the daemon was started. */
  readonly runs: number;
}

/**
 * Finds the directives under which a daemon works. Those that seldom break anything are tried together, and halved until the one at fault
 * stands alone; those that often do are tried one by one, from their strongest value down. Whatever is kept has run together with all that
 * was kept before it. `brings` tells whether a directive still takes something away behind those that are kept.
 */
export async function tryDirectives(
  offered: readonly Directive[],
  tryOut: TryOut,
  brings: (kept: readonly Kept[], more: Directive) => Promise<boolean>,
): Promise<Tried> {
  const kept: Kept[] = [];
  const left: LeftOut[] = [];
  let runs = 0;
  const works = async (more: readonly Kept[]): Promise<TrialRun> => {
    runs += 1;
    return tryOut([...kept, ...more].map(lineOf));
  };

  const alone = async (directive: Directive): Promise<void> => {
    let why = "";
    for (const value of directive.values) {
      const run = await works([{ directive, value }]);
      if (run.works) {
        kept.push({ directive, value });
        return;
      }
      why = run.why;
    }
    left.push({ directive, why });
  };

  const together = async (group: readonly Directive[]): Promise<void> => {
    const [only] = group;
    if (only === undefined) return;
    if (group.length === 1) return alone(only);
    const strongest = group.map((directive) => ({ directive, value: directive.values[0] }));
    if ((await works(strongest)).works) {
      kept.push(...strongest);
      return;
    }
    const half = Math.ceil(group.length / 2);
    await together(group.slice(0, half));
    await together(group.slice(half));
  };

  // Wide ones first: where they hold, the narrow ones behind them bring nothing and cost no run.
  for (const narrow of [false, true]) {
    const these: Directive[] = [];
    for (const directive of offered)
      if (isNarrow(directive) === narrow && (await brings(kept, directive))) these.push(directive);
    await together(these.filter(({ breaksOften }) => !breaksOften));
    for (const directive of these.filter(({ breaksOften }) => breaksOften)) await alone(directive);
  }
  return { kept, left, runs };
}

function isNarrow({ values: [first] }: Directive): boolean {
  return first.startsWith("~");
}
