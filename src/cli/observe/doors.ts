import type { Look, Port } from "../../core/observed/look.ts";

/** Which processes are meant; see `host/observe/look.ts`. */
export interface ProcessWish {
  readonly pids: readonly number[];
  /** Roles of our own processes; `null`: none of them, an empty list: all. */
  readonly roles: readonly string[] | null;
  /** The daemon's workers, as it tells; `null`: it did not answer. */
  readonly workers: readonly number[] | null;
  readonly units: readonly string[];
  readonly programs: readonly string[];
  /** By process: what is known of its Landlock from who put it there. */
  readonly landlock: ReadonlyMap<number, string>;
}

/** What of this machine's processes can be seen and tried; `main/observe-here.ts` makes the real one. */
export interface Observer {
  look(wish: ProcessWish): Promise<Look>;
  ports(): Promise<readonly Port[]>;
}
