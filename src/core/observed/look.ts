import * as z from "zod";
import type { Fact } from "../machine/facts.ts";

/** Processes, files and sockets of one look. A process that has more of a kind than this is told as unknown, not cut. */
export const MOST_PROCESSES = 4_096;
export const MOST_OPEN_FILES = 65_536;

/** What was seen, or why it could not be. */
const fact = <T extends z.ZodType>(is: T): z.ZodType<Fact<z.output<T>>> =>
  z.union([z.strictObject({ is }), z.strictObject({ unknown: z.string() })]) as unknown as z.ZodType<Fact<z.output<T>>>;

const openFile = z.strictObject({
  fd: z.int(),
  /** As the kernel says it, without its mark of deletion. */
  path: z.string(),
  /** open(2): how it was opened; `path` is O_PATH. */
  mode: z.enum(["read", "write", "both", "path"]),
  deleted: z.boolean(),
});
export type OpenFile = Readonly<z.output<typeof openFile>>;

const library = z.strictObject({
  path: z.string(),
  /** What dpkg says brought it; `null`: no package. */
  package: fact(z.string().nullable()),
  /** `replaced`: another file has its name now; `deleted`: none has. */
  state: z.enum(["there", "replaced", "deleted"]),
});
export type Library = Readonly<z.output<typeof library>>;

const socket = z.strictObject({
  fd: z.int(),
  protocol: z.enum(["tcp", "udp", "raw", "unix", "other"]),
  state: z.enum(["listening", "connected", "bound", "other"]),
  /** The address of the near end; of a local socket its path, with `@` before an abstract name; `null`: none. */
  local: z.string().nullable(),
  port: z.int().nullable(),
  /** ADDRESS:PORT of the far end. */
  peer: z.string().nullable(),
});
export type Socket = Readonly<z.output<typeof socket>>;

const SETS = ["inheritable", "permitted", "effective", "bounding", "ambient"] as const;

/** One process, as /proc shows it at one moment. */
const processLook = z.strictObject({
  pid: z.int(),
  /** Of our own processes: keeper, fetch, inspect, serve, console, sign, notify, login; `null`: somebody else's. */
  role: z.string().nullable(),
  /** What the process calls itself; it may lie. */
  name: fact(z.string()),
  program: fact(z.string()),
  parent: fact(z.int()),
  user: fact(z.strictObject({ real: z.int(), effective: z.int(), saved: z.int(), name: z.string().nullable() })),
  groups: fact(z.array(z.int())),
  capabilities: fact(z.strictObject(Object.fromEntries(SETS.map((set) => [set, z.array(z.string())])))),
  noNewPrivileges: fact(z.boolean()),
  seccomp: fact(z.enum(["none", "strict", "filter"])),
  landlock: fact(z.string()),
  /** `own`: not the one of process 1. */
  namespaces: fact(z.array(z.strictObject({ name: z.string(), id: z.string(), own: fact(z.boolean()) }))),
  cgroup: fact(z.string()),
  unit: fact(z.string().nullable()),
  files: fact(z.array(openFile)),
  libraries: fact(z.array(library)),
  sockets: fact(z.array(socket)),
  /** Memory that is writable and executable: the file behind it, or an empty text. */
  writableExecutable: fact(z.array(z.string())),
  limits: fact(z.array(z.strictObject({ name: z.string(), soft: z.string(), hard: z.string(), unit: z.string() }))),
  /** Names of environment variables. Values are not read on. */
  environment: fact(z.array(z.string())),
});
export type ProcessLook = Readonly<z.output<typeof processLook>>;

/** What `ringfort observe --json` prints, and `--diff` reads. */
export const look = z.strictObject({
  at: z.int(),
  processes: z.array(processLook).max(MOST_PROCESSES),
});
export type Look = Readonly<z.output<typeof look>>;

/** Who listens: fport's question. */
const port = z.strictObject({
  protocol: z.enum(["tcp", "udp"]),
  address: z.string(),
  port: z.int(),
  /** The processes that hold the socket; empty: the kernel itself. */
  holders: fact(z.array(z.strictObject({ pid: z.int(), name: z.string() }))),
});
export type Port = Readonly<z.output<typeof port>>;

/** Which processes a look or a film is at; a process that is named in more than one way is looked at once. */
export interface ProcessWish {
  readonly pids: readonly number[];
  /** Roles of our own processes; `null`: none of them, an empty list: all. */
  readonly roles: readonly string[] | null;
  /** The daemon's workers, as it tells: of our own only these and who started them. `null`: all that are found. */
  readonly workers: readonly number[] | null;
  readonly units: readonly string[];
  /** The name that a process gives itself, or its program's path or file name. */
  readonly programs: readonly string[];
  /** What the daemon tells of its own: by process, what its launcher took away with Landlock. */
  readonly landlock: ReadonlyMap<number, string>;
}
