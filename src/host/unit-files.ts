import { realpathSync } from "node:fs";
import path from "node:path";
import { Failure, quoteOutside, type Refusal, refuse } from "../core/kernel/errors.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import { parseUnit, type UnitEntries, type UnitText } from "../core/units/unit-file.ts";
import { Root } from "./root.ts";

/** Where systemd looks for the units of a machine, the first that has a file wins (systemd.unit(5)). */
const FOLDERS = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];

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
  const file = findUnit(asked, cwd);
  const name = path.basename(file);
  if (!/^[A-Za-z0-9:_.\\@-]{1,200}\.service$/.test(name))
    return refuse("unit.malformed", `${quoteOutside(file)}: not the name of a service`);
  const texts: UnitText[] = [textOf(file)];
  for (const dropIn of dropInsOf(file, name)) texts.push(textOf(dropIn));
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

function findUnit(asked: string, cwd: string): string {
  const here = path.resolve(cwd, asked);
  const isName = !asked.includes("/");
  const named = isName && !asked.endsWith(".service") ? `${asked}.service` : asked;
  const places = [here, ...(isName ? FOLDERS.map((folder) => path.join(folder, named)) : [])];
  for (const place of places) {
    const there = new Root("/").exists(place.slice(1));
    if ("is" in there && there.is) return place;
  }
  throw new Failure("unit.unreadable", `${quoteOutside(asked)}: no such file, and no unit of that name`);
}

/** Drop-ins beside the file; of a unit of this machine those of every folder of systemd's, one of a name each. */
function dropInsOf(file: string, name: string): readonly string[] {
  const folder = path.dirname(file);
  const folders = FOLDERS.includes(folder) ? FOLDERS : [folder];
  const found = new Map<string, string>();
  for (const each of folders) {
    const names = new Root("/").names(path.join(each, `${name}.d`).slice(1));
    for (const dropIn of "is" in names ? names.is : [])
      if (dropIn.endsWith(".conf") && !found.has(dropIn)) found.set(dropIn, path.join(each, `${name}.d`, dropIn));
  }
  if (found.size > LIMITS.unitDropIns)
    throw new Failure("unit.unreadable", `${quoteOutside(file)}: more than ${LIMITS.unitDropIns} drop-ins`);
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, dropIn]) => dropIn);
}

function textOf(file: string): UnitText {
  const bytes = new Root("/").bytes(file.slice(1), LIMITS.unitBytes);
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
