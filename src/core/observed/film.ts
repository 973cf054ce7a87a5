import * as z from "zod";
import type { Instant } from "../kernel/instant.ts";

/** Different acts of one film; half of the places are for those that failed, which a stranger's requests can make at will. */
export const MOST_ACTS = 65_536;
/** Bytes of one film, and of one line in it. */
export const MOST_FILM_BYTES = 64 * 1024 * 1024;
const MOST_TEXT = 16_384;

const text = z.string().max(MOST_TEXT);

/** A file or folder: `path` is absolute, as `path-text.ts` writes it. `folder`: it was seen to be one. */
const fileAct = z.strictObject({
  act: z.enum(["read", "write", "execute", "look", "make", "remove"]),
  path: text,
  folder: z.boolean(),
});
/** An address as it was asked for: of IP with a port; of a local socket its path, `@` before an abstract name. */
const socketAct = z.strictObject({
  act: z.enum(["bind", "connect"]),
  family: z.enum(["AF_INET", "AF_INET6", "AF_UNIX"]),
  protocol: z.enum(["tcp", "udp", "other"]),
  address: text,
  port: z.int().min(0).max(65_535).nullable(),
});
const word = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/);
/** `socket`: a family and a type of sockets; `call`: a call that services seldom make; `right`: a capability that was needed. */
const wordAct = z.strictObject({
  act: z.enum(["socket", "call", "right", "namespace"]),
  name: word,
  /** Of a socket its type, of a right what needed it. */
  with: text,
});

const act = z.union([fileAct, socketAct, wordAct]);
export type Act = Readonly<z.output<typeof act>>;
export type FileAct = Readonly<z.output<typeof fileAct>>;
export type SocketAct = Readonly<z.output<typeof socketAct>>;
export type WordAct = Readonly<z.output<typeof wordAct>>;

/** Who did it: the path of the program, and the user that it was then. */
const who = z.strictObject({ pid: z.int(), uid: z.int().nullable(), program: text });
export type Who = Readonly<z.output<typeof who>>;

/** One line: an act that was not seen before, from one program, as one user, with one ending. */
const actLine = z.strictObject({
  at: z.int(),
  by: who,
  /** The kernel's error; `null`: it went well. */
  failed: word.nullable(),
  did: act,
});
export type ActLine = Readonly<z.output<typeof actLine>>;

const headLine = z.strictObject({
  film: z.literal(1),
  at: z.int(),
  /** `trace`: every call was seen; `poll`: what was shorter than the interval was missed. */
  method: z.enum(["trace", "poll"]),
  interval: z.int().nullable(),
  /** The command that was started, its program first and nothing of its arguments; `null`: running processes were watched. */
  command: text.nullable(),
  uid: z.int().nullable(),
  gid: z.int().nullable(),
});
export type FilmHead = Readonly<z.output<typeof headLine>>;

const endLine = z.strictObject({
  end: z.int(),
  /** How often each act was seen, in the order of the lines. */
  times: z.array(z.int()).max(MOST_ACTS),
  /** Acts for which there was no place, and lines of the trace that could not be read. */
  left: z.int(),
  unread: z.int(),
});
export type FilmEnd = Readonly<z.output<typeof endLine>>;

const line = z.union([headLine, endLine, actLine]);

/** One film that was read, or several that were united. */
export interface Film {
  readonly heads: readonly [FilmHead, ...FilmHead[]];
  readonly acts: readonly (ActLine & { readonly times: number })[];
  readonly left: number;
  readonly unread: number;
  /** Films whose end is missing: the recording was broken off. */
  readonly broken: number;
}

/** What a film's text says; or what is wrong with it. */
export function readFilm(written: string): Film | string {
  const acts: ActLine[] = [];
  let head: FilmHead | null = null;
  let end: FilmEnd | null = null;
  const lines = written.split("\n");
  for (const [index, each] of lines.entries()) {
    if (each === "") continue;
    const parsed = line.safeParse(jsonOf(each));
    // The last line of a recording that was broken off may be half of one.
    if (!parsed.success && index === lines.length - 1) break;
    if (!parsed.success) return `line ${index + 1} is none of a film`;
    const { data } = parsed;
    if ("film" in data) {
      if (head !== null) return `line ${index + 1} is a second head`;
      head = data;
    } else if (head === null || end !== null) return `line ${index + 1} stands outside the film`;
    else if ("end" in data) end = data;
    else if (acts.push(data) > MOST_ACTS) return `more than ${MOST_ACTS} acts`;
  }
  if (head === null) return "there is no head";
  return {
    heads: [head],
    acts: acts.map((each, index) => ({ ...each, times: end?.times[index] ?? 1 })),
    left: end?.left ?? 0,
    unread: end?.unread ?? 0,
    broken: end === null ? 1 : 0,
  };
}

function jsonOf(written: string): unknown {
  try {
    return JSON.parse(written);
  } catch {
    return null;
  }
}

/** Whether two lines tell of the same: who the process was by its number does not matter. */
export function actKey({ by, failed, did }: Pick<ActLine, "by" | "failed" | "did">): string {
  return JSON.stringify([by.program, by.uid, failed, did]);
}

/** Several films as one: each act once, with the sum of its times. */
export function uniteFilms(films: readonly [Film, ...Film[]]): Film {
  const acts = new Map<string, ActLine & { times: number }>();
  for (const each of films.flatMap((film) => film.acts)) {
    const key = actKey(each);
    const had = acts.get(key);
    acts.set(key, { ...(had ?? each), times: (had?.times ?? 0) + each.times });
  }
  const [first, ...rest] = films;
  const sum = (of: (film: Film) => number): number => films.reduce((total, film) => total + of(film), 0);
  return {
    heads: [...first.heads, ...rest.flatMap(({ heads }) => heads)],
    acts: [...acts.values()],
    left: sum(({ left }) => left),
    unread: sum(({ unread }) => unread),
    broken: sum(({ broken }) => broken),
  };
}

/** A film as text again: of several that were united the first head. */
export function filmText({ heads, acts, left, unread }: Film, end: Instant): string {
  const [head] = heads;
  const lines = acts.map(({ at, by, failed, did }): ActLine => ({ at, by, failed, did }));
  const last: FilmEnd = { end, times: acts.map(({ times }) => times), left, unread };
  return [head, ...lines, last].map((each) => `${JSON.stringify(each)}\n`).join("");
}

/** Notes acts as they are seen, each once, within the ceiling. */
export class FilmRecorder {
  readonly #seen = new Map<string, number>();
  readonly #times: number[] = [];
  #failed = 0;
  #left = 0;

  /** The line that is new with this act, or `null`. */
  note(at: Instant, by: Who, did: Act, failed: string | null): ActLine | null {
    const noted: ActLine = { at, by, failed, did };
    const key = actKey(noted);
    const place = this.#seen.get(key);
    if (place !== undefined) {
      this.#times[place] = (this.#times[place] ?? 0) + 1;
      return null;
    }
    const isFull = this.#times.length >= MOST_ACTS || (failed !== null && this.#failed >= MOST_ACTS / 2);
    if (isFull || !act.safeParse(did).success) {
      this.#left += 1;
      return null;
    }
    if (failed !== null) this.#failed += 1;
    this.#seen.set(key, this.#times.push(1) - 1);
    return noted;
  }

  end(at: Instant, unread: number): FilmEnd {
    return { end: at, times: this.#times, left: this.#left, unread };
  }
}
