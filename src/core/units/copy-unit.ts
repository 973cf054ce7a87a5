import type { UnitEntries } from "./unit-file.ts";
import { type WrittenSection, writeUnit } from "./write-unit.ts";

/** A directive as it is added, and as it is tried. */
export interface UnitLine {
  readonly name: string;
  readonly value: string;
}

/** What of [Unit] a copy keeps: what it waits for. What would stop or start others because of it stays behind. */
const KEPT = /^(?:After|Wants|Requires|Requisite|RequiresMountsFor|DefaultDependencies|Condition\w+|Assert\w+)$/;

/** Directives that a trial sets itself, so that it ends soon and nobody starts the copy again. */
const OVER: readonly UnitLine[] = [
  { name: "Restart", value: "no" },
  { name: "TimeoutStartSec", value: "20s" },
  { name: "TimeoutStopSec", value: "10s" },
  // A copy that comes and goes must not take with it what the daemon's own unit has put there.
  { name: "RuntimeDirectoryPreserve", value: "yes" },
];

/** The text of a copy of a unit under another name, with directives behind its own; `name` is the unit's, for its specifiers. */
export function copyOfUnit(entries: UnitEntries, name: string, added: readonly UnitLine[]): string {
  const overridden = new Set(OVER.map((line) => line.name));
  const linesOf = (section: string, keeps: (name: string) => boolean): readonly UnitLine[] =>
    entries
      .filter((entry) => entry.section === section && keeps(entry.name))
      .map((entry) => ({ name: entry.name, value: withSpecifiers(entry.value, name) }));
  const sections: readonly WrittenSection[] = [
    {
      name: "Unit",
      entries: [
        { name: "Description", value: "A copy on which directives are tried" },
        // A unit that is started again and again is else held back.
        { name: "StartLimitIntervalSec", value: "0" },
        ...linesOf("Unit", (each) => KEPT.test(each)),
      ],
    },
    {
      name: "Service",
      entries: [...linesOf("Service", (each) => !overridden.has(each)), ...OVER, ...inOrder(added)],
    },
  ];
  return writeUnit("Made by ringfort audit --advise --try, and removed by it.", sections);
}

/** A list that names what is allowed comes before what is taken out of it: the first line says which of the two a list is. */
export function inOrder(lines: readonly UnitLine[]): readonly UnitLine[] {
  return [
    ...lines.filter(({ value }) => !value.startsWith("~")),
    ...lines.filter(({ value }) => value.startsWith("~")),
  ];
}

/** The specifiers that a unit's own name stands behind (systemd.unit(5)); all others mean the same in a copy. */
function withSpecifiers(value: string, unit: string): string {
  const full = unit.replace(/\.service$/, "");
  const [prefix = "", instance = ""] = full.split("@");
  const meanings: Readonly<Record<string, string>> = {
    n: unit,
    N: full,
    p: prefix,
    P: prefix.replaceAll("-", "/"),
    i: instance,
    I: instance.replaceAll("-", "/"),
    j: prefix.split("-").at(-1) ?? "",
  };
  // A literal percent sign is two, and its second begins nothing.
  return value.replaceAll(/%(.)/g, (both, letter: string) => meanings[letter] ?? both);
}

const SHARED_BY_NAME: Readonly<Record<string, string>> = {
  PIDFile: "its PID file",
  BusName: "its name on the bus",
  ExecStop: "a command that stops by name",
  ExecStopPost: "a command that cleans up by name",
  RuntimeDirectory: "its runtime folder",
  StateDirectory: "its state folder",
  CacheDirectory: "its cache folder",
  LogsDirectory: "its log folder",
  Sockets: "its sockets",
};

/** Why no copy can run beside the running unit without touching it: things that both would have under one name. */
export function sharedWithCopy(entries: UnitEntries): readonly string[] {
  const set = new Set(
    entries.flatMap(({ section, name, value }) => (section === "Service" && value !== "" ? [name] : [])),
  );
  const shared = Object.entries(SHARED_BY_NAME).flatMap(([name, what]) =>
    set.has(name) ? [`${what} (${name}=)`] : [],
  );
  const forks = entries.some(({ name, value }) => name === "Type" && value === "forking");
  return forks ? [...shared, "a process that it finds by itself (Type=forking)"] : shared;
}
