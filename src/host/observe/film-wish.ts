import type { FilmEnd } from "../../core/observed/film.ts";

/** What is filmed: a command that is started, or processes that run, with their children. */
export interface FilmWish {
  readonly command: readonly string[] | null;
  readonly pids: readonly number[];
  readonly cwd: string;
  /** Milliseconds; `null`: until it ends, or is told to. */
  readonly duration: number | null;
  /** Milliseconds between two looks, where it shall not be traced; `null`: traced where that is possible. */
  readonly poll: number | null;
}

export interface Filmed {
  readonly method: "trace" | "poll";
  readonly end: FilmEnd;
  /** The command's exit code; `null`: none was started, or a signal ended it. */
  readonly exit: number | null;
}
