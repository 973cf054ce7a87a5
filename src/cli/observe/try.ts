import { EXIT, Failure } from "../../core/kernel/errors.ts";
import { readFilm } from "../../core/observed/film.ts";
import { judgeTrial, type Refused } from "../../core/observed/judge-trial.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { UsageError } from "../report.ts";
import { table } from "../table.ts";
import type { Paint } from "../terminal.ts";
import { durationOf, readFilms } from "./film.ts";
import { actText } from "./film-text.ts";
import { makeProfile, type ProfileOptions, profileJson, profileText } from "./profile.ts";

export interface TryOptions extends ProfileOptions {
  readonly try?: string | true;
}

const WHY: Readonly<Record<Refused["why"], string>> = {
  taken: "a film shows it: the profile takes it away",
  new: "no film shows it",
  hidden: "it is there, and not shown to it; no film shows it",
};

/** Makes a profile, runs the command under it, and tells what was refused that the films do not have. */
export async function tryProfile(
  command: readonly string[] | null,
  options: TryOptions,
  context: CommandContext,
): Promise<Outcome> {
  const [program, ...args] = command ?? [];
  if (program?.startsWith("/") !== true)
    throw new UsageError("--try needs -- and the command to run, its program with the whole path");
  if (options.profile === undefined) throw new UsageError("--try needs --profile and the films that it is made of");
  const made = await makeProfile(command, { ...options, dropIn: false }, context);
  const { observer } = context.surroundings;
  const exposure = await observer.exposure(made.unit);
  const lines: string[] = [];
  const { by, exit } = await observer.try(
    {
      command: [program, ...args],
      profile: made.profile,
      unit: made.unit,
      cwd: context.surroundings.cwd,
      duration: durationOf(options.try, "--try"),
    },
    (line) => lines.push(line),
  );
  const trial = readFilm(lines.join(""));
  if (typeof trial === "string") throw new Failure("film.failed", trial);
  const refused = judgeTrial(await readFilms(options.profile, context), trial, (path) => observer.isThere(path));
  return {
    json: {
      ...profileJson(made, exposure, null),
      by,
      exit,
      acts: trial.acts.length,
      refused: refused.map(({ line, why }) => ({ ...line, why })),
    },
    text: `${profileText(made.profile, exposure, context.paint)}\n${triedText(refused, by, exit, trial.acts.length, context.paint)}`,
    exit: refused.length === 0 ? EXIT.done : EXIT.refused,
  };
}

function triedText(refused: readonly Refused[], by: string, exit: number | null, acts: number, paint: Paint): string {
  const ended = exit === null ? "it ran until it was stopped" : `it ended with ${exit}`;
  const how =
    by === "systemd"
      ? "tried by systemd, as the unit"
      : "tried without systemd: nothing is hidden or private, only refused";
  const head = `${how}; ${acts} acts, ${refused.length} refused; ${ended}\n`;
  if (refused.length === 0) return head;
  const rows = refused.map(({ line: { did, failed, by: who }, why }) => [
    did.act,
    actText(did),
    failed,
    who.program,
    WHY[why],
  ]);
  return (
    head +
    table(["ACT", "WHAT", "ERROR", "PROGRAM", "WHY"], rows, paint) +
    "what it rightly needs: film it again while it does that, and give all films to --profile\n"
  );
}
