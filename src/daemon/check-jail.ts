import { existsSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import path from "node:path";
import type { RevisionEntry } from "../core/model/revision.ts";

/** What a check may see and take. */
export interface CheckJail {
  /** The folder of blobs by digest: `<blobs>/ab/<digest>`. */
  readonly blobs: string;
  /** A folder of links into `/blobs`, by the revision's names: `layOut`. */
  readonly tree: string;
  /** Files and folders of this machine, to be read. */
  readonly reads: readonly string[];
  /** Bytes of address space of each process. */
  readonly memory: number;
  readonly command: readonly string[];
}

/** Files of one revision that are laid out in a jail. */
export const MOST_JAILED = 20_000;

/** Bytes of the jail's own /tmp, and of one file in it. */
const SCRATCH_BYTES = 512 * 1024 * 1024;

/** Where the EICAR test file stands in the jail. */
export const SAMPLE = "/samples/eicar.com";

/** Descriptors of the child: its arguments, the sample, what bubblewrap says of itself. */
export const JAIL_FDS = { args: 3, sample: 4, status: 5 } as const;

const PROGRAMS = ["/usr", "/bin", "/sbin", "/lib", "/lib64"];
const ETC = ["/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime"];

/**
 * The command line that runs a check in a jail of its own, made by bubblewrap: new user, process, network, IPC and host
 * name spaces; programs of the machine and the named files to be read, the revision below /revision, an empty /tmp of
 * bounded size, and nothing else of the file system; no network, no environment, no capability; gone with its parent.
 */
export function jailCommand({ memory, command }: CheckJail): readonly string[] {
  return [
    "prlimit",
    `--as=${memory}`,
    `--fsize=${SCRATCH_BYTES}`,
    "--core=0",
    "--nofile=1024",
    "--",
    "bwrap",
    "--args",
    String(JAIL_FDS.args),
    "--",
    ...command,
  ];
}

/**
 * Lays a revision's names out in an empty folder, as links that lead somewhere in the jail alone: bubblewrap takes no
 * more than 9,000 arguments. A revision's paths are safe and differ from each other (`core/kernel/safe-path.ts`).
 */
export async function layOut(tree: string, entries: readonly Pick<RevisionEntry, "path" | "sha256">[]): Promise<void> {
  const folders = new Set(entries.map((entry) => path.posix.dirname(entry.path)));
  for (const folder of folders) await mkdir(path.join(tree, folder), { recursive: true });
  for (const entry of entries)
    await symlink(`/blobs/${entry.sha256.slice(0, 2)}/${entry.sha256}`, path.join(tree, entry.path));
}

/** What bubblewrap reads from its descriptor: arguments, each ended by NUL. Throws for what would end one early. */
export function jailArguments(jail: CheckJail): Buffer {
  const places = [...PROGRAMS, ...ETC].map((place) => ["--ro-bind-try", place, place]);
  const reads = jail.reads.filter((place) => existsSync(place)).map((place) => ["--ro-bind", place, place]);
  const options: readonly (readonly string[])[] = [
    ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"],
    ["--setenv", "PATH", "/usr/bin:/usr/sbin:/bin:/sbin"],
    ["--setenv", "LC_ALL", "C.UTF-8"],
    ["--setenv", "HOME", "/tmp"],
    ["--proc", "/proc"],
    ["--dev", "/dev"],
    ["--size", String(SCRATCH_BYTES), "--tmpfs", "/tmp"],
    ["--json-status-fd", String(JAIL_FDS.status)],
    ...places,
    ...reads,
    ["--ro-bind", jail.blobs, "/blobs"],
    ["--ro-bind-data", String(JAIL_FDS.sample), SAMPLE],
    ["--ro-bind", jail.tree, "/revision"],
    ["--chdir", "/revision"],
    ["--remount-ro", "/"],
  ];
  const args = options.flat();
  if (args.some((arg) => arg.includes("\0"))) throw new Error("an argument of a jail holds a NUL");
  return Buffer.from(args.map((arg) => `${arg}\0`).join(""));
}

/** The EICAR test file, put together where it is used: as it is, it would be found in our own sources. */
export function eicar(): string {
  return ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-", "FILE!$H+H*"].join("");
}
