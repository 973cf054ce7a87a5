import { existsSync } from "node:fs";
import { Failure } from "../../core/kernel/errors.ts";
import { statusField } from "../processes.ts";
import { Root } from "../root.ts";
import type { Filmed, FilmWish } from "./film-wish.ts";
import { pollFilm } from "./poll.ts";
import { aboutProcess, withDescendants } from "./relatives.ts";
import { TRACER, traceFilm } from "./trace.ts";

/** Where strace is missing, or may not trace. */
const POLL_EVERY = 100;

/**
 * Films until the duration is over, everything has ended, or `stop` is raised. Throws `process.unknown` where nothing is there
 * to be filmed, `film.failed` where it cannot be.
 */
export async function filmHere(wish: FilmWish, write: (line: string) => void, stop: AbortSignal): Promise<Filmed> {
  const root = new Root("/");
  const known = new Map(
    withDescendants(root, wish.pids).flatMap((pid) => {
      const about = aboutProcess(root, pid);
      return about === null ? [] : [[pid, about] as const];
    }),
  );
  const hidden = wish.pids.find((pid) => !known.has(pid) && "is" in statusField(root, pid, "Name"));
  if (hidden !== undefined) throw new Failure("film.failed", `process ${hidden} may not be looked at`);
  if (wish.command === null && known.size === 0) throw new Failure("process.unknown", wish.pids.join(", "));
  const ends = wish.duration === null ? stop : AbortSignal.any([stop, AbortSignal.timeout(wish.duration)]);
  if (wish.poll === null && existsSync(TRACER)) {
    const traced = await traceFilm(wish, known, write, ends);
    if (traced !== null) return traced;
  }
  return pollFilm({ ...wish, poll: wish.poll ?? POLL_EVERY }, known, write, ends);
}
