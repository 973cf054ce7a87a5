/**
 * What each role may do, as Node's permission flags (level 0, on every platform). They are the second wall, never the
 * first: symbolic links are followed out of an allowed tree, `node:sqlite` ignores them, and they disable fsync; which
 * is why the roles that have them open no database, make no durable write and see no tree in which anyone could
 * plant a link. The kernel's wall is put around the same table in `confine`.
 */
export interface Jail {
  readonly role: string;
  /** What it must read to run, the same for every role: never a folder that the data folder may lie in. */
  readonly program: readonly string[];
  /** Folders whose files may be read. */
  readonly reads: readonly string[];
  /** Folders that it may write in, too: the signer's own. */
  readonly writes?: readonly string[];
  /**
   * "listen": it gives the right to connect up when it listens (`serve/worker.ts`); "listen-and-call-back": it cannot,
   * because active FTP connects to clients; "listen-and-connect": the console, which connects to a socket of the keeper's.
   */
  readonly network: "none" | "connect" | "listen" | "listen-and-call-back" | "listen-and-connect";
}

/** How far a process is confined, upwards: by Node's flags (L0), by the kernel too (L1), and with a user of its own (L2). */
export const LEVELS = ["flags", "kernel", "users"] as const;
export type Level = (typeof LEVELS)[number];

/**
 * The seam of the kernel layer: what turns a command line into one that runs confined. `descriptors`: how many the process
 * inherits, standard ones included.
 */
export type Confine = (jail: Jail, command: readonly string[], descriptors: number) => readonly string[];

/** Level 0: the flags alone. */
export const permissionFlagsOnly: Confine = (jail, command) => {
  const [node = "", ...rest] = command;
  return [node, ...permissionFlags(jail), ...rest];
};

/**
 * Level 1: the flags, and around them the kernel. The launcher (`main/launch.ts`) gives up what the jail does not name and
 * becomes the command, or it ends and the command does not run.
 */
export function throughLauncher(launcher: readonly string[], landlock: number): Confine {
  return (jail, command, descriptors) => [
    ...launcher,
    JSON.stringify(kernelPolicy(jail, descriptors)),
    String(landlock),
    ...permissionFlagsOnly(jail, command, descriptors),
  ];
}

const SOCKETS = {
  none: "none",
  connect: "connect",
  // Where there is a launcher the keeper opens the listeners.
  listen: "accept",
  "listen-and-call-back": "call-back",
  "listen-and-connect": "any",
} as const;

/** What the launcher is told (`confine/policy.ts`). */
export interface JailPolicy {
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly sockets: (typeof SOCKETS)[Jail["network"]];
  readonly descriptors: number;
}

export function kernelPolicy({ program, reads, writes = [], network }: Jail, descriptors: number): JailPolicy {
  return { reads: [...program, ...reads], writes, sockets: SOCKETS[network], descriptors };
}

function permissionFlags({ program, reads, writes = [], network }: Jail): readonly string[] {
  return [
    "--permission",
    ...[...program, ...reads].map((folder) => `--allow-fs-read=${folder}`),
    ...writes.flatMap((folder) => [`--allow-fs-read=${folder}`, `--allow-fs-write=${folder}`]),
    ...(network === "none" ? [] : ["--allow-net"]),
    // The permission model says of itself that it is experimental, once in each process.
    "--disable-warning=ExperimentalWarning",
    "--disable-warning=SecurityWarning",
  ];
}

/** For a person: "no network; reads its program and /srv/ringfort/quarantine; writes nothing". */
export function describeJail({ reads, writes = [], network }: Jail): string {
  const net = {
    none: "no network",
    connect: "connects outside",
    listen: "listens, connects nowhere",
    "listen-and-call-back": "listens, connects back (active FTP)",
    "listen-and-connect": "listens, may connect",
  } as const;
  return `${net[network]}; reads ${["its program", ...reads].join(", ")}; writes ${writes.join(", ") || "nothing"}`;
}
