import { accessSync, constants, existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { descriptorDoor } from "../confine/descriptors.ts";
import { probeKernel } from "../confine/launch.ts";
import { isFiltered, isOthers, statusOf } from "../confine/observed.ts";
import type { Config } from "../core/config.ts";
import { Failure } from "../core/kernel/errors.ts";
import { UNIT_PLACES } from "../core/unit-places.ts";
import { LEVELS, type Level, permissionFlagsOnly, throughLauncher } from "../daemon/jails.ts";
import type { ProcessStarter } from "../daemon/process-starter.ts";
import { RoleStarter } from "../daemon/role-starter.ts";
import { ROLES } from "../daemon/roles.ts";
import { SpawnStarter } from "../daemon/spawn-starter.ts";
import { programHere } from "./own-files.ts";

/**
 * The furthest confinement that there is here for a data folder. Throws `confinement.too-weak` below `least`. What was chosen here
 * is what every process gets: one that cannot be put under it does not run.
 */
export function confineHere(
  { data, confinement: { least: asked, roles } }: Pick<Config, "data" | "confinement">,
  launcher: string = programHere.entry("launch"),
): { readonly starter: ProcessStarter; readonly level: Level } {
  const { landlock, seccomp } = probeKernel();
  const kernel = seccomp && landlock > 0;
  const missing = missingRole(roles, data);
  const door = descriptorDoor();
  // There the signer's key is no longer the keeper's to read, and a new one would begin another log.
  const least = data === UNIT_PLACES.data && existsSync(path.join(UNIT_PLACES.signer, "key")) ? "users" : asked;
  const level = kernel && missing === null && door !== null ? "users" : kernel ? "kernel" : "flags";
  if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) {
    const given = [landlock > 0 ? `Landlock ${landlock}` : "no Landlock", seccomp ? "seccomp" : "no seccomp"];
    const why = kernel ? `${missing}` : `the kernel gives ${given.join(" and ")}`;
    throw new Failure("confinement.too-weak", why);
  }
  const user = process.getuid?.() ?? -1;
  if (level === "users" && door !== null) {
    const others = (status: string): boolean => isOthers(status, user);
    const levelOf = (status: string): Level => (isFiltered(status) ? (others(status) ? "users" : "kernel") : "flags");
    return { level, starter: new RoleStarter({ folder: roles, calls: door, levelOf, isOthers: others, least }) };
  }
  const command = [process.execPath, "--disable-warning=ExperimentalWarning", launcher];
  // A filter of system calls without Landlock is put around them too: it is less than L1, and not called so.
  const confine = seccomp ? throughLauncher(command, landlock) : permissionFlagsOnly;
  const levelOf = (pid: number): Level => (landlock > 0 && isFiltered(statusOf(pid)) ? "kernel" : "flags");
  return { level, starter: new SpawnStarter(confine, levelOf) };
}

/** Why systemd cannot start the roles for us; `null`: it can. */
function missingRole(folder: string, data: string): string | null {
  if (folder === UNIT_PLACES.roles && data !== UNIT_PLACES.data)
    return `the units of the roles show ${UNIT_PLACES.data}, and the data folder is ${data}`;
  for (const role of Object.keys(ROLES)) {
    const socket = path.join(folder, `${role}.sock`);
    try {
      accessSync(socket, constants.W_OK);
    } catch {
      return `${socket} is missing, or this user may not open it`;
    }
  }
  return null;
}
