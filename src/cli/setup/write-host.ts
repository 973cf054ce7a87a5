import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { errnoOf, onDisk } from "../../core/kernel/disk.ts";
import { SOCKET_UNIT } from "../../core/network/socket-units.ts";
import type { HostFile } from "../../core/setup/host-files.ts";
import { UNIT_FOLDER } from "../../core/setup/host-files.ts";
import type { HostDoor } from "../context.ts";
import { type FileState, placeFiles, stateOf, textThere, type WantedFile } from "./place-files.ts";

/** What is to become of a host's files. */
export interface HostPlan {
  /** In the order of writing: the configuration last, without which the service does not start. */
  readonly files: readonly (WantedFile & { readonly state: FileState })[];
  /** Socket units of listeners that the configuration has no more. */
  readonly surplus: readonly string[];
  /** The names of all units that the service gets its sockets from. */
  readonly units: readonly string[];
}

const UNIT_PLACES = ["/usr/lib/systemd/system", "/lib/systemd/system", UNIT_FOLDER] as const;

/** Of these units, those that a root has, by a package or by hand. */
export async function installed(root: string, names: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    names.map(async (name) => {
      const texts = await Promise.all(UNIT_PLACES.map((folder) => textThere(path.join(root, folder, name))));
      return texts.some((text) => text !== null) ? [name] : [];
    }),
  );
  return found.flat();
}

/** Compares what is wanted with what is there; writes nothing. */
export async function planHost(host: readonly HostFile[], configuration: WantedFile, root: string): Promise<HostPlan> {
  const wanted: readonly WantedFile[] = [
    ...host.map((file) => ({ path: path.join(root, file.path), text: file.text, mode: 0o644, keepAs: null })),
    configuration,
  ];
  const files = await Promise.all(wanted.map(async (file) => ({ ...file, state: await stateOf(file) })));
  const units = host.map((file) => path.basename(file.path)).filter((name) => SOCKET_UNIT.test(name));
  const isWhole = host.length > 0;
  return { files, units, surplus: isWhole ? await surplusUnits(path.join(root, UNIT_FOLDER), units) : [] };
}

async function surplusUnits(folder: string, units: readonly string[]): Promise<readonly string[]> {
  const there = await onDisk(`reading ${folder}`, () =>
    readdir(folder).catch((cause: unknown) => {
      if (errnoOf(cause) === "ENOENT") return [];
      throw cause;
    }),
  );
  const others = there.filter((name) => SOCKET_UNIT.test(name) && !units.includes(name)).toSorted();
  const surplus: string[] = [];
  for (const name of others) {
    // One that somebody has written by hand is theirs.
    const text = await textThere(path.join(folder, name));
    if (text?.startsWith("# Made by `ringfort harden sockets`") === true) surplus.push(name);
  }
  return surplus;
}

/** Writes what is new or changed, and takes surplus units away. Throws `store.*` and `service.refused`. */
export async function writeHost(plan: HostPlan, host: HostDoor, root: string): Promise<void> {
  const changed = plan.files.filter(({ state }) => state !== "same");
  await host.undisturbed(() =>
    placeFiles(changed.map((file) => (file.state === "new" ? { ...file, keepAs: null } : file))),
  );
  if (plan.surplus.length === 0) return;
  await host.systemctl([
    ...rooted(root),
    "disable",
    ...(root === "/" && host.systemdRuns() ? ["--now"] : []),
    ...plan.surplus,
  ]);
  for (const name of plan.surplus)
    await onDisk(`removing ${name}`, () => rm(path.join(root, UNIT_FOLDER, name), { force: true }));
}

/** What tells systemctl that it is about an image and not about this machine. */
export function rooted(root: string): readonly string[] {
  return root === "/" ? [] : [`--root=${root}`];
}
