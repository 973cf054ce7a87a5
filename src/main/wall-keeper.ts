import { chmodSync, mkdirSync, realpathSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import type { LoadedConfig } from "../cli/config-file.ts";
import { SIGNALS_ABI } from "../confine/landlock.ts";
import { launch, probeKernel } from "../confine/launch.ts";
import type { KernelPolicy } from "../confine/policy.ts";
import type { Config } from "../core/config.ts";
import { errnoOf } from "../core/kernel/disk.ts";
import { Failure } from "../core/kernel/errors.ts";
import { programHere } from "./own-files.ts";

/** What says to a keeper that it stands behind its wall: it is put on its command line when it becomes itself again. */
export const WALLED = "--walled";

/**
 * Puts the kernel's wall around this process, for good, and becomes the same program again: Landlock and the filter belong to the thread that asks,
 * and only what is begun afterwards has them everywhere (ADR 29). Returns where the configuration asks for no wall. Throws
 * `confinement.too-weak` where it does and the kernel gives none.
 */
export function wallKeeper(loaded: LoadedConfig): void {
  if (loaded.config.confinement.keeper === undefined) return;
  const { landlock, seccomp } = probeKernel();
  // What it may signal no filter can say: its workers' numbers are not known yet.
  if (landlock < SIGNALS_ABI || !seccomp)
    throw new Failure(
      "confinement.too-weak",
      `confinement.keeper: the kernel has Landlock ${landlock}, it takes ${SIGNALS_ABI} (Linux 6.12) and seccomp`,
    );
  const lanes = path.join(loaded.config.data, "tmp");
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1), WALLED];
  const kept = Object.entries(process.env).filter(([name]) => name !== "TMPDIR");
  const environment = [...kept, ["TMPDIR", lanes] as const].map(([name, value]) => `${name}=${value ?? ""}`);
  const policy = keeperPolicy(loaded);
  // What is not there when the wall goes up stays out of reach.
  for (const folder of [loaded.config.data, lanes]) makeFolder(folder, 0o750);
  // Servers of other users read in these.
  for (const folder of policy.writes) makeFolder(folder, 0o755);
  launch(policy, landlock, command, environment);
}

/** What the keeper may ask of the kernel: what its own configuration names, and nothing that it was not told of. */
export function keeperPolicy({ config, file }: LoadedConfig): KernelPolicy {
  const { keeper = { reads: [], writes: [] } } = config.confinement;
  const folders = new Set([
    config.data,
    config.confinement.roles,
    ...treesOf(config),
    ...keeper.reads,
    ...keeper.writes,
  ]);
  const named = absolutePaths(config).flatMap((each) => (folders.has(each) ? [] : around(each)));
  const configured = file === null ? [] : around(file);
  return {
    reads: [...programHere.files, ...configured, ...named, ...keeper.reads],
    writes: [config.data, ...treesOf(config), ...witnessOf(config), ...keeper.writes],
    sockets: "any",
    starts: true,
    descriptors: 3 + Number(process.env["LISTEN_FDS"] ?? 0),
  };
}

function treesOf({ channels }: Config): readonly string[] {
  return Object.values(channels).flatMap(({ tree }) => (tree === undefined ? [] : [tree.folder]));
}

function witnessOf({ auditLog: { witness } }: Config): readonly string[] {
  return witness === undefined ? [] : [path.dirname(witness)];
}

/** Every path that the configuration names: certificates and keys, passwords, files of advisories. */
function absolutePaths(value: unknown): readonly string[] {
  if (typeof value === "string") return value.startsWith("/") && !value.includes("\0") ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((each: unknown) => absolutePaths(each));
}

/** A file's folder, for it is replaced by a rename; and the folder that it really lies in, where it is a link. */
function around(file: string): readonly string[] {
  const folders = [path.dirname(file), path.dirname(realpathOr(file))];
  return [file, ...folders.filter((folder) => folder !== "/")];
}

function realpathOr(file: string): string {
  try {
    return realpathSync(file);
  } catch (cause) {
    if (errnoOf(cause) === null) throw cause;
    return file;
  }
}

function makeFolder(folder: string, mode: number): void {
  try {
    // Whatever the umask says.
    if (mkdirSync(folder, { recursive: true, mode }) !== undefined) chmodSync(folder, mode);
  } catch (cause) {
    throw new Failure("store.io", `making the folder ${folder}`, { cause });
  }
}
