import { type Fact, type HostFacts, known, type ProcessFacts, unknown, withFact } from "../core/machine/facts.ts";
import type { Root } from "./root.ts";

/** The entries of our processes, by which they are known; a number that somebody wrote down may be another process by now. */
const ROLES: readonly (readonly [RegExp, string])[] = [
  [/(?:^|\/)ringfortd\.[jt]s$/, "keeper"],
  [/(?:^|\/)(?:fetch|inspect|serve|sign|notify|login)-worker\.[jt]s$/, "worker"],
  [/(?:^|\/)main\/console\.[jt]s$/, "console"],
];

const SECRET_NAME = /(?:^|_)(?:PASS(?:WORD|WD|PHRASE)?|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIALS?)(?:_|$)/i;

export interface OurProcess {
  readonly pid: number;
  readonly role: string;
}

/** Processes of ours. `of`: only these and who started them, where the daemon has told its own. */
export function ourProcesses(root: Root, of: readonly number[] | null): Fact<readonly OurProcess[]> {
  return withFact(root.names("proc"), (names): Fact<readonly OurProcess[]> => {
    const found = names
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        const role = roleOf(root, name);
        return role === null ? [] : [{ pid: Number(name), role }];
      })
      .toSorted((a, b) => a.pid - b.pid);
    if (of === null) return known(found);
    const workers = found.filter(({ pid }) => of.includes(pid));
    const parents = new Set(
      of.map((pid) => statusField(root, pid, "PPid")).flatMap((fact) => ("is" in fact ? [Number(fact.is)] : [])),
    );
    const keepers = found.filter(({ role }) => role === "keeper");
    const started = keepers.filter(({ pid }) => parents.has(pid));
    // Where systemd starts each role it is everybody's parent: then every keeper that is here is looked at.
    const bySystemd = workers.length > 0 && started.length === 0 && parents.has(1);
    const ours = new Set([...of, ...(bySystemd ? keepers : started).map(({ pid }) => pid)]);
    return known(found.filter(({ pid }) => ours.has(pid)));
  });
}

/** The role of a process of ours; `null`: it is none, or does not show its command line. */
export function roleOf(root: Root, pid: string): string | null {
  const words = root.text(`proc/${pid}/cmdline`, 1_024 * 1_024);
  if ("unknown" in words) return null;
  for (const word of words.is.split("\0"))
    for (const [pattern, role] of ROLES)
      if (pattern.test(word)) return role === "worker" ? (/(\w+)-worker\.[jt]s$/.exec(word)?.[1] ?? role) : role;
  return null;
}

/** Everything that the checks ask of our processes. */
export function processFacts(root: Root, ours: readonly OurProcess[]): readonly ProcessFacts[] {
  return ours.map(({ pid, role }) => ({
    pid,
    role,
    uid: withFact(statusField(root, pid, "Uid"), (value) => known(Number(value.split(/\s+/)[1]))),
    capabilities: withFact(statusField(root, pid, "CapEff"), (value) => known(BigInt(`0x${value}`))),
    bounding: withFact(statusField(root, pid, "CapBnd"), (value) => known(BigInt(`0x${value}`))),
    noNewPrivileges: withFact(statusField(root, pid, "NoNewPrivs"), (value) => known(value === "1")),
    seccomp: withFact(statusField(root, pid, "Seccomp"), (value) => known(Number(value))),
    writableExecutable: withFact(mappings(root, pid), (all) =>
      known(all.filter(({ rights }) => /w.?x/.test(rights)).length),
    ),
    coreLimit: withFact(root.text(`proc/${pid}/limits`), coreLimit),
    secretNames: withFact(root.text(`proc/${pid}/environ`), (text) =>
      known(
        text
          .split("\0")
          .map((each) => each.split("=")[0] ?? "")
          .filter((name) => SECRET_NAME.test(name)),
      ),
    ),
    emptyNetwork: withFact(root.text(`proc/${pid}/net/dev`), (text) =>
      known(interfacesIn(text).every((name) => name === "lo")),
    ),
    replaced: withFact(mappings(root, pid), (all) => known(replacedFiles(all))),
  }));
}

/** Processes of others that run what a package has replaced. What ends while it is looked at is nobody's. */
export function replacedElsewhere(root: Root, ours: readonly OurProcess[]): HostFacts["replacedElsewhere"] {
  const own = new Set(ours.map(({ pid }) => pid));
  return withFact(root.names("proc"), (names): HostFacts["replacedElsewhere"] => {
    const found: { pid: number; name: string; files: readonly string[] }[] = [];
    for (const pid of names.filter((name) => /^\d+$/.test(name)).map(Number)) {
      if (own.has(pid)) continue;
      const all = mappings(root, pid);
      // Threads of the kernel have no mappings; what may not be looked at could have anything.
      if ("unknown" in all && /E(?:ACCES|PERM)$/.test(all.unknown)) return all;
      const files = "is" in all ? replacedFiles(all.is) : [];
      const name = root.text(`proc/${pid}/comm`, 64);
      if (files.length > 0) found.push({ pid, name: "is" in name ? name.is.trim() : "?", files });
    }
    return known(found);
  });
}

export interface Mapping {
  readonly rights: string;
  readonly file: string;
}

/** proc_pid_maps(5): address, rights, offset, device, inode, path. */
export function mappings(root: Root, pid: number): Fact<readonly Mapping[]> {
  return withFact(root.text(`proc/${pid}/maps`, 16 * 1_024 * 1_024), (text) =>
    // A thread of the kernel has none; ours always have some, and an empty answer says that it is ending.
    text === ""
      ? unknown(`proc/${pid}/maps is empty`)
      : known(
          text.split("\n").flatMap((line) => {
            const [, rights, file = ""] = /^\S+ (\S{4}) \S+ \S+ \d+ *(.*)$/.exec(line) ?? [];
            return rights === undefined ? [] : [{ rights, file }];
          }),
        ),
  );
}

/** What a package has replaced: a program or a library. Memory without a name on a disk is shown as deleted from the start. */
function replacedFiles(all: readonly Mapping[]): readonly string[] {
  const gone = all
    .filter(({ rights, file }) => rights.includes("x") && file.endsWith(" (deleted)"))
    .map(({ file }) => file.replace(/ \(deleted\)$/, ""))
    .filter((file) => !/^\/(?:memfd:|dev\/|SYSV)/.test(file));
  return [...new Set(gone)];
}

/** One field of proc_pid_status(5), trimmed. */
export function statusField(root: Root, pid: number, name: string): Fact<string> {
  return withFact(root.text(`proc/${pid}/status`), (text) => {
    const value = new RegExp(`^${name}:\\s*(.+)$`, "m").exec(text)?.[1];
    return value === undefined ? unknown(`proc/${pid}/status has no ${name}`) : known(value.trim());
  });
}

function coreLimit(text: string): Fact<number> {
  const soft = /^Max core file size\s+(\S+)/m.exec(text)?.[1];
  if (soft === undefined) return unknown("no limit of core dumps is told");
  return known(soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft));
}

/** proc/net/dev: two lines of heading, then a name and a colon. */
function interfacesIn(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => /^\s*([^\s:|]+):/.exec(line)?.[1] ?? []);
}
