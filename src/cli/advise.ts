import { writeFile } from "node:fs/promises";
import path from "node:path";
import { errnoOf } from "../core/kernel/disk.ts";
import { EXIT, Failure, type Refusal } from "../core/kernel/errors.ts";
import type { Fact } from "../core/machine/facts.ts";
import { type AdvisedDirective, type UnitAdvice, writableValue, writeDropIn } from "../core/units/unit-advice.ts";
import { type CommandContext, isRefusal, type Outcome } from "./context.ts";
import { UsageError } from "./report.ts";
import { table } from "./table.ts";
import type { Tone } from "./terminal.ts";

export interface AdviseOptions {
  readonly try?: boolean;
  readonly settle?: number;
  readonly checkCommand?: string;
  readonly instead?: boolean;
  readonly writable?: readonly string[];
  readonly output?: string;
}

const SETTLE = 3;

export function seconds(value: string): number {
  const number = Number(value);
  if (!(number > 0 && number <= 600)) throw new UsageError(`--settle ${value}: from 0 to 600 seconds`);
  return number;
}

/** An audit of the machine, which none of this belongs to. */
export function forAudit<T extends AdviseOptions>(options: T): T {
  const words = ["try", "settle", "checkCommand", "instead", "writable", "output"] as const;
  if (words.some((word) => options[word] !== undefined))
    throw new UsageError(
      "--try, --settle, --check-command, --instead, --writable and --output belong to --advise UNIT",
    );
  return options;
}

/** What a unit of systemd could give up: `ringfort audit --advise`. */
export async function advise(
  unit: string,
  options: AdviseOptions,
  context: CommandContext,
): Promise<Outcome | Refusal> {
  const { surroundings, terminal } = context;
  const tries = options.try === true;
  if (!tries && (options.settle ?? options.checkCommand ?? options.instead) !== undefined)
    throw new UsageError("--settle, --check-command and --instead belong to --try");
  const writable = options.writable ?? [];
  if (writableValue(writable) === null && writable.length > 0)
    throw new UsageError("--writable: absolute paths, without control characters");
  let run = 0;
  const advice = await surroundings.adviseUnit({
    unit,
    cwd: surroundings.cwd,
    writable,
    trial: tries
      ? {
          settle: (options.settle ?? SETTLE) * 1_000,
          check: options.checkCommand ?? null,
          instead: options.instead === true,
          onRun: (directives) => {
            run += 1;
            if (context.options.json !== true) terminal.err(`run ${run}: with ${directives} directives\n`);
          },
        }
      : null,
  });
  if (isRefusal(advice)) return advice;
  const written = options.output === undefined ? null : path.resolve(surroundings.cwd, options.output);
  if (written !== null) await write(written, writeDropIn(advice));
  return {
    json: jsonOf(advice, written),
    text: textOf(advice, written, context),
    exit: "is" in advice.score ? EXIT.done : EXIT.later,
  };
}

async function write(file: string, text: string): Promise<void> {
  try {
    // What is there already may be somebody's own: it is never written over.
    await writeFile(file, text, { mode: 0o644, flag: "wx" });
  } catch (cause) {
    if (errnoOf(cause) === "EEXIST") throw new UsageError(`--output ${file}: it is there already`);
    throw new Failure("store.io", `writing ${file}`, { cause });
  }
}

function jsonOf(advice: UnitAdvice, written: string | null): unknown {
  const { unit, files, score, scoreAfter, directives, trial, seldom } = advice;
  return {
    unit,
    files,
    score: scoreOf(score),
    scoreAfter: scoreOf(scoreAfter),
    unknown: "unknown" in score ? score.unknown : null,
    trial,
    directives: directives.map(shownRow),
    seldomBreak:
      seldom === null ? null : { scoreAfter: seldom.scoreAfter, directives: seldom.directives.map(shownRow) },
    written,
  };
}

function shownRow({ line, ...rest }: AdvisedDirective): unknown {
  return { directive: `${line.name}=${line.value}`, ...rest };
}

function scoreOf(score: Fact<number>): number | null {
  return "is" in score ? score.is : null;
}

function shown(points: number | null): string {
  return points === null ? "–" : points.toFixed(1);
}

const TONES: Readonly<Record<AdvisedDirective["state"], Tone>> = { kept: "good", advised: "plain", "left-out": "bad" };

function textOf(advice: UnitAdvice, written: string | null, { paint }: CommandContext): string {
  const { unit, files, score, scoreAfter, directives, trial } = advice;
  const rows = directives.map(({ line, gain, scoreAfter: after, takesAway, mayBreak, state, why }) => [
    { text: state, tone: TONES[state] },
    `${line.name}=${line.value}`,
    shown(gain),
    shown(after),
    takesAway,
    why === "" ? mayBreak : why,
  ]);
  const list =
    rows.length === 0
      ? "nothing more is advised for it\n"
      : table(
          ["", "DIRECTIVE", "GAIN", "SCORE", "TAKES AWAY", trial === null ? "MAY BREAK" : "SEEN, OR MAY BREAK"],
          rows,
          paint,
        );
  const head =
    "is" in score && "is" in scoreAfter
      ? `${unit}: exposure ${shown(score.is)}, ${shown(scoreAfter.is)} with ${trial === null ? "all of this" : "what was kept"}\n`
      : `${unit}: exposure UNKNOWN: ${"unknown" in score ? score.unknown : ""}\n`;
  const safe =
    advice.seldom === null
      ? ""
      : `exposure ${shown(advice.seldom.scoreAfter)} with the ${advice.seldom.directives.length} that seldom break a daemon, and --output writes no others\n`;
  const how =
    trial === null
      ? `${safe}not tried: ringfort audit --advise UNIT --try runs a copy of it under them, as root\n`
      : `${trial.runs} runs of a copy; every directive that was kept ran together with the others\n`;
  const next =
    written === null
      ? ""
      : `written: ${written}\nnext: install -D -m 644 ${written} /etc/systemd/system/${unit}.d/50-ringfort.conf && systemctl daemon-reload && systemctl restart ${unit}\n`;
  return `${head}read: ${files.join(", ")}\n${list}${how}${next}`;
}
