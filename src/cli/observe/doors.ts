import type { Duration } from "../../core/kernel/instant.ts";
import type { Fact } from "../../core/machine/facts.ts";
import type { FilmEnd } from "../../core/observed/film.ts";
import type { Look, Port, ProcessWish } from "../../core/observed/look.ts";
import type { Profile } from "../../core/observed/profile.ts";

/** What is filmed: a command that is started, or processes that run, with their children. */
interface FilmWish {
  readonly command: readonly string[] | null;
  /** Meant without a command. */
  readonly processes: ProcessWish;
  readonly cwd: string;
  /** `null`: until it ends, or is interrupted. */
  readonly duration: Duration | null;
  /** Time between two looks, where it shall not be traced. */
  readonly poll: Duration | null;
}

interface Filmed {
  readonly method: "trace" | "poll";
  readonly end: FilmEnd;
  /** The command's exit code; `null`: none was started, or a signal ended it. */
  readonly exit: number | null;
}

/** A program that runs under its profile. */
interface TryWish {
  readonly command: readonly [string, ...string[]];
  readonly profile: Profile;
  readonly unit: string;
  readonly cwd: string;
  readonly duration: Duration | null;
}

interface Tried extends Filmed {
  /** `launcher`: without systemd, by our own, with the same paths, ports, families and calls. */
  readonly by: "systemd" | "launcher";
}

/** What of this machine's processes can be seen and tried; `main/observe-here.ts` makes the real one. */
export interface Observer {
  look(wish: ProcessWish): Promise<Look>;
  ports(): Promise<readonly Port[]>;
  /** Names of the folders in this machine's root. */
  topFolders(): Promise<readonly string[]>;
  /** What the systemd of this machine passes over, though a unit says it: sentences. */
  passedOver(): Promise<readonly string[]>;
  /** What systemd-analyze says of a unit's text, 0 to 10. */
  exposure(unit: string): Promise<Fact<number>>;
  /** Films until the time is over, everything has ended, or the person interrupts. Lines end in a line feed. Throws `film.failed`, `process.unknown`. */
  film(wish: FilmWish, write: (line: string) => void): Promise<Filmed>;
  /** Films a command under its profile. Throws `trial.unavailable`, `film.failed`. */
  try(wish: TryWish, write: (line: string) => void): Promise<Tried>;
  /** Whether a path is on this machine. */
  isThere(path: string): boolean;
}
