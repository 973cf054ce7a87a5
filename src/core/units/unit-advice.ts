import type { Fact } from "../machine/facts.ts";
import type { UnitLine } from "./copy-unit.ts";
import { quoteWord, writeUnit } from "./write-unit.ts";

/** One directive for a unit, and what became of it. */
export interface AdvisedDirective {
  readonly line: UnitLine;
  readonly takesAway: string;
  readonly mayBreak: string;
  /** In points of the score, behind those before it; `null`: nobody can say, or it is not added. */
  readonly gain: number | null;
  readonly scoreAfter: number | null;
  /** `advised`: nobody tried it. `kept`, `left-out`: the daemon works under it, or does not. */
  readonly state: "advised" | "kept" | "left-out";
  /** What was seen under a directive that is left out, or why it was not tried. */
  readonly why: string;
}

export interface UnitAdvice {
  readonly unit: string;
  /** The unit's file and its drop-ins, as they were read. */
  readonly files: readonly string[];
  /** systemd's score of the unit as it is, and with everything that is advised or kept. */
  readonly score: Fact<number>;
  readonly scoreAfter: Fact<number>;
  readonly directives: readonly AdvisedDirective[];
  /** Where nothing was tried: those that seldom break a daemon, by themselves, and the score with them. A drop-in has no others. */
  readonly seldom: { readonly directives: readonly AdvisedDirective[]; readonly scoreAfter: number } | null;
  readonly writable: readonly string[];
  readonly trial: { readonly runs: number; readonly settle: number; readonly check: string | null } | null;
}

/** The value of ReadWritePaths= for what an operator says; `null` where there is none, or something that no unit can hold. */
export function writableValue(writable: readonly string[]): string | null {
  const words = writable.map((each) => (/^-?\//.test(each) ? quoteWord(each) : null));
  return words.length === 0 || words.includes(null) ? null : words.join(" ");
}

/** A drop-in with what was kept, or with what is advised; what does not stand in it is told of in comments. */
export function writeDropIn(advice: UnitAdvice): string {
  const paths = writableValue(advice.writable);
  const { unit, score, scoreAfter, trial } = advice;
  const chosen = advice.seldom?.directives ?? advice.directives.filter(({ state }) => state === "kept");
  const after = advice.seldom?.scoreAfter ?? ("is" in scoreAfter ? scoreAfter.is : null);
  const told = "is" in score && after !== null ? `Exposure ${score.is} before, ${after} with it. ` : "";
  const how =
    trial === null
      ? "NOT TRIED: advice alone, without what breaks many daemons. Try it on a machine where the unit may fail."
      : `Tried together on a copy of the unit that stayed up for ${trial.settle / 1_000} s${trial.check === null ? "" : ` and passed: ${trial.check}`}. What the daemon does later, or seldom, was not seen.`;
  const lines = new Set(chosen.map(({ line }) => `${line.name}=${line.value}`));
  const others = advice.directives.filter(({ line }) => !lines.has(`${line.name}=${line.value}`));
  const besides = others.map(({ line, why, mayBreak }) => `${line.name}=${line.value}: ${why === "" ? mayBreak : why}`);
  const heading = [
    `For ${unit}, by ringfort audit --advise. ${told}${how}`,
    ...(besides.length === 0 ? [] : ["Not in it:", ...besides.map((each) => `  ${each}`)]),
  ].join("\n");
  return writeUnit(heading.replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f]/g, "?"), [
    {
      name: "Service",
      entries: [
        ...(paths === null ? [] : [{ name: "ReadWritePaths", value: paths }]),
        ...chosen.map(({ line, takesAway, mayBreak }) => ({
          ...line,
          comment: `takes away: ${takesAway}; may break: ${mayBreak}`,
        })),
      ],
    },
  ]);
}
