import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, link, mkdir, open, readdir, readFile, readlink, rename, rm, symlink } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { errnoOf } from "../core/kernel/disk.ts";
import { pathFault } from "../core/kernel/safe-path.ts";
import { Stop } from "./agent-code.ts";
import { lookAt, replaceFile, syncFolder } from "./durable.ts";

/**
 * A product that is installed by swapping lives in one folder:
 *
 *     versions/<sequence>/               one version, complete; never changed once it has this name
 *     versions/<sequence>.manifest.json  the SHA-256 of every file of it
 *     current -> versions/<sequence>     what programs use
 *
 * `current` is the only thing that says what is installed. It is replaced by a rename, so that at every moment it leads
 * to a whole version. Names that end in .new or .old are leftovers of a stop, and go at the next run.
 */
const manifest = z.strictObject({
  format: z.literal("ringfort-version-1"),
  sequence: z.int().nonnegative(),
  files: z.record(
    z
      .string()
      .max(1_024)
      .refine((name) => pathFault(name) === null),
    z.strictObject({
      size: z.int().nonnegative(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      executable: z.boolean(),
    }),
  ),
});

/** Each file of a version by its path in it. */
export type VersionFiles = z.infer<typeof manifest>["files"];

const versionPath = (folder: string, sequence: number): string => path.join(folder, "versions", String(sequence));
const manifestPath = (folder: string, sequence: number): string => `${versionPath(folder, sequence)}.manifest.json`;

/** The installed sequence; `null` when nothing is. Throws `Stop` when `current` is not ours to replace. */
export async function currentSequence(folder: string): Promise<number | null> {
  const current = path.join(folder, "current");
  const found = await lookAt(current);
  if (found === null) return null;
  const target = found.isSymbolicLink() ? /^versions\/(\d{1,15})$/.exec(await readlink(current)) : null;
  if (target === null)
    throw new Stop(
      "store.damaged",
      "`current` is no link that the agent made: move it away, and the next run installs anew",
      false,
    );
  const sequence = Number(target[1]);
  // A link that leads nowhere is nothing installed: held for a version, it would keep every repair away.
  return (await lookAt(versionPath(folder, sequence)))?.isDirectory() === true ? sequence : null;
}

/** What a stop left behind: half-made versions, half-removed ones, a link that never was renamed. */
export async function clearLeftovers(folder: string): Promise<void> {
  await mkdir(path.join(folder, "versions"), { recursive: true });
  for (const name of await readdir(path.join(folder, "versions"))) {
    if (/^\d+(?:\.manifest\.json)?\.(?:new|old)$/.test(name)) await removeTree(path.join(folder, "versions", name));
  }
  await rm(path.join(folder, "current.new"), { force: true });
}

/** The files that a version should have; `null` where it was never completed, or its list is damaged. */
async function readManifest(folder: string, sequence: number): Promise<VersionFiles | null> {
  try {
    const read = manifest.safeParse(JSON.parse(await readFile(manifestPath(folder, sequence), "utf8")));
    return read.success && read.data.sequence === sequence ? read.data.files : null;
  } catch (cause) {
    if (cause instanceof SyntaxError || errnoOf(cause) === "ENOENT") return null;
    throw cause;
  }
}

/** The files of a version, when every one of them still is what was installed; `null` otherwise. */
export async function intactVersion(folder: string, sequence: number): Promise<VersionFiles | null> {
  const files = await readManifest(folder, sequence);
  if (files === null) return null;
  for (const [name, { size, sha256 }] of Object.entries(files)) {
    const seen = await digestOf(path.join(versionPath(folder, sequence), name), size);
    if (seen !== sha256) return null;
  }
  return files;
}

/** `null` when it is no regular file of this size. */
async function digestOf(file: string, size: number): Promise<string | null> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const found = await handle.stat();
      if (!found.isFile() || found.size !== size) return null;
      const hash = createHash("sha256");
      for await (const piece of handle.createReadStream({ autoClose: false })) hash.update(piece as Uint8Array);
      return hash.digest("hex");
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"].includes(errnoOf(cause) ?? "")) return null;
    throw cause;
  }
}

/** An empty place to assemble a version in. */
export async function beginVersion(folder: string, sequence: number): Promise<string> {
  const building = `${versionPath(folder, sequence)}.new`;
  await removeTree(building);
  await mkdir(building, { recursive: true });
  return building;
}

/** What says that a file system has no hard links, or no more of them. */
const NO_LINKS: ReadonlySet<string> = new Set(["EPERM", "EMLINK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EXDEV"]);

/** Lays the files of a version into `building` as hard links: the same bytes under a second name, nothing copied. */
export async function layBase(folder: string, sequence: number, files: VersionFiles, building: string): Promise<void> {
  for (const name of Object.keys(files)) {
    await mkdir(path.dirname(path.join(building, name)), { recursive: true });
    await linkOrCopy(path.join(versionPath(folder, sequence), name), path.join(building, name));
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (cause) {
    if (!NO_LINKS.has(errnoOf(cause) ?? "")) throw cause;
    await copyFile(from, to, constants.COPYFILE_EXCL);
    const handle = await open(to, "r+");
    await handle.sync().finally(() => handle.close());
  }
}

/**
 * Gives what was assembled its name. Order: every folder of it, then its list, then the name: a version that has its
 * name but no list, or a list that lies, cannot come from a stop.
 */
export async function completeVersion(
  folder: string,
  sequence: number,
  building: string,
  files: VersionFiles,
): Promise<void> {
  await syncTree(building);
  const place = versionPath(folder, sequence);
  await removeVersion(folder, sequence);
  const text = JSON.stringify({ format: "ringfort-version-1", sequence, files });
  await replaceFile(manifestPath(folder, sequence), text, 0o644);
  await rename(building, place);
  await syncFolder(path.dirname(place));
}

/** The one step that clients of the product see: `current` leads to the old version until the rename, then to the new. */
export async function swapTo(folder: string, sequence: number): Promise<void> {
  const fresh = path.join(folder, "current.new");
  await rm(fresh, { force: true });
  await symlink(`versions/${sequence}`, fresh);
  await rename(fresh, path.join(folder, "current"));
  await syncFolder(folder);
}

/** Removes every version but these. */
export async function keepOnly(folder: string, kept: readonly (number | null)[]): Promise<void> {
  for (const name of await readdir(path.join(folder, "versions"))) {
    const sequence = /^(\d{1,15})(?:\.manifest\.json)?$/.exec(name)?.[1];
    if (sequence !== undefined && !kept.includes(Number(sequence))) await removeVersion(folder, Number(sequence));
  }
}

/** Out of its name first: a version that is half gone must not look like one. */
async function removeVersion(folder: string, sequence: number): Promise<void> {
  const place = versionPath(folder, sequence);
  if ((await lookAt(place)) !== null) {
    await removeTree(`${place}.old`);
    await rename(place, `${place}.old`);
    await removeTree(`${place}.old`);
  }
  await rm(manifestPath(folder, sequence), { force: true });
}

async function removeTree(place: string): Promise<void> {
  await rm(place, { recursive: true, force: true });
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncTree(path.join(folder, entry.name));
  }
  await syncFolder(folder);
}
