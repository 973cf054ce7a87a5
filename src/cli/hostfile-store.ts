import { constants } from "node:fs";
import { link, open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { Failure } from "../core/kernel/errors.ts";
import { type HostFile, hostFile } from "../core/model/host-file.ts";
import { hostFileFaults } from "../core/publish/choose-hosts-faults.ts";
import { InvalidFile } from "./file-issues.ts";
import { UsageError } from "./report.ts";
import { syncFolder } from "./sync-folder.ts";
import { systemCode } from "./system-code.ts";
import { readYamlFile } from "./yaml-file.ts";

const CODES = { unreadable: "config.unreadable", invalid: "config.invalid" } as const;

/** A host file with the text that it was read from. */
export interface HeldHostFile {
  /** Absolute, links followed: what is replaced is the file itself. */
  readonly place: string;
  readonly text: string;
  readonly value: HostFile;
}

/** Reads a host file. Throws `config.unreadable`, and `config.invalid` with every fault's line. */
export async function readHostFile(file: string): Promise<HeldHostFile> {
  // JSON is YAML: the one reader that knows lines, duplicate keys and near names serves for both.
  const value = await readYamlFile(file, hostFile, CODES);
  const place = await realpath(file);
  const text = await readFile(place, "utf8");
  try {
    JSON.parse(text);
  } catch {
    // The agents read JSON, and nothing wider.
    throw new InvalidFile("config.invalid", [{ file, line: 1, column: 1, path: "", message: "is YAML, and not JSON" }]);
  }
  return { place, text, value };
}

/** Throws `config.invalid` when the file has a fault that makes it useless or dangerous to write or to export. */
export function refuseWrong(value: HostFile): void {
  const wrong = hostFileFaults(value).filter(({ weight }) => weight === "wrong");
  if (wrong.length === 0) return;
  const lines = wrong.map(
    ({ host, at, code, message }) => `${at === null ? "" : `hosts[${at}] ${host ?? ""}: `}${message} (${code})`,
  );
  throw new Failure("config.invalid", lines.join("\n"));
}

/**
 * Puts a host file into its place, whole or not at all: written beside, synced, then renamed, the folder synced. A
 * power cut leaves the old file or the new one. `held` is what was read before, `null` for a file that must be new.
 * Throws `UsageError` when it is there and should not be, `config.invalid` when it has changed meanwhile, `store.io`.
 */
export async function writeHostFile(file: string, value: HostFile, held: HeldHostFile | null): Promise<void> {
  const place = held?.place ?? file;
  const beside = `${place}.${process.pid}.new`;
  try {
    // Removed and made anew, never opened: what lies there could be a link that leads elsewhere.
    await rm(beside, { force: true });
    const mode = held === null ? 0o644 : (await stat(place)).mode & 0o777;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const handle = await open(beside, flags, mode);
    try {
      // The umask cuts what open is told, and an edit must not take rights away.
      if (held !== null) await handle.chmod(mode);
      await handle.writeFile(`${JSON.stringify(value, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (held === null) await link(beside, place);
    else {
      if ((await readFile(place, "utf8")) !== held.text) throw changed(file);
      await rename(beside, place);
    }
    await syncFolder(path.dirname(place));
    await rm(beside, { force: true });
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => undefined);
    if (cause instanceof Failure) throw cause;
    if (held === null && systemCode(cause) === "EEXIST")
      throw new UsageError(`${file} is there already: leave --new out, or choose another name`);
    if (!(cause instanceof Error && "syscall" in cause)) throw cause;
    throw new Failure("store.io", `${file}: cannot be written (${systemCode(cause)})`, { cause });
  }
}

function changed(file: string): Failure {
  return new Failure("config.invalid", `${file}: somebody else has written it meanwhile; nothing was changed`, {
    retry: "later",
  });
}
