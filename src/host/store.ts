import { lstatSync, opendirSync, type Stats } from "node:fs";
import path from "node:path";
import { errnoOf } from "../core/kernel/disk.ts";
import { type Fact, known, type ProcessFacts, type StoreFacts, unknown, withFact } from "../core/machine/facts.ts";
import type { Root } from "./root.ts";

/** Names that are looked at; a larger store is unknown, for what lies behind them was not seen. */
const MOST_NAMES = 2_000_000;
/** Wrong ones that are remembered by name. */
const MOST_SHOWN = 100;

/** The folders that servers read, and what of their files a server could write. */
export function storeFacts(root: Root, data: string, processes: Fact<readonly ProcessFacts[]>): StoreFacts {
  const servers = serversOf(processes);
  const walk = walkStore(root, data, servers);
  return {
    ownFileSystem: statFact(root.at(data), (own) =>
      statFact(path.dirname(root.at(data)), (parent) => known(own.dev !== parent.dev)),
    ),
    mountOptions: withFact(root.text("proc/self/mountinfo"), (text) => mountOptions(text, data)),
    // What is writable is wrong, whoever serves; that nothing is can be said only where the servers are known.
    writableToServers: withFact(walk, ({ writable }) =>
      writable.length > 0 ? known(writable) : withFact(servers, () => known(writable)),
    ),
    oddities: withFact(walk, ({ odd }) => known(odd)),
    key: keyFact(root.at(path.join(data, "signer")), root.at(path.join(data, "signer/key"))),
  };
}

function statFact<T>(place: string, use: (stats: Stats) => Fact<T>): Fact<T> {
  try {
    return use(lstatSync(place));
  } catch (cause) {
    return unknown(`${place}: ${errnoOf(cause) ?? "unreadable"}`);
  }
}

function keyFact(folder: string, file: string): StoreFacts["key"] {
  try {
    const { mode, uid } = lstatSync(file);
    // A folder that others may enter and write into gives them the name, whatever the file's own bits say.
    const { mode: around } = lstatSync(folder);
    return known({ mode: (mode | (around & 0o022)) & 0o7777, uid });
  } catch (cause) {
    return errnoOf(cause) === "ENOENT" ? known(null) : unknown(`${file}: ${errnoOf(cause) ?? "unreadable"}`);
  }
}

/** proc_pid_mountinfo(5): the mount point is the fifth field, its options the sixth; the longest point above a path counts. */
function mountOptions(text: string, data: string): Fact<readonly string[]> {
  let best: { readonly point: string; readonly options: readonly string[] } | null = null;
  for (const line of text.split("\n")) {
    const [, , , , written = "", options = ""] = line.split(" ");
    const point = written.replace(/\\([0-7]{3})/g, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 8)),
    );
    const isAbove = point === "/" || data === point || data.startsWith(`${point}/`);
    // Of two mounts on one point the later lies on top.
    if (point !== "" && isAbove && point.length >= (best?.point.length ?? 0))
      best = { point, options: options.split(",") };
  }
  return best === null ? unknown("no mount of the data folder is told") : known(best.options);
}

/** The users of servers that no wall of the kernel stands around: what they own they may write, whatever its bits. */
interface Servers {
  readonly uids: ReadonlySet<number>;
}

function serversOf(processes: Fact<readonly ProcessFacts[]>): Fact<Servers> {
  return withFact(processes, (all): Fact<Servers> => {
    const servers = all.filter(({ role }) => role === "serve");
    if (servers.length === 0) return unknown("no server runs: whose files it could write is not known");
    const uids = new Set<number>();
    for (const { uid, seccomp, noNewPrivileges } of servers) {
      if ("unknown" in uid || "unknown" in seccomp || "unknown" in noNewPrivileges)
        return unknown("whether the kernel confines the servers is not known");
      // The launcher puts a process under Landlock and the filter, or ends it: one shows the other (docs/hardening.md).
      if (seccomp.is !== 2 || !noNewPrivileges.is) uids.add(uid.is);
    }
    return known({ uids });
  });
}

interface Walked {
  readonly writable: readonly string[];
  readonly odd: readonly string[];
}

/** `mayBeGone`: the daemon may take it away meanwhile. */
function lookAt(place: string, mayBeGone: boolean): Stats | undefined {
  return mayBeGone ? lstatSync(place, { throwIfNoEntry: false }) : lstatSync(place);
}

function walkStore(root: Root, data: string, servers: Fact<Servers>): Fact<Walked> {
  const writable: string[] = [];
  const odd: string[] = [];
  let left = MOST_NAMES;
  const look = (place: string): Fact<true> => {
    const stats = lookAt(root.at(path.join(data, place)), place.includes("/"));
    if (stats === undefined) return known(true);
    const byOthers = (stats.mode & 0o022) !== 0 && !stats.isSymbolicLink();
    const byOwner = "is" in servers && servers.is.uids.has(stats.uid);
    if ((byOthers || byOwner) && writable.length < MOST_SHOWN) writable.push(place);
    const fits = stats.isDirectory() || (stats.isFile() && (stats.mode & 0o6000) === 0);
    if (!fits && odd.length < MOST_SHOWN) odd.push(place);
    if (!stats.isDirectory()) return known(true);
    const folder = opendirSync(root.at(path.join(data, place)));
    try {
      for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
        left -= 1;
        if (left < 0) return unknown(`more than ${MOST_NAMES} names are in the store`);
        const inner = look(`${place}/${entry.name}`);
        if ("unknown" in inner) return inner;
      }
    } finally {
      folder.closeSync();
    }
    return known(true);
  };
  for (const folder of ["blobs", "views"]) {
    try {
      const seen = look(folder);
      if ("unknown" in seen && writable.length === 0 && odd.length === 0) return seen;
    } catch (cause) {
      return unknown(`${folder}: ${errnoOf(cause) ?? "unreadable"}`);
    }
  }
  return known({ writable, odd });
}
