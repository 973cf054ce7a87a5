import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, rm, symlink } from "node:fs/promises";
import path from "node:path";
import { onDisk } from "../core/kernel/disk.ts";

/** Folders whose content is of the build or of one machine, and is made anew in memory. */
const EMPTIED = [
  "boot",
  "dev",
  "proc",
  "run",
  "sys",
  "tmp",
  "var/cache",
  "var/lib/apt",
  "var/lib/ringfort",
  "var/lib/systemd",
  "var/log",
  "var/tmp",
  "usr/lib/ringfort/node_modules/.cache",
];
/** Files that hold a time, a number by chance, or what was there before the last change. */
const REMOVED =
  /^(?:etc\/(?:\.pwd\.lock|(?:passwd|group|shadow|gshadow|subuid|subgid)-|ssh\/ssh_host_.*|dpkg\/dpkg\.cfg\.d\/99mmdebstrap|apt\/.*)|var\/lib\/(?:dpkg\/(?:.*-old|lock.*|triggers\/Lock)|dbus\/machine-id))$/;
/** Mount points, and what a machine writes into: a folder each, whatever packages have made. */
const FOLDERS: readonly (readonly [name: string, mode: number])[] = [
  ["data", 0o755],
  ["var/lib/ringfort", 0o750],
  ["var/lib/ringfort-signer", 0o750],
  ["tmp", 0o1777],
  ["var/tmp", 0o1777],
];

/** Takes out of a root what differs from build to build, and what belongs to one machine. */
export async function tidyRoot(root: string): Promise<void> {
  await onDisk("tidying the root", async () => {
    for (const name of EMPTIED)
      for (const inner of await readdir(path.join(root, name)).catch(() => []))
        await rm(path.join(root, name, inner), { recursive: true });
    for (const folder of ["etc", "var/lib/dpkg", "var/lib/dbus"]) await removeBelow(root, folder);
    // The same number under another name, as systemd would lay it if it could write there.
    const bus = path.join(root, "var/lib/dbus");
    if (existsSync(bus)) await symlink("/etc/machine-id", path.join(bus, "machine-id"));
    for (const [name, mode] of FOLDERS) {
      await mkdir(path.join(root, name), { recursive: true });
      await chmod(path.join(root, name), mode);
    }
  });
}

async function removeBelow(root: string, folder: string): Promise<void> {
  for (const entry of await readdir(path.join(root, folder), { withFileTypes: true }).catch(() => [])) {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) await removeBelow(root, name);
    else if (REMOVED.test(name)) await rm(path.join(root, name));
  }
}
