import { quoteOutside } from "../../core/kernel/errors.ts";
import type { Fact } from "../../core/machine/facts.ts";
import { fewCapabilities } from "../../core/observed/capabilities.ts";
import type { Difference } from "../../core/observed/compare-looks.ts";
import type { Look, Port, ProcessLook } from "../../core/observed/look.ts";
import { type Cell, facts, table } from "../table.ts";
import type { Paint } from "../terminal.ts";

/** A fact as a cell: what is not known says so, and why. */
function cell<T>(fact: Fact<T>, text: (is: T) => Cell): Cell {
  return "is" in fact ? text(fact.is) : { text: `UNKNOWN: ${fact.unknown}`, tone: "bad" };
}

const yes = (is: boolean, good: boolean): Cell => ({ text: is ? "yes" : "no", tone: is === good ? "good" : "bad" });
const list = (names: readonly string[]): string => (names.length === 0 ? "none" : names.join(", "));

export function lookText({ processes }: Look, paint: Paint): string {
  return processes.map((each) => processText(each, paint)).join("\n");
}

function processText(look: ProcessLook, paint: Paint): string {
  const { pid, role, name, program, user, groups, capabilities, namespaces, unit, limits } = look;
  const title = `${role ?? ("is" in name ? quoteOutside(name.is) : "process")} (${pid})`;
  const own = (those: ProcessLook["namespaces"]): Cell =>
    cell(those, (all) => {
      const its = all.filter((each) => "is" in each.own && each.own.is).map((each) => each.name);
      const unseen = all.some((each) => "unknown" in each.own);
      return unseen ? { text: "UNKNOWN: those of process 1 are not shown", tone: "bad" } : list(its);
    });
  const head = facts(
    [
      ["program", cell(program, (path) => path)],
      [
        "user",
        cell(user, ({ effective, real, saved, name: called }) => {
          const numbers = [...new Set([effective, real, saved])].join("/");
          return { text: `${called ?? "?"} (${numbers})`, tone: effective === 0 ? "bad" : "plain" };
        }),
      ],
      ["groups", cell(groups, (all) => list(all.map(String)))],
      ["capabilities", cell(capabilities, ({ effective = [] }) => fewCapabilities(effective))],
      ["may regain", cell(capabilities, ({ bounding = [] }) => fewCapabilities(bounding))],
      [
        "others",
        cell(capabilities, ({ permitted = [], inheritable = [], ambient = [] }) => {
          const sets = [`permitted ${fewCapabilities(permitted)}`, `inheritable ${fewCapabilities(inheritable)}`];
          return [...sets, `ambient ${fewCapabilities(ambient)}`].join("; ");
        }),
      ],
      ["no_new_privs", cell(look.noNewPrivileges, (is) => yes(is, true))],
      ["seccomp", cell(look.seccomp, (mode) => ({ text: mode, tone: mode === "none" ? "bad" : "good" }))],
      ["Landlock", cell(look.landlock, (text) => text)],
      ["own name spaces", own(namespaces)],
      ["cgroup", cell(look.cgroup, (path) => path)],
      ["unit", cell(unit, (called) => called ?? "none")],
      ["written and run", cell(look.writableExecutable, (maps) => (maps.length === 0 ? "no memory" : mapsText(maps)))],
      [
        "limits",
        cell(limits, (all) => {
          const shown = all.filter((each) => /open files|core file|processes|locked|address/.test(each.name));
          return shown.map((each) => `${each.name.replace(/^Max /, "")} ${each.soft}/${each.hard}`).join(", ");
        }),
      ],
      ["variables", cell(look.environment, list)],
    ],
    paint,
  );
  return `${paint(title, "strong")}\n${head}${filesText(look, paint)}`;
}

const mapsText = (maps: readonly string[]): string => {
  const named = maps.filter((file) => file !== "");
  return `${maps.length} mappings${named.length === 0 ? "" : `: ${named.join(", ")}`}`;
};

function filesText({ files, libraries, sockets }: ProcessLook, paint: Paint): string {
  const lists: string[] = [];
  const add = <T>(
    fact: Fact<readonly T[]>,
    what: string,
    heads: readonly string[],
    row: (each: T) => readonly Cell[],
  ) => {
    if ("unknown" in fact) lists.push(facts([[what, cell(fact, () => "")]], paint));
    else if (fact.is.length > 0) lists.push(table(heads, fact.is.map(row), paint));
  };
  add(files, "files", ["FD", "MODE", "FILE"], ({ fd, mode, path, deleted }) => [
    fd,
    mode,
    deleted ? { text: `${path} (deleted)`, tone: "bad" } : path,
  ]);
  add(
    sockets,
    "sockets",
    ["FD", "SOCKET", "STATE", "HERE", "FAR END"],
    ({ fd, protocol, state, local, port, peer }) => [
      fd,
      protocol,
      state,
      port === null ? local : `${local}:${port}`,
      peer,
    ],
  );
  add(libraries, "libraries", ["LIBRARY", "PACKAGE", ""], ({ path, package: from, state }) => [
    path,
    cell(from, (name) => name ?? "none"),
    state === "there" ? "" : { text: state, tone: "bad" },
  ]);
  return lists.join("");
}

export function portsText(ports: readonly Port[], paint: Paint): string {
  return table(
    ["PORT", "PROTOCOL", "ADDRESS", "PROCESS"],
    ports.map(({ port, protocol, address, holders }) => [
      port,
      protocol,
      address,
      cell(holders, (all) =>
        all.length === 0 ? "the kernel" : all.map(({ pid, name }) => `${name} (${pid})`).join(", "),
      ),
    ]),
    paint,
  );
}

export function differencesText(differences: readonly Difference[], paint: Paint): string {
  if (differences.length === 0) return "nothing has changed\n";
  return table(
    ["", "PROCESS", "WHAT", ""],
    differences.map(({ process, what, change, value }) => [
      { text: change === "unknown" ? "UNKNOWN" : change, tone: change === "gone" ? "plain" : "bad" },
      process,
      what,
      value,
    ]),
    paint,
  );
}
