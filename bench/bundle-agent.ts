import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { run } from "../test/fixtures/daemon.ts";
import { buildRelease } from "./release.ts";
import { conclude, say } from "./report.ts";

/**
 * `npm run bundle:agent [FOLDER]`: the agent alone, with everything that it imports and nothing else, in a folder that can
 * be copied to a client (`dist-agent` where none is given). It needs Node there. The bundle is then run once.
 */
const repository = path.join(import.meta.dirname, "..");
const bundle = path.resolve(process.argv[2] ?? path.join(repository, "dist-agent"));
const ENTRY = "main/ringfort-agent.js";

/** The packages of an imported module: its own and those below it, as the lock file has them. */
async function packagesBelow(name: string, found: Set<string>): Promise<void> {
  if (found.has(name)) return;
  found.add(name);
  const { dependencies = {} } = JSON.parse(
    await readFile(path.join(repository, "node_modules", name, "package.json"), "utf8"),
  ) as { readonly dependencies?: Readonly<Record<string, string>> };
  for (const below of Object.keys(dependencies)) await packagesBelow(below, found);
}

/** Every compiled file that is reached from a file, and the packages that they name. */
async function reached(dist: string, file: string, files: Set<string>, packages: Set<string>): Promise<void> {
  if (files.has(file)) return;
  files.add(file);
  const text = await readFile(path.join(dist, file), "utf8");
  for (const [, name = ""] of text.matchAll(/^(?:import|export) (?:[^;]*? from )?"([^"]+)";/gm)) {
    if (name.startsWith(".")) await reached(dist, path.join(path.dirname(file), name), files, packages);
    else if (!name.startsWith("node:"))
      await packagesBelow(name.split("/", name.startsWith("@") ? 2 : 1).join("/"), packages);
  }
}

const dist = path.dirname(await buildRelease());
const files = new Set<string>();
const packages = new Set<string>();
await reached(dist, ENTRY, files, packages);
await rm(bundle, { recursive: true, force: true });
for (const file of files) {
  const to = path.join(bundle, "dist", file);
  await mkdir(path.dirname(to), { recursive: true });
  await cp(path.join(dist, file), to);
}
for (const name of packages)
  await cp(path.join(repository, "node_modules", name), path.join(bundle, "node_modules", name), { recursive: true });
await cp(path.join(repository, "LICENSE"), path.join(bundle, "LICENSE"));
const { version } = JSON.parse(await readFile(path.join(repository, "package.json"), "utf8")) as {
  readonly version: string;
};
await writeFile(
  path.join(bundle, "package.json"),
  `${JSON.stringify({ name: "ringfort-agent", version, license: "Apache-2.0", private: true, type: "module", bin: { "ringfort-agent": `dist/${ENTRY}` } }, null, 2)}\n`,
);
const tried = await run(process.execPath, [path.join(bundle, "dist", ENTRY), "--version"], { cwd: bundle });
say(`${bundle}: ${files.size} files of ours, packages ${[...packages].toSorted().join(", ")}`);
say(`node dist/${ENTRY} --version: ${tried.stdout.trim()}${tried.stderr.trim()}`);
conclude(
  { bundle: "agent", files: files.size, packages: [...packages].toSorted(), version: tried.stdout.trim() },
  tried.code === 0 && tried.stdout.includes(version),
);
