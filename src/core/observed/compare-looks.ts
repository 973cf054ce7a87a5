import type { Fact } from "../machine/facts.ts";
import type { Look, ProcessLook } from "./look.ts";

/** One thing that a process has in one look and not in the other; of a whole process where `what` is "process". */
export interface Difference {
  readonly process: string;
  readonly what: string;
  readonly change: "gone" | "new" | "unknown";
  readonly value: string;
}

/** What of a process is compared, each as texts that are the same where nothing has changed. */
const COMPARED: readonly (readonly [what: string, values: (look: ProcessLook) => Fact<readonly string[]>])[] = [
  ["program", ({ program }) => each(program, (path) => [path])],
  ["user", ({ user }) => each(user, ({ real, effective, saved }) => [`${real} ${effective} ${saved}`])],
  ["group", ({ groups }) => each(groups, (all) => all.map(String))],
  ["capability", ({ capabilities }) => each(capabilities, capabilityTexts)],
  ["no_new_privs", ({ noNewPrivileges }) => each(noNewPrivileges, (is) => [String(is)])],
  ["seccomp", ({ seccomp }) => each(seccomp, (mode) => [mode])],
  ["name space", ({ namespaces }) => ("is" in namespaces ? ownSpaces(namespaces.is) : namespaces)],
  ["unit", ({ unit }) => each(unit, (name) => [name ?? "none"])],
  ["file", ({ files }) => each(files, (all) => all.map(({ path, mode }) => `${steady(path)} (${mode})`))],
  ["library", ({ libraries }) => each(libraries, (all) => all.map(({ path, state }) => `${path} (${state})`))],
  ["socket", ({ sockets }) => each(sockets, (all) => all.map(socketText))],
  ["writable and executable", ({ writableExecutable }) => each(writableExecutable, (all) => all)],
  ["limit", ({ limits }) => each(limits, (all) => all.map(({ name, soft, hard }) => `${name}: ${soft}, ${hard}`))],
  ["variable", ({ environment }) => each(environment, (names) => names)],
];

function each<T>(fact: Fact<T>, texts: (is: T) => readonly string[]): Fact<readonly string[]> {
  return "is" in fact ? { is: texts(fact.is) } : fact;
}

const capabilityTexts = (sets: Readonly<Record<string, readonly string[]>>): readonly string[] =>
  Object.entries(sets).flatMap(([set, names]) => names.map((name) => `${name} (${set})`));

function socketText(socket: { protocol: string; state: string; local: string | null; port: number | null }): string {
  // A far end's port differs each time: that a connection is there is what is compared.
  const port = socket.state === "listening" ? `:${socket.port}` : "";
  return `${socket.protocol} ${socket.state} ${socket.local ?? "-"}${port}`;
}

function ownSpaces(all: readonly { readonly name: string; readonly own: Fact<boolean> }[]): Fact<readonly string[]> {
  const texts: string[] = [];
  for (const { name, own } of all) {
    if ("unknown" in own) return own;
    texts.push(`${name} ${own.is ? "of its own" : "shared"}`);
  }
  return { is: texts };
}

/** Numbers of pipes and other files without a name are new each time. */
const steady = (path: string): string => path.replace(/:\[\d+\]$/, "");

/**
 * What is in one look and not in the other. Processes are taken for the same by their number, else by role and program:
 * between two looks a service may have been started anew.
 */
export function compareLooks(before: Look, after: Look): readonly Difference[] {
  const found: Difference[] = [];
  const left = [...after.processes];
  for (const old of before.processes) {
    const index = partnerOf(old, left);
    const [now] = index === -1 ? [] : left.splice(index, 1);
    if (now === undefined) found.push({ process: nameOf(old), what: "process", change: "gone", value: "" });
    else found.push(...compareProcess(old, now));
  }
  for (const look of left) found.push({ process: nameOf(look), what: "process", change: "new", value: "" });
  return found;
}

function partnerOf(old: ProcessLook, left: readonly ProcessLook[]): number {
  const same = left.findIndex(({ pid }) => pid === old.pid);
  return same === -1 ? left.findIndex((look) => kindOf(look) === kindOf(old)) : same;
}

const kindOf = ({ role, program }: ProcessLook): string => `${role} ${"is" in program ? program.is : ""}`;
const nameOf = ({ role, name, pid }: ProcessLook): string => `${role ?? ("is" in name ? name.is : "unknown")} (${pid})`;

function compareProcess(old: ProcessLook, now: ProcessLook): readonly Difference[] {
  const process = nameOf(now);
  return COMPARED.flatMap(([what, values]): readonly Difference[] => {
    const [was, is] = [values(old), values(now)];
    // What was not seen in one of them is not said to be the same.
    if ("unknown" in was || "unknown" in is)
      return [
        { process, what, change: "unknown", value: "unknown" in is ? is.unknown : "unknown" in was ? was.unknown : "" },
      ];
    const change = (all: readonly string[], other: readonly string[], kind: "gone" | "new"): readonly Difference[] =>
      [...new Set(all)]
        .filter((value) => !other.includes(value))
        .map((value) => ({ process, what, change: kind, value }));
    return [...change(was.is, is.is, "gone"), ...change(is.is, was.is, "new")];
  });
}
