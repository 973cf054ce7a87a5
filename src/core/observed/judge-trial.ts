import type { ActLine, Film } from "./film.ts";

/** What was refused when the program ran under its profile. */
export interface Refused {
  readonly line: ActLine & { readonly times: number };
  /** `taken`: a film shows that it did this; `new`: no film does; `hidden`: it looked for what is there, and is not shown to it. */
  readonly why: "taken" | "new" | "hidden";
}

/** What walls answer with: no right, a file system to be read, no such family of addresses. */
const WALLS: ReadonlySet<string> = new Set(["EPERM", "EACCES", "EROFS", "EAFNOSUPPORT", "ENETUNREACH"]);

/**
 * Compares a trial with the films that its profile was made of. What always failed in them is how the program is, whatever the error is now.
 * `isThere` tells whether a path that was not found is on this machine.
 */
export function judgeTrial(film: Film, trial: Film, isThere: (path: string) => boolean): readonly Refused[] {
  const done = keysOf(film.acts.filter(({ failed }) => failed === null));
  const tried = keysOf(film.acts);
  return trial.acts.flatMap((line): readonly Refused[] => {
    const { did, failed } = line;
    const key = JSON.stringify(did);
    if (failed === null || (tried.has(key) && !done.has(key))) return [];
    if (WALLS.has(failed)) return [{ line, why: done.has(key) ? "taken" : "new" }];
    if (failed !== "ENOENT" || !("path" in did)) return [];
    // A file that came and went while it was filmed is missing now because nobody made it.
    return isThere(did.path) ? [{ line, why: done.has(key) ? "taken" : "hidden" }] : [];
  });
}

const keysOf = (lines: Film["acts"]): ReadonlySet<string> => new Set(lines.map(({ did }) => JSON.stringify(did)));

/** The acts of a trial from where the program begins: before that its walls are put up, by somebody else. */
export class FromTheProgram {
  #begun = false;
  readonly #program: string;

  constructor(program: string) {
    this.#program = program;
  }

  /** Whether this act is the program's. */
  takes({ did, failed }: Pick<ActLine, "did" | "failed">): boolean {
    if (!this.#begun && did.act === "execute" && "path" in did && did.path === this.#program && failed === null)
      this.#begun = true;
    return this.#begun;
  }
}
