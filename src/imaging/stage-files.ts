import { createHash } from "node:crypto";
import { chmod, copyFile, lstat, mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import type { RootFile } from "../core/image/root-files.ts";
import { secretIn } from "../core/image/secrets.ts";
import { onDisk } from "../core/kernel/disk.ts";
import { quoteOutside, type Refusal, refuse } from "../core/kernel/errors.ts";

/** Bytes of one file that an operator lays into an image: configuration, not content. */
const MOST_FILE_BYTES = 16 * 1_024 * 1_024;
const MOST_FILES = 10_000;
const CONFIGURATION = "etc/ringfort/ringfort.yaml";

export interface Staged {
  /** Names in the root, sorted. */
  readonly files: readonly string[];
  /** Over each name, mode and digest, in order. */
  readonly sha256: string;
}

/**
 * Lays the texts of the build into a folder, then the operator's files over them, none of which may be a secret. Owners
 * do not count, and of modes only whether a file can be run: two builders with other umasks build one image.
 */
export async function stageFiles(
  into: string,
  ours: readonly RootFile[],
  configuration: string,
  files: string | null,
): Promise<Staged | Refusal> {
  for (const { name, mode, text } of ours) await put(path.join(into, name), text, mode);
  const text = await onDisk("reading the configuration", () => readFile(configuration, "utf8"));
  const secret = secretIn(CONFIGURATION, text);
  if (secret !== null) return refuse("image.secret-inside", `${quoteOutside(configuration, 300)} holds ${secret}`);
  // Before the operator's files: a link among them must not lead this one anywhere.
  await put(path.join(into, CONFIGURATION), text, 0o644);
  const given = new Map([[CONFIGURATION, `644 ${sha256(text)}`]]);
  const refused = files === null ? null : await copyTree(files, into, given);
  if (refused !== null) return refused;
  const names = [...given.keys()].toSorted();
  return { files: names, sha256: sha256(names.map((name) => `${given.get(name) ?? ""}  ${name}\n`).join("")) };
}

/** Every file below a folder that is a secret. */
export async function secretsBelow(folder: string, name: string): Promise<Refusal | null> {
  for (const entry of await onDisk("looking for secrets", () =>
    readdir(path.join(folder, name), { withFileTypes: true }),
  )) {
    const inner = path.join(name, entry.name);
    if (entry.isDirectory()) {
      const refused = await secretsBelow(folder, inner);
      if (refused !== null) return refused;
    } else if (entry.isFile()) {
      const bytes = await onDisk("looking for secrets", () => readFile(path.join(folder, inner)));
      const secret = secretIn(inner, bytes.toString("latin1"));
      if (secret !== null) return refuse("image.secret-inside", `/${quoteOutside(inner, 300)} holds ${secret}`);
    }
  }
  return null;
}

async function copyTree(from: string, into: string, given: Map<string, string>, at = ""): Promise<Refusal | null> {
  const entries = await onDisk("reading the image's files", () =>
    readdir(path.join(from, at), { withFileTypes: true }),
  );
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = path.join(at, entry.name);
    const [source, target] = [path.join(from, name), path.join(into, name)];
    const shown = quoteOutside(name, 300);
    if (name === CONFIGURATION) return refuse("image.malformed", `${shown} is given already, as the configuration`);
    if (given.size >= MOST_FILES) return refuse("image.malformed", `more than ${MOST_FILES} files`);
    if (entry.isDirectory()) {
      const refused = await copyTree(from, into, given, name);
      if (refused !== null) return refused;
    } else if (entry.isSymbolicLink()) {
      const to = await onDisk("reading a link", () => readlink(source));
      await onDisk("writing the image's files", async () => {
        await mkdir(path.dirname(target), { recursive: true });
        await rm(target, { force: true });
        await symlink(to, target);
      });
      given.set(name, `link ${sha256(to)}`);
    } else if (entry.isFile()) {
      const { size, mode } = await onDisk("reading the image's files", () => lstat(source));
      if (size > MOST_FILE_BYTES) return refuse("image.malformed", `${shown} is larger than ${MOST_FILE_BYTES} bytes`);
      const bytes = await onDisk("reading the image's files", () => readFile(source));
      const secret = secretIn(name, bytes.toString("latin1"));
      if (secret !== null) return refuse("image.secret-inside", `${shown} holds ${secret}`);
      const runs = (mode & 0o100) === 0 ? 0o644 : 0o755;
      await put(target, bytes, runs);
      given.set(name, `${runs.toString(8)} ${sha256(bytes)}`);
    } else return refuse("image.malformed", `${shown} is neither file, folder nor link`);
  }
  return null;
}

async function put(file: string, bytes: string | Uint8Array, mode: number): Promise<void> {
  await onDisk("writing the image's files", async () => {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o755 });
    await writeFile(file, bytes);
    // Whatever the builder's umask.
    await chmod(file, mode);
  });
}

function sha256(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A copy with the mode that it is to have. */
export async function take(from: string, to: string): Promise<void> {
  await onDisk("copying a part of the image", async () => {
    await copyFile(from, to);
    await chmod(to, 0o644);
  });
}
