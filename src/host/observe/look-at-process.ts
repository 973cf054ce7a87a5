import { type Fact, known, unknown, withFact } from "../../core/machine/facts.ts";
import { capabilityNames } from "../../core/observed/capabilities.ts";
import {
  type Library,
  MOST_OPEN_FILES,
  type OpenFile,
  type ProcessLook,
  type Socket,
} from "../../core/observed/look.ts";
import { pathText } from "../../core/observed/path-text.ts";
import { type Mapping, mappings, roleOf, statusField } from "../processes.ts";
import type { Root } from "../root.ts";
import { packagesOf } from "./packages.ts";
import { type SocketFacts, socketTable } from "./sockets.ts";

const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];
const DELETED = / \(deleted\)$/;

/** What several processes share, read once for a look. */
export interface Shared {
  /** The sockets of each network name space, by its name. */
  readonly sockets: Map<string, ReadonlyMap<string, SocketFacts>>;
  /** Names of users by number: etc/passwd. */
  readonly users: ReadonlyMap<number, string>;
  /** Which package brought a file. */
  readonly packages: Map<string, Fact<string | null>>;
}

export function sharedOf(root: Root): Shared {
  const text = root.text("etc/passwd");
  const lines = "is" in text ? text.is.split("\n").map((line) => line.split(":")) : [];
  const users = new Map(lines.flatMap(([name, , uid]) => (uid === undefined ? [] : [[Number(uid), name ?? ""]])));
  return { sockets: new Map(), users, packages: new Map() };
}

/** Everything of one process that /proc shows to whoever asks. `landlock`: what is known of it otherwise. */
export function lookAtProcess(root: Root, pid: number, shared: Shared, landlock: Fact<string>): ProcessLook {
  const field = (name: string): Fact<string> => statusField(root, pid, name);
  const all = mappings(root, pid);
  const descriptors = openDescriptors(root, pid);
  return {
    pid,
    role: roleOf(root, String(pid)),
    name: field("Name"),
    program: withFact(root.link(`proc/${pid}/exe`), (bytes) => known(pathText(bytes))),
    parent: withFact(field("PPid"), (value) => known(Number(value))),
    user: withFact(field("Uid"), (value) => userOf(value, shared.users)),
    // A process without any has an empty field, which is no missing one.
    groups: withFact(root.text(`proc/${pid}/status`), (text) =>
      known([...(/^Groups:(.*)$/m.exec(text)?.[1] ?? "").matchAll(/\d+/g)].map(([group]) => Number(group))),
    ),
    capabilities: capabilitiesOf(field),
    noNewPrivileges: withFact(field("NoNewPrivs"), (value) => known(value === "1")),
    seccomp: withFact(field("Seccomp"), (value): ProcessLook["seccomp"] =>
      value === "2" ? known("filter") : value === "1" ? known("strict") : known("none"),
    ),
    landlock,
    namespaces: namespacesOf(root, pid),
    cgroup: withFact(root.text(`proc/${pid}/cgroup`), (text) => known(/^0::(.*)$/m.exec(text)?.[1] ?? text.trim())),
    unit: withFact(root.text(`proc/${pid}/cgroup`), (text) => known(unitIn(text))),
    files: withFact(descriptors, (those) => known(those.filter((each) => socketInode(each.path) === null))),
    libraries: withFact(all, (maps) => known(librariesOf(root, pid, maps, shared))),
    sockets: withFact(descriptors, (those) => socketsOf(root, pid, those, shared)),
    writableExecutable: withFact(all, (maps) =>
      known(maps.filter(({ rights }) => /w.?x/.test(rights)).map(({ file }) => file)),
    ),
    limits: withFact(root.text(`proc/${pid}/limits`), (text) => known(limitsIn(text))),
    environment: withFact(root.text(`proc/${pid}/environ`), (text) =>
      known(text.split("\0").flatMap((each) => (each.includes("=") ? [each.slice(0, each.indexOf("="))] : []))),
    ),
  };
}

function userOf(value: string, users: ReadonlyMap<number, string>): ProcessLook["user"] {
  const [real, effective, saved] = value.split(/\s+/).map(Number);
  if (real === undefined || effective === undefined || saved === undefined) return unknown("the kernel names no user");
  return known({ real, effective, saved, name: users.get(effective) ?? null });
}

function capabilitiesOf(field: (name: string) => Fact<string>): ProcessLook["capabilities"] {
  const sets: Record<string, readonly string[]> = {};
  for (const [set, name] of [
    ["inheritable", "CapInh"],
    ["permitted", "CapPrm"],
    ["effective", "CapEff"],
    ["bounding", "CapBnd"],
    ["ambient", "CapAmb"],
  ] as const) {
    const value = field(name);
    if ("unknown" in value) return value;
    const names = capabilityNames(value.is);
    if (names === null) return unknown(`${name} is no set of capabilities`);
    sets[set] = names;
  }
  return known(sets) as ProcessLook["capabilities"];
}

