import { realpathSync } from "node:fs";
import path from "node:path";
import { Failure, quoteOutside, type Refusal, refuse } from "../core/kernel/errors.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import { parseUnit, type UnitEntries, type UnitText } from "../core/units/unit-file.ts";
import { Root } from "./root.ts";

/** Where systemd looks for the units of a machine, the first that has a file wins (systemd.unit(5)). */
const FOLDERS = [
  "etc/systemd/system",
  "run/systemd/system",
  "usr/local/lib/systemd/system",
  "usr/lib/systemd/system",
  "lib/systemd/system",
];
const HERE = new Root("/");

export interface ReadUnit {
  /** Its file's name: `nginx.service`. */
  readonly name: string;
  readonly files: readonly string[];
  /** Of the file and of its drop-ins, one after the other. */
  readonly entries: UnitEntries;
}

/**
 * A service's unit with its drop-ins. `asked` is a file, or the name of a unit of this machine. Refuses with `unit.malformed`; throws
 * `unit.unreadable`.
 */
export function readUnit(asked: string, cwd: string): ReadUnit | Refusal {
  return readFiles(HERE, findUnit(asked, cwd));
}

/** A unit of a machine, or of an image of one, by its name. */
export function readUnitOf(root: Root, name: string): ReadUnit | Refusal {
  const file = FOLDERS.map((folder) => `${folder}/${name}`).find((each) => isThere(root, each));
  if (file === undefined) throw new Failure("unit.unreadable", `${quoteOutside(name)}: no unit of that name`);
  return readFiles(root, file);
}

/** The names of a machine's units. */
export function unitsNamed(root: Root, pattern: RegExp): readonly string[] {
  const names = FOLDERS.flatMap((folder) => {
    const all = root.names(folder);
    return "is" in all ? all.is.filter((name) => pattern.test(name)) : [];
  });
  return [...new Set(names)].toSorted();
}

function readFiles(root: Root, file: string): ReadUnit | Refusal {
  const name = path.basename(file);
  // None that a program would take for an option.
  if (!/^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,199}\.service$/.test(name))
    return refuse("unit.malformed", `${quoteOutside(file)}: not the name of a service`);
  const texts = [file, ...dropInsOf(root, file, name)].map((each) => textOf(root, each));
  const entries: UnitEntries[number][] = [];
  for (const text of texts) {
    const read = parseUnit(text);
    if ("kind" in read) return read;
    entries.push(...read);
  }
  if (!entries.some((entry) => entry.section === "Service" && entry.name.startsWith("Exec")))
    return refuse("unit.malformed", `${quoteOutside(file)}: no service: nothing is started`);
  return { name, files: texts.map((text) => text.file), entries };
}

/** The file without its first slash, as a `Root` takes it. */
function findUnit(asked: string, cwd: string): string {
  const isName = !asked.includes("/");
  const named = isName && !asked.endsWith(".service") ? `${asked}.service` : asked;
  const here = path.resolve(cwd, asked).slice(1);
  // The machine's own first: whoever may write in the folder that root stands in would have a unit of theirs tried as root.
  const places = [...(isName ? FOLDERS.map((folder) => `${folder}/${named}`) : []), here];
  const file = places.find((place) => isThere(HERE, place));
  if (file === undefined)
    throw new Failure("unit.unreadable", `${quoteOutside(asked)}: no such file, and no unit of that name`);
  return file;
}

function isThere(root: Root, file: string): boolean {
  const there = root.exists(file);
  return "is" in there && there.is;
}

/** Drop-ins beside the file; of a unit of a machine those of every folder of systemd's, one of a name each. */
function dropInsOf(root: Root, file: string, name: string): readonly string[] {
  const folder = path.dirname(file);
  const folders = FOLDERS.includes(folder) ? FOLDERS : [folder];
  const found = new Map<string, string>();
  for (const each of folders) {
    const names = root.names(`${each}/${name}.d`);
    for (const dropIn of "is" in names ? names.is : [])
      if (dropIn.endsWith(".conf") && !found.has(dropIn)) found.set(dropIn, `${each}/${name}.d/${dropIn}`);
  }
  if (found.size > LIMITS.unitDropIns)
    throw new Failure("unit.unreadable", `${quoteOutside(file)}: more than ${LIMITS.unitDropIns} drop-ins`);
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, dropIn]) => dropIn);
}

function textOf(root: Root, name: string): UnitText {
  const file = root.at(name);
  const bytes = root.bytes(name, LIMITS.unitBytes);
  if ("unknown" in bytes) {
    // A drop-in that is linked to /dev/null is masked: it says nothing.
    if (isMasked(file)) return { file, text: "" };
    throw new Failure("unit.unreadable", quoteOutside(bytes.unknown, 300));
  }
  try {
    return { file, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes.is) };
  } catch (cause) {
    throw new Failure("unit.unreadable", `${quoteOutside(file)}: not UTF-8`, { cause });
  }
}

function isMasked(file: string): boolean {
  try {
    return realpathSync(file) === "/dev/null";
  } catch {
    return false;
  }
}
