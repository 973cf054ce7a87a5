import { readdirSync } from "node:fs";
import { known, unknown, withFact } from "../../core/machine/facts.ts";
import { type Look, MOST_PROCESSES, type Port, type ProcessLook, type ProcessWish } from "../../core/observed/look.ts";
import { ourProcesses } from "../processes.ts";
import { Root } from "../root.ts";
import { lookAtProcess, sharedOf, socketInode, unitIn } from "./look-at-process.ts";
import { socketTable } from "./sockets.ts";

const NOT_SHOWN = "the kernel shows of no process whether it is under Landlock";

/** Looks at processes of this machine, changes nothing. */
export function lookHere(wish: ProcessWish, at: number, root: Root = new Root("/")): Look {
  const pids = whichProcesses(root, wish);
  const shared = sharedOf(root);
  const processes = pids.slice(0, MOST_PROCESSES).flatMap((pid): readonly ProcessLook[] => {
    const told = wish.landlock.get(pid);
    const look = lookAtProcess(root, pid, shared, told === undefined ? unknown(NOT_SHOWN) : known(told));
    // Ended between the list and the look: nothing of it is known, not even its name.
    return "unknown" in look.name && look.name.unknown.endsWith(" ENOENT") ? [] : [look];
  });
  return { at, processes };
}

/** The processes that a wish names, in the order of their numbers. */
export function whichProcesses(
  root: Root,
  { pids, roles, workers, units, programs }: Omit<ProcessWish, "landlock">,
): number[] {
  const found = new Set(pids);
  if (roles !== null) {
    const ours = ourProcesses(root, workers);
    for (const { pid, role } of "is" in ours ? ours.is : [])
      if (roles.length === 0 || roles.includes(role)) found.add(pid);
  }
  if (units.length > 0 || programs.length > 0)
    for (const pid of allProcesses(root)) {
      const unit = withFact(root.text(`proc/${pid}/cgroup`), (text) => known(unitIn(text)));
      if ("is" in unit && unit.is !== null && units.some((name) => unit.is === withSuffix(name))) found.add(pid);
      if (programs.some((name) => isProgram(root, pid, name))) found.add(pid);
    }
  return [...found].toSorted((a, b) => a - b);
}

const withSuffix = (unit: string): string => (/\.[a-z]+$/.test(unit) ? unit : `${unit}.service`);

function isProgram(root: Root, pid: number, name: string): boolean {
  const comm = root.text(`proc/${pid}/comm`, 4_096);
  const program = root.link(`proc/${pid}/exe`);
  const path = "is" in program ? program.is.toString("utf8").replace(/ \(deleted\)$/, "") : "";
  return ("is" in comm && comm.is.trimEnd() === name) || path === name || path.split("/").at(-1) === name;
}

function allProcesses(root: Root): readonly number[] {
  const names = root.names("proc");
  return "is" in names ? names.is.filter((name) => /^\d+$/.test(name)).map(Number) : [];
}

/** Every listener of this network name space, and who holds it. */
export function portsHere(root: Root = new Root("/")): readonly Port[] {
  const holders = new Map<string, { pid: number; name: string }[]>();
  const unseen = new Set<number>();
  for (const pid of allProcesses(root)) {
    const names = root.names(`proc/${pid}/fd`);
    if ("unknown" in names && !names.unknown.endsWith(" ENOENT")) unseen.add(pid);
    const comm = root.text(`proc/${pid}/comm`, 4_096);
    for (const name of "is" in names ? names.is : []) {
      const link = root.link(`proc/${pid}/fd/${name}`);
      if ("unknown" in link && !link.unknown.endsWith(" ENOENT")) unseen.add(pid);
      const inode = "is" in link ? socketInode(link.is.toString("latin1")) : null;
      if (inode === null) continue;
      const held = holders.get(inode) ?? [];
      if (held.every((each) => each.pid !== pid)) held.push({ pid, name: "is" in comm ? comm.is.trimEnd() : "" });
      holders.set(inode, held);
    }
  }
  const ports = [...socketTable(root, "self")].flatMap(([inode, { protocol, state, local, port }]): readonly Port[] =>
    (protocol === "tcp" || protocol === "udp") && state === "listening" && local !== null && port !== null
      ? [{ protocol, address: local, port, holders: heldBy(holders.get(inode) ?? [], unseen.size) }]
      : [],
  );
  return ports.toSorted((a, b) => a.port - b.port || a.protocol.localeCompare(b.protocol));
}

/** The kernel holds sockets of its own; where files of processes were not shown, it may have been one of those. */
function heldBy(held: readonly { readonly pid: number; readonly name: string }[], unseen: number): Port["holders"] {
  if (held.length > 0 || unseen === 0) return known([...held]);
  return unknown(`the files of ${unseen} other processes could not be looked at`);
}

/** Folders in this machine's root; links among them are names of others. */
export function topFoldersHere(): readonly string[] {
  return readdirSync("/", { withFileTypes: true })
    .filter((each) => each.isDirectory())
    .map(({ name }) => name)
    .toSorted();
}
