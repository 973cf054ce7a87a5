import process from "node:process";
import { probeKernel } from "../confine/launch.ts";
import { isFiltered } from "../confine/observed.ts";
import { Failure } from "../core/kernel/errors.ts";
import { type Confine, type Level, permissionFlagsOnly, throughLauncher } from "../daemon/jails.ts";

/**
 * The furthest confinement that this machine gives. Throws `confinement.too-weak` below `least`. What was chosen here is
 * what every process gets: one that cannot be put under it does not run.
 */
export function confineHere(
  least: Level,
  launcher: string,
): { readonly confine: Confine; readonly level: Level; readonly levelOf: (pid: number) => Level } {
  const { landlock, seccomp } = probeKernel();
  const level = seccomp && landlock > 0 ? "kernel" : "flags";
  if (least === "kernel" && level !== "kernel") {
    const given = [landlock > 0 ? `Landlock ${landlock}` : "no Landlock", seccomp ? "seccomp" : "no seccomp"];
    throw new Failure("confinement.too-weak", `the kernel gives ${given.join(" and ")}`);
  }
  const command = [process.execPath, "--disable-warning=ExperimentalWarning", launcher];
  return {
    // A filter of system calls without Landlock is put around them too: it is less than L1, and not called so.
    confine: seccomp ? throughLauncher(command, landlock) : permissionFlagsOnly,
    level,
    levelOf: (pid) => (landlock > 0 && isFiltered(pid) ? "kernel" : "flags"),
  };
}
