import { open, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { EXIT, Failure } from "../../core/kernel/errors.ts";
import { type Duration, parseDuration } from "../../core/kernel/instant.ts";
import { type Film, filmText, MOST_FILM_BYTES, readFilm, uniteFilms } from "../../core/observed/film.ts";
import type { ProcessWish } from "../../core/observed/look.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { UsageError } from "../report.ts";
import { systemCode } from "../system-code.ts";
import { filmSummary } from "./film-text.ts";
import { type Named, OBSERVED_ROLES, wishOf } from "./show.ts";

/** Films that are united at once. */
const MOST_FILMS = 64;

export interface FilmOptions extends Named {
  /** A length of time, or `true` for until it ends. */
  readonly film?: string | true;
  readonly poll?: string;
  readonly output?: string;
}

export function durationOf(written: string | true | undefined, flag: string): Duration | null {
  if (written === undefined || written === true) return null;
  const duration = parseDuration(written);
  if (duration === null || duration === 0)
    throw new UsageError(`${flag} takes a length of time such as 30s, not ${written}`);
  return duration;
}

/** What stands behind the options: roles of ours, or a command to start. */
export function commandIn(operands: readonly string[]): readonly string[] | null {
  const [first] = operands;
  return first === undefined || OBSERVED_ROLES.some((role) => role === first) ? null : operands;
}

/** Films, keeps the film where a file is named, and tells in short what was seen. */
export async function makeFilm(
  operands: readonly string[],
  options: FilmOptions,
  context: CommandContext,
): Promise<Outcome> {
  const { surroundings } = context;
  const command = commandIn(operands);
  const nobody: ProcessWish = { pids: [], roles: null, workers: null, units: [], programs: [], landlock: new Map() };
  const processes = command === null ? await wishOf(operands, options, context) : nobody;
  const [duration, poll] = [durationOf(options.film, "--film"), durationOf(options.poll, "--poll")];
  const lines: string[] = [];
  // What is there goes with the first line, not before: a process that is not there must cost nobody an older film.
  const file = options.output === undefined ? null : path.resolve(surroundings.cwd, options.output);
  const handle = file === null ? null : await open(file, "a", 0o600).catch((cause: unknown) => unwritable(file, cause));
  let writing: Promise<unknown> | null = null;
  const { method } = await surroundings.observer
    .film(
      {
        command,
        processes,
        cwd: surroundings.cwd,
        duration,
        poll,
      },
      (line) => {
        lines.push(line);
        if (handle !== null) writing = (writing ?? handle.truncate(0)).then(() => handle.write(line));
      },
    )
    .finally(async () => {
      await writing?.catch((cause: unknown) => unwritable(file ?? "", cause));
      await handle?.close();
    });
  const film = readFilm(lines.join(""));
  if (typeof film === "string") throw new Failure("film.failed", film);
  const missing =
    method === "poll" ? "filmed by looking again and again: acts shorter than the interval are missing\n" : "";
  return { json: filmJson(film, file), text: missing + filmSummary(film, context.paint), exit: EXIT.done };
}

/** Unites films into one. */
export async function uniteFiles(
  files: readonly string[],
  output: string | undefined,
  context: CommandContext,
): Promise<Outcome> {
  const film = await readFilms(files, context);
  const file = output === undefined ? null : path.resolve(context.surroundings.cwd, output);
  if (file !== null) await writeText(file, filmText(film, context.terminal.now()));
  return { json: filmJson(film, file), text: filmSummary(film, context.paint), exit: EXIT.done };
}

export async function readFilms(files: readonly string[], { surroundings }: CommandContext): Promise<Film> {
  if (files.length > MOST_FILMS) throw new UsageError(`more than ${MOST_FILMS} films`);
  const films: Film[] = [];
  for (const name of files) {
    const file = path.resolve(surroundings.cwd, name);
    try {
      // The ceiling of what is written, and of one line that went over it.
      if ((await stat(file)).size > 2 * MOST_FILM_BYTES) throw new Failure("film.unreadable", `${file} is too large`);
      const film = readFilm(await readFile(file, "utf8"));
      if (typeof film === "string") throw new Failure("film.unreadable", `${file}: ${film}`);
      films.push(film);
    } catch (cause) {
      if (cause instanceof Failure) throw cause;
      throw new Failure("film.unreadable", `${file}: ${systemCode(cause)}`, { cause });
    }
  }
  const [first, ...rest] = films;
  if (first === undefined) throw new UsageError("a film is needed");
  return uniteFilms([first, ...rest]);
}

export async function writeText(file: string, text: string): Promise<void> {
  const handle = await open(file, "w", 0o644).catch((cause: unknown) => unwritable(file, cause));
  try {
    await handle.writeFile(text).catch((cause: unknown) => unwritable(file, cause));
  } finally {
    await handle.close();
  }
}

function unwritable(file: string, cause: unknown): never {
  throw new Failure("film.unwritten", `${file}: ${systemCode(cause)}`, { cause });
}

function filmJson({ heads, acts, left, unread, broken }: Film, file: string | null): unknown {
  return { file, heads, acts, left, unread, broken };
}