function namespacesOf(root: Root, pid: number): ProcessLook["namespaces"] {
  const found: { name: string; id: string; own: Fact<boolean> }[] = [];
  for (const name of NAMESPACES) {
    const link = root.link(`proc/${pid}/ns/${name}`);
    if ("unknown" in link) {
      // A kernel that has no such kind; any other answer is about all of them.
      if (link.unknown.endsWith(" ENOENT") && found.length > 0) continue;
      return link;
    }
    const id = link.is.toString("latin1");
    const first = withFact(root.link(`proc/1/ns/${name}`), (bytes) => known(bytes.toString("latin1") !== id));
    found.push({ name, id, own: first });
  }
  return known(found);
}

/** systemd.unit(5): the last part of the path that names a service or a scope is the unit. */
export function unitIn(cgroup: string): string | null {
  const path = /^0::(.*)$/m.exec(cgroup)?.[1] ?? /^\d+:name=systemd:(.*)$/m.exec(cgroup)?.[1] ?? "";
  return path.split("/").findLast((part) => /\.(?:service|scope|socket|mount)$/.test(part)) ?? null;
}

function openDescriptors(root: Root, pid: number): Fact<readonly OpenFile[]> {
  return withFact(root.names(`proc/${pid}/fd`), (names): Fact<readonly OpenFile[]> => {
    if (names.length > MOST_OPEN_FILES) return unknown(`more than ${MOST_OPEN_FILES} files are open`);
    const files = names.flatMap((name) => {
      const link = root.link(`proc/${pid}/fd/${name}`);
      const info = root.text(`proc/${pid}/fdinfo/${name}`, 1024 * 1024);
      // Closed between the list and the look.
      if ("unknown" in link || "unknown" in info) return [];
      const path = pathText(link.is);
      return [
        { fd: Number(name), path: path.replace(DELETED, ""), mode: modeIn(info.is), deleted: DELETED.test(path) },
      ];
    });
    return known(files.toSorted((a, b) => a.fd - b.fd));
  });
}

/** proc_pid_fdinfo(5): the flags of open(2), in octal. */
function modeIn(info: string): OpenFile["mode"] {
  const flags = Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? "0", 8);
  if ((flags & 0o10_000_000) !== 0) return "path";
  return (["read", "write", "both"] as const)[flags & 3] ?? "both";
}

export function socketInode(path: string): string | null {
  return /^socket:\[(\d+)\]$/.exec(path)?.[1] ?? null;
}

function socketsOf(
  root: Root,
  pid: number,
  descriptors: readonly OpenFile[],
  { sockets }: Shared,
): ProcessLook["sockets"] {
  const net = root.link(`proc/${pid}/ns/net`);
  const key = "is" in net ? net.is.toString("latin1") : String(pid);
  const held = descriptors.flatMap(({ fd, path }) => {
    const inode = socketInode(path);
    return inode === null ? [] : [{ fd, inode }];
  });
  if (held.length === 0) return known([]);
  const table = sockets.get(key) ?? socketTable(root, pid);
  sockets.set(key, table);
  return known(
    held.map(({ fd, inode }): Socket => {
      const facts = table.get(inode) ?? { protocol: "other", state: "other", local: null, port: null, peer: null };
      return { fd, ...facts };
    }),
  );
}

/** Data that a program maps is no library of it: only what it may run. */
function librariesOf(root: Root, pid: number, maps: readonly Mapping[], { packages }: Shared): Library[] {
  const run = maps.flatMap(({ rights, file }) =>
    rights.includes("x") && /^\/(?!memfd:|dev\/|SYSV)/.test(file) ? [file] : [],
  );
  const paths = new Map(run.map((file) => [file, file.replace(DELETED, "")]));
  const unseen = new Set([...paths.values()].filter((file) => !packages.has(file)));
  if (unseen.size > 0) for (const [file, owner] of packagesOf(root, unseen)) packages.set(file, owner);
  return [...paths].map(([file, path]): Library => {
    const there = DELETED.test(file) ? root.exists(`proc/${pid}/root${path}`) : null;
    const state = there === null ? "there" : "is" in there && there.is ? "replaced" : "deleted";
    return { path, package: packages.get(path) ?? unknown("nobody looked"), state };
  });
}

/** proc_pid_limits(5): the name takes 26 columns, and may hold spaces. */
function limitsIn(text: string): { name: string; soft: string; hard: string; unit: string }[] {
  return text.split("\n").flatMap((line) => {
    const [, name, soft, hard, unit] = /^(Max .{22})(\S+) +(\S+) *(\S*)/.exec(line) ?? [];
    return name === undefined ? [] : [{ name: name.trimEnd(), soft: soft ?? "", hard: hard ?? "", unit: unit ?? "" }];
  });
}
